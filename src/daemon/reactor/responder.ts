/**
 * The voice of the groups on one LAN interface: answers ARP and neighbour solicitations for the addresses of active
 * groups (and of no others), announces, and notices when somebody else claims one of them. A dead or frozen process
 * answers nothing, because nothing but this code answers.
 */
import { neighbourFilter, trafficFilter } from '../../linux/bpf.ts';
import { interfaceMac } from '../../linux/interfaces.ts';
import { SolicitedNodes } from '../../linux/multicast.ts';
import { PacketSocket } from '../../linux/packet-socket.ts';
import { readSysctl } from '../../linux/sysctl.ts';
import {
  allNodes,
  type IpAddress,
  ipv6MulticastMac,
  isIpv4,
  type MacAddress,
  solicitedNode,
  unspecifiedIpv4,
  unspecifiedIpv6,
} from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { decodeEthernet } from '../../wire/ethernet.ts';
import {
  arpReply,
  decodeNeighbourFrame,
  type NeighbourFrame,
  neighbourAdvertisement,
} from '../../wire/frame.ts';
import type { GroupLink } from '../bridge.ts';
import { Broadcasts } from './broadcasts.ts';
import { type Claim, claimOf } from './claim.ts';
import { Hosts } from './hosts.ts';
import { addressOf } from './paths.ts';
import { Questions } from './questions.ts';

/**
 * A question creates an entry where a host has none. Of a larger group, hosts are asked only about the addresses that
 * somebody asked for last: a thousand entries would fill their tables (Linux keeps 1024 by default).
 */
const askedMax = 64;

/** So many frames are read in one turn; the rest waits for the next. */
const framesPerTurn = 64;

export interface ResponderListener {
  /** Somebody whose MAC is not ours said that a group address is his, or asked whether anybody has it. */
  claimed(claim: Claim): void;
  /** He who asked has a lower MAC than ours. */
  rivalled(group: GroupId): void;
  /** A node of a group, as a frame of its own tells. */
  placed(address: IpAddress, mac: MacAddress): void;
  /** The interface has passed the first frame since `awaitTraffic`. */
  passes(interfaceName: string): void;
}

export class Responder {
  readonly interface: string;
  readonly hosts: Hosts;
  readonly #told: ResponderListener;
  readonly #groupOf: Map<IpAddress, GroupId> = new Map();
  readonly #answering: Set<GroupId> = new Set();
  readonly #addresses: Map<GroupId, readonly IpAddress[]> = new Map();
  /** What others claimed since it was announced last. */
  readonly #contested: Map<GroupId, Set<IpAddress>> = new Map();
  readonly #broadcasts: Broadcasts = new Broadcasts(this.#addresses);
  /** What this turn answers; sent in one call when the socket is dry. */
  readonly #answers: Uint8Array[] = [];
  readonly #questions: Questions = new Questions();
  /** Addresses of the groups that hosts asked for, the last one last. */
  readonly #asked: Set<IpAddress> = new Set();
  #socket: PacketSocket;
  #solicited: SolicitedNodes;
  #mac: MacAddress;
  #router: boolean;
  /** No frame has come since the carrier did. */
  #silent = false;

  constructor(interfaceName: string, groups: readonly GroupLink[], told: ResponderListener) {
    this.interface = interfaceName;
    this.#told = told;
    for (const group of groups) {
      const addresses = group.addresses.map(addressOf);
      this.#addresses.set(group.id, addresses);
      for (const address of addresses) this.#groupOf.set(address, group.id);
    }
    this.#mac = interfaceMac(interfaceName);
    this.#router = forwards(interfaceName);
    this.#broadcasts.make(this.#mac, this.#router);
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
    this.#broadcasts.drop(group);
    this.#questions.drop(group);
    this.#contested.delete(group);
  }

  answers(group: GroupId): boolean {
    return this.#answering.has(group);
  }

