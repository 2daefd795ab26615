/**
 * The voice of the groups on one LAN interface: answers ARP and neighbour solicitations for the addresses of active
 * groups (and of no others), announces, and notices when somebody else claims one of them. A dead or frozen process
 * answers nothing, because nothing but this code answers.
 */
import { neighbourFilter } from '../../linux/bpf.ts';
import { interfaceMac } from '../../linux/interfaces.ts';
import { SolicitedNodes } from '../../linux/multicast.ts';
import { PacketSocket } from '../../linux/packet-socket.ts';
import { readSysctl } from '../../linux/sysctl.ts';
import {
  formatIp,
  formatMac,
  type IpAddress,
  ipv6MulticastMac,
  isIpv4,
  type MacAddress,
  solicitedNode,
} from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import {
  arpAnnouncementReply,
  arpAnnouncementRequest,
  arpReply,
  decodeNeighbourFrame,
  type NeighbourFrame,
  neighbourAdvertisement,
  unsolicitedAdvertisement,
} from '../../wire/frame.ts';
import type { GroupLink } from '../bridge.ts';
import { Hosts } from './hosts.ts';
import { addressOf } from './paths.ts';
import { Questions } from './questions.ts';

/**
 * A question creates an entry where a host has none. Of a larger group, hosts are asked only about the addresses that
 * somebody asked for last: a thousand entries would fill their tables (Linux keeps 1024 by default).
 */
const askedMax = 64;

/** So many frames are read in one turn, and so many announcements are sent; the rest waits for the next. */
const framesPerTurn = 64;

/** Somebody whose MAC is not ours said that a group address is his. */
export type Claimed = (group: GroupId, address: IpAddress, mac: MacAddress) => void;

export class Responder {
  readonly interface: string;
  readonly hosts: Hosts;
  readonly #claimed: Claimed;
  readonly #groupOf: Map<IpAddress, GroupId> = new Map();
  readonly #answering: Set<GroupId> = new Set();
  readonly #addresses: Map<GroupId, readonly IpAddress[]> = new Map();
  readonly #announcements: Map<GroupId, readonly Uint8Array[]> = new Map();
  /** Groups whose announcements are being sent, and how many of them were. */
  readonly #announcing: Map<GroupId, number> = new Map();
  /** What this turn answers; sent in one call when the socket is dry. */
  readonly #answers: Uint8Array[] = [];
  readonly #questions: Questions = new Questions();
  /** Addresses of the groups that hosts asked for, the last one last. */
  readonly #asked: Set<IpAddress> = new Set();
  #socket: PacketSocket;
  #solicited: SolicitedNodes;
  #mac: MacAddress;
  #router: boolean;

