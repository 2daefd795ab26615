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

/** So many frames are read in one turn; the rest waits for the next. */
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
  /** What this turn answers; sent in one call when the socket is dry. */
  readonly #answers: Uint8Array[] = [];
  readonly #questions: Questions = new Questions();
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
    const members = groups.flatMap((group) => group.memberAddresses.flatMap((member) => member.addresses));
    this.hosts = new Hosts(new Set([...this.#groupOf.keys(), ...members.map(addressOf)]));
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
    if (!on) this.#questions.drop(group);
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
   * known is asked in the turns that follow. Returns 0 or the errno of the first frame that could not be sent.
   */
  announce(group: GroupId, ask: boolean): number {
    const errno = this.#socket.sendBurst(this.#announcements.get(group) ?? []);
    if (ask) this.#questions.begin(group, this.#addresses.get(group) ?? [], this.hosts.all);
    return errno;
  }

  /** There are hosts still to be asked. */
  get asking(): boolean {
    return this.#questions.pending;
  }

  /** Asks the next of them. */
  ask(): void {
    if (this.#questions.pending) this.#socket.sendBurst(this.#questions.slice(this.#mac, this.hosts));
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

  #hear(frame: NeighbourFrame): void {
    switch (frame.kind) {
      case 'arp': {
        if (this.#groupOf.has(frame.senderIp)) return this.#claim(frame.senderIp, frame.senderMac);
        this.hosts.learn(frame.senderIp, frame.senderMac);
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