  /** Reads what waits, up to a turn's share, then sends the answers in one call. */
  receive(): void {
    this.#socket.receive((bytes) => {
      if (this.#silent) this.#heardAnything(bytes);
      const frame = decodeNeighbourFrame(bytes);
      if (frame.ok && frame.value.source !== this.#mac) this.#hear(frame.value);
    }, framesPerTurn);
    if (this.#answers.length === 0) return;
    this.#socket.sendBurst(this.#answers);
    this.#answers.length = 0;
  }

  /**
   * `ask`: announces each address of the group by the broadcast forms, which reach everybody at once; each host known is
   * asked in the turns that follow. Otherwise, only what others claimed since is announced. Returns 0 or the errno of the
   * first frame that could not be sent. What is too much for one turn goes on in the next ones.
   */
  announce(group: GroupId, ask: boolean): number {
    this.#broadcasts.announce(group, ask ? undefined : this.#contested.get(group));
    this.#contested.delete(group);
    const errno = this.#socket.sendBurst(this.#broadcasts.slice(group));
    if (ask) this.#questions.begin(group, this.#worthAsking(group), this.hosts.all);
    return errno;
  }

  /** Asks everybody once whether he has one of the group's addresses; returns as `announce` does. */
  probe(group: GroupId): number {
    this.#broadcasts.probe(group);
    return this.#socket.sendBurst(this.#broadcasts.slice(group));
  }

  /** The interface got carrier: the first frame from outside is awaited, of whatever kind. Throws OperationError. */
  awaitTraffic(): void {
    this.#silent = true;
    this.#socket.filter(trafficFilter());
  }

  /** There is more to say to everybody, or there are hosts still to be asked. */
  get speaking(): boolean {
    return this.#broadcasts.pending || this.#questions.pending;
  }

  /** The next slice: what is for everybody first. */
  proceed(): void {
    if (this.#broadcasts.pending) this.#socket.sendBurst(this.#broadcasts.slice());
    else if (this.#questions.pending) this.#socket.sendBurst(this.#questions.slice(this.#mac, this.hosts));
  }

  /** The interface has a new MAC: everything said from here on is said with it. */
  changeMac(): void {
    this.#mac = interfaceMac(this.interface);
    this.#router = forwards(this.interface);
    this.#broadcasts.make(this.#mac, this.#router);
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

  /** The switch's own words have been left out by the filter; our own may come back to us. */
  #heardAnything(bytes: Uint8Array): void {
    const frame = decodeEthernet(bytes);
    if (frame.ok && frame.value.source === this.#mac) return;
    this.#silent = false;
    this.#socket.filter(neighbourFilter());
    this.#told.passes(this.interface);
  }

  #hear(frame: NeighbourFrame): void {
    const claim = claimOf(frame);
    if (claim !== undefined) this.#claim(claim);
    switch (frame.kind) {
      case 'arp':
        if (this.#groupOf.has(frame.senderIp)) return;
        this.#learn(frame.senderIp, frame.senderMac);
        if (frame.operation === 'request') this.#noteAsked(frame.targetIp);
        if (frame.operation === 'request' && this.#answersFor(frame.targetIp)) {
          // RFC 5227 §2.1.1: a probe (sender address 0) is answered too, or somebody would take the address.
          this.#answers.push(arpReply(this.#mac, frame.targetIp, frame.senderMac, frame.senderIp));
        }
        return;
      case 'solicitation': {
        if (this.#groupOf.has(frame.senderIp)) return;
        const mac = frame.senderMac ?? frame.source;
        this.#learn(frame.senderIp, mac);
        this.#noteAsked(frame.targetIp);
        if (this.#answersFor(frame.targetIp)) {
          this.#answers.push(
            neighbourAdvertisement(this.#mac, frame.targetIp, this.#router, mac, frame.senderIp),
          );
        }
        return;
      }
      case 'advertisement':
        if (!this.#groupOf.has(frame.targetIp)) this.#learn(frame.targetIp, frame.targetMac ?? frame.source);
        return;
    }
  }

  #learn(address: IpAddress, mac: MacAddress): void {
    if (address === unspecifiedIpv4 || address === unspecifiedIpv6) return;
    this.hosts.learn(address, mac);
    this.#told.placed(address, mac);
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

  #claim({ address, mac, how }: Omit<Claim, 'group'>): void {
    const group = this.#groupOf.get(address);
    if (group === undefined || mac === this.#mac) return;
    if (how !== 'probe' && this.#answering.has(group)) {
      const contested = this.#contested.get(group) ?? new Set();
      this.#contested.set(group, contested.add(address));
    }
    if (how === 'probe' && mac < this.#mac) this.#told.rivalled(group);
    this.#told.claimed({ group, address, mac, how });
  }

  #openSocket(): PacketSocket {
    const socket = PacketSocket.open({
      interface: this.interface,
      filter: this.#silent ? trafficFilter() : neighbourFilter(),
      ignoreOutgoing: true,
    });
    for (const address of this.#groupOf.keys()) {
      if (isIpv4(address)) continue;
      socket.joinMulticast(ipv6MulticastMac(solicitedNode(address)));
      // Who has the address answers a probe to all nodes (RFC 4861 §7.2.4).
      socket.joinMulticast(ipv6MulticastMac(allNodes));
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