  constructor(interfaceName: string, groups: readonly GroupLink[], claimed: Claimed) {
    this.interface = interfaceName;
    this.#claimed = claimed;
    for (const group of groups) {
      const addresses = group.addresses.map(addressOf);
      this.#addresses.set(group.id, addresses);
      for (const address of addresses) this.#groupOf.set(address, group.id);
    }
    this.#mac = interfaceMac(interfaceName);
    this.#router = forwards(interfaceName);
    this.#makeAnnouncements();
    // The members, and a proxy that routes to us whatever its table says.
    const nodes = groups.flatMap(({ memberAddresses, gateway }) => [
      ...memberAddresses.flatMap((member) => member.addresses),
      ...(gateway?.addresses ?? []),
    ]);
    this.hosts = new Hosts(new Set([...this.#groupOf.keys(), ...nodes.map(addressOf)]));
    this.#socket = this.#openSocket();
    this.#solicited = this.#join();
  }

  get fd(): number {
    return this.#socket.fd;
  }

  get interfaceIndex(): number {
    return this.#socket.interfaceIndex;
  }

  /** Begins or stops answering for a group. */
  answer(group: GroupId, on: boolean): void {
    if (on) this.#answering.add(group);
    else this.#answering.delete(group);
    if (on) return;
    this.#announcing.delete(group);
    this.#questions.drop(group);
  }

  answers(group: GroupId): boolean {
    return this.#answering.has(group);
  }

  /** Reads what waits, up to a turn's share, then sends the answers in one call. */
  receive(): void {
    this.#socket.receive((bytes) => {
      const frame = decodeNeighbourFrame(bytes);
      if (frame.ok && frame.value.source !== this.#mac) this.#hear(frame.value);
    }, framesPerTurn);
    if (this.#answers.length === 0) return;
    this.#socket.sendBurst(this.#answers);
    this.#answers.length = 0;
  }

  /**
   * Announces each address of the group by the broadcast forms, which reach everybody at once; with `ask`, each host
   * known is asked in the turns that follow. Returns 0 or the errno of the first frame that could not be sent. What is too
   * much for one turn goes on in the next ones.
   */
  announce(group: GroupId, ask: boolean): number {
    this.#announcing.set(group, 0);
    const errno = this.#announceSlice(group);
    if (ask) this.#questions.begin(group, this.#worthAsking(group), this.hosts.all);
    return errno;
  }

  /** There is more to announce, or there are hosts still to be asked. */
  get speaking(): boolean {
    return this.#announcing.size > 0 || this.#questions.pending;
  }

  /** The next slice: announcements first. */
  proceed(): void {
    const [group] = this.#announcing.keys();
    if (group !== undefined) this.#announceSlice(group);
    else if (this.#questions.pending) this.#socket.sendBurst(this.#questions.slice(this.#mac, this.hosts));
  }

  /** The interface has a new MAC: everything said from here on is said with it. */
  changeMac(): void {
    this.#mac = interfaceMac(this.interface);
    this.#router = forwards(this.interface);
    this.#makeAnnouncements();
  }

  /**
   * The interface came back under a new index. Returns the old socket, for somebody who has time to close it: that
   * waits for a grace period of the kernel.
   */
  reopen(): { close(): void } {
    const { socket, solicited } = { socket: this.#openSocket(), solicited: this.#join() };
    const former = this.#socket;
    this.#solicited.close();
    this.#socket = socket;
    this.#solicited = solicited;
    this.changeMac();
    return former;
  }

  close(): void {
    this.#answering.clear();
    this.#socket.close();
    this.#solicited.close();
  }

  #announceSlice(group: GroupId): number {
    const frames = this.#announcements.get(group) ?? [];
    const from = this.#announcing.get(group) ?? 0;
    const to = from + framesPerTurn;
    if (to < frames.length) this.#announcing.set(group, to);
    else this.#announcing.delete(group);
    return this.#socket.sendBurst(frames.slice(from, to));
  }

  #hear(frame: NeighbourFrame): void {
    switch (frame.kind) {
      case 'arp': {
        if (this.#groupOf.has(frame.senderIp)) return this.#claim(frame.senderIp, frame.senderMac);
        this.hosts.learn(frame.senderIp, frame.senderMac);
        if (frame.operation === 'request') this.#noteAsked(frame.targetIp);
        if (frame.operation === 'request' && this.#answersFor(frame.targetIp)) {
          // RFC 5227 §2.1.1: a probe (sender address 0) is answered too, or somebody would take the address.
          this.#answers.push(arpReply(this.#mac, frame.targetIp, frame.senderMac, frame.senderIp));
        }
        return;
      }
      case 'solicitation': {
        if (this.#groupOf.has(frame.senderIp))
          return this.#claim(frame.senderIp, frame.senderMac ?? frame.source);
        const mac = frame.senderMac ?? frame.source;
        if (frame.senderIp !== 0n) this.hosts.learn(frame.senderIp, mac);
        this.#noteAsked(frame.targetIp);
        if (this.#answersFor(frame.targetIp)) {
          this.#answers.push(
            neighbourAdvertisement(this.#mac, frame.targetIp, this.#router, mac, frame.senderIp),
          );
        }
        return;
      }
      case 'advertisement': {
        const mac = frame.targetMac ?? frame.source;
        if (this.#groupOf.has(frame.targetIp)) return this.#claim(frame.targetIp, mac);
        this.hosts.learn(frame.targetIp, mac);
        return;
      }
    }
  }

  #noteAsked(address: IpAddress): void {
    if (!this.#groupOf.has(address)) return;
    // Deleted first, so that it moves to the end.
    this.#asked.delete(address);
    this.#asked.add(address);
    if (this.#asked.size <= askedMax) return;
    const [oldest] = this.#asked;
    if (oldest !== undefined) this.#asked.delete(oldest);
  }

  #worthAsking(group: GroupId): readonly IpAddress[] {
    const all = this.#addresses.get(group) ?? [];
    return all.length <= askedMax ? all : [...this.#asked].filter((one) => this.#groupOf.get(one) === group);
  }

  #answersFor(address: IpAddress): boolean {
    const group = this.#groupOf.get(address);
    return group !== undefined && this.#answering.has(group);
  }

  #claim(address: IpAddress, mac: MacAddress): void {
    const group = this.#groupOf.get(address);
    if (group !== undefined && mac !== this.#mac) this.#claimed(group, address, mac);
  }

  #makeAnnouncements(): void {
    for (const [group, addresses] of this.#addresses) {
      this.#announcements.set(
        group,
        addresses.flatMap((address) =>
          isIpv4(address)
            ? [arpAnnouncementReply(this.#mac, address), arpAnnouncementRequest(this.#mac, address)]
            : [unsolicitedAdvertisement(this.#mac, address, this.#router)],
        ),
      );
    }
  }

  #openSocket(): PacketSocket {
    const socket = PacketSocket.open({
      interface: this.interface,
      filter: neighbourFilter(),
      ignoreOutgoing: true,
    });
    for (const address of this.#groupOf.keys()) {
      if (!isIpv4(address)) socket.joinMulticast(ipv6MulticastMac(solicitedNode(address)));
    }
    return socket;
  }

  /** Switches that snoop on multicast listener reports send solicitations only to ports that joined. */
  #join(): SolicitedNodes {
    const groups = [...this.#groupOf.keys()]
      .filter((address) => !isIpv4(address))
      .map((a) => solicitedNode(a));
    return SolicitedNodes.join(this.interface, groups);
  }
}

function forwards(interfaceName: string): boolean {
  try {
    return readSysctl(['net', 'ipv6', 'conf', interfaceName, 'forwarding']) === '1';
  } catch {
    return false; // no IPv6 on this machine
  }
}

/** For reports: an address and who claims it, as text. */
export function describeClaim(address: IpAddress, mac: MacAddress): { address: string; mac: string } {
  return { address: formatIp(address), mac: formatMac(mac) };
}
