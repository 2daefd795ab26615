/**
 * A host of the lab: an ordinary kernel that nothing of ours runs on. What the test does there is what any program could:
 * it reads the address table, talks UDP from a socket, and puts questions on the wire.
 */

import type { HostPlan, LabPlan } from '../../src/lab/plan.ts';
import { ip, readTable } from '../../src/lab/topology.ts';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { UdpSocket } from '../../src/linux/udp-socket.ts';
import {
  broadcastMac,
  type Ipv4Address,
  type Ipv6Address,
  ipv6MulticastMac,
  isIpv4,
  type MacAddress,
  parseIp,
  parseMac,
  solicitedNode,
} from '../../src/wire/address.ts';
import { arpQuestion, neighbourQuestion } from '../../src/wire/frame.ts';
import { inPeer } from '../namespace.ts';
import { answer, Capture } from './capture.ts';

/** How long a test waits for what a claim says, milliseconds. The system takes some tens; a busy machine more. */
export const claimMs = 6_000;
/** A datagram may be lost while the role moves; after so long it is sent again, microseconds. */
const againUs = 20_000;
/** An ordinary program's packets. */
const usualHops = 64;

export class Host {
  readonly plan: HostPlan;
  /** The shared logical addresses, IPv4 first. */
  readonly shared: readonly string[];
  readonly talks: readonly Conversation[];
  readonly ears: Capture;
  readonly #mouth: PacketSocket;
  readonly #pinned = new Set<string>();

  constructor(plan: HostPlan, { service4, service6, servicePort }: LabPlan) {
    this.plan = plan;
    this.shared = [service4, service6];
    this.talks = this.shared.map((to, index) => new Conversation(plan, to, servicePort, 40_000 + index));
    this.ears = new Capture(plan.name, plan.interface);
    this.#mouth = inPeer(plan.name, () => PacketSocket.open({ interface: plan.interface }));
  }

  /** Where the kernel's table has the address: a physical address, or null. */
  mapped(address: string): string | null {
    return readTable(this.plan.name).find((entry) => entry.address === address)?.mac ?? null;
  }

  /** Resolves when the table has every address (or those given) there. Sends nothing. */
  async untilMapped(to: string, addresses = this.shared, timeoutMs = claimMs): Promise<void> {
    for (const address of addresses) {
      await until(
        `the table of ${this.plan.name} has ${address} at ${to}`,
        () => this.mapped(address) === to,
        timeoutMs,
        () => `it has ${this.mapped(address) ?? 'no entry'}`,
      );
    }
  }

  /** From now on the table holds on to this entry, whatever the kernel hears. */
  pin(address: string, to: string): void {
    const { name, interface: device } = this.plan;
    ip(['-n', name, 'neigh', 'replace', address, 'lladdr', to, 'dev', device, 'nud', 'permanent']);
    this.#pinned.add(address);
  }

  unpin(): void {
    for (const address of this.#pinned) this.forget(address);
    this.#pinned.clear();
  }

  /** The table has no entry for the address: the next packet asks anew. */
  forget(address: string): void {
    ip(['-n', this.plan.name, 'neigh', 'del', address, 'dev', this.plan.interface]);
  }

  /** An old entry, as one that nobody used for long. */
  remember(address: string, at: string): void {
    const { name, interface: device } = this.plan;
    ip(['-n', name, 'neigh', 'replace', address, 'lladdr', at, 'dev', device, 'nud', 'stale']);
  }

  /** "Who has it?", for every shared address: to everybody, or by unicast to `at`. The kernel knows nothing of it. */
  question(at?: string): void {
    const { mac, address4, address6 } = this.plan;
    const own = hardware(mac);
    const frames = this.shared.map((text) => {
      const target = parseIp(text) ?? (0 as Ipv4Address);
      if (isIpv4(target)) {
        const to = at === undefined ? broadcastMac : hardware(at);
        return arpQuestion(own, parseIp(address4) as Ipv4Address, to, target);
      }
      const to = at === undefined ? ipv6MulticastMac(solicitedNode(target)) : hardware(at);
      return neighbourQuestion(own, parseIp(address6) as Ipv6Address, to, target);
    });
    this.#mouth.sendBurst(frames);
  }

  /** How many answers to questions of this host were heard so far, of the machine at `at`. */
  answers(at: string): number {
    const { mac, address4, address6 } = this.plan;
    return this.shared.reduce((sum, address) => {
      const host = { mac, address: address.includes(':') ? address6 : address4 };
      return sum + this.ears.like(answer(at, address, host)).length;
    }, 0);
  }
}

/** An application on a host: numbered requests from one socket to one shared address. */
export class Conversation {
  readonly name: string;
  readonly #socket: UdpSocket;
  readonly #to: Ipv4Address | Ipv6Address;
  readonly #port: number;
  /** Who answered, by the number of the request. */
  readonly #answered = new Map<number, string>();
  #sent = 0;

  constructor(host: HostPlan, to: string, port: number, ownPort: number) {
    this.name = `${host.name} to ${to}`;
    this.#to = parseIp(to) ?? (0 as Ipv4Address);
    this.#port = port;
    const local = parseIp(to.includes(':') ? host.address6 : host.address4) ?? (0 as Ipv4Address);
    this.#socket = inPeer(host.name, () =>
      UdpSocket.open({ interface: host.interface, localAddress: local, port: ownPort, ttl: usualHops }),
    );
  }

  /** Sends one request; returns its number. */
  say(): number {
    const request = Buffer.alloc(8);
    request.writeUInt32BE(this.#sent, 0);
    this.#socket.send(request, request.length, this.#to, this.#port);
    return this.#sent++;
  }

  /** The member that answered the request, or undefined. */
  answerTo(request: number): string | undefined {
    this.#socket.receive((bytes) => {
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (view.length > 8) this.#answered.set(view.readUInt32BE(0), view.toString('latin1', 8));
    });
    return this.#answered.get(request);
  }

  /** How many requests, from this number on, the member has answered. */
  answersOf(member: string, since = 0): number {
    this.answerTo(since);
    return [...this.#answered].filter(([request, name]) => request >= since && name === member).length;
  }

  /** Sends one request, once, and resolves to the member that answers it. */
  async exchange(): Promise<string> {
    const request = this.say();
    await until(`${this.name}: one request is answered`, () => this.answerTo(request) !== undefined, claimMs);
    return this.answerTo(request) ?? '';
  }

  /** Goes on asking until this member answers. */
  async untilAnsweredBy(member: string, timeoutMs = claimMs): Promise<void> {
    const first = this.say();
    let sentUs = monotonicUs();
    const answered = (): boolean => {
      if (this.answersOf(member, first) > 0) return true;
      if (monotonicUs() - sentUs >= againUs) {
        this.say();
        sentUs = monotonicUs();
      }
      return false;
    };
    await until(`${this.name}: ${member} answers`, answered, timeoutMs);
  }
}

function hardware(text: string): MacAddress {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(`${text} is no physical address`);
  return parsed;
}
