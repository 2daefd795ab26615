/**
 * A group's presence on this machine, and how the engine's wishes become kernel state: fence and lease, addresses,
 * answers, announcements, forwarding and holding in a planned switchover.
 */
import { monotonicUs } from '../../linux/clock.ts';
import { errnoName } from '../../linux/errno.ts';
import { OperationError } from '../../linux/errors.ts';
import { Fence } from '../../linux/fence/fence.ts';
import { destroyTcpSockets, destroyUdpSockets } from '../../linux/sockdiag.ts';
import { formatIp, type IpAddress, isIpv4 } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { GroupLink, ReactorConfig, ReactorReport } from '../bridge.ts';
import { holdDevice, tunDevice } from '../devices.ts';
import { rehearseTakeover } from './dress-rehearsal.ts';
import { HoldQueue } from './hold.ts';
import { Lease } from './lease.ts';
import { Ownership } from './ownership.ts';
import { addressOf } from './paths.ts';
import { Responder, type ResponderListener } from './responder.ts';
import { Router } from './router.ts';

/** How long connections on an address that was given up are kept for the case that it is taken again, microseconds. */
const connectionsKeptUs = 1_000_000;
/** Whoever changes the fence more often than this costs it the role, microseconds. */
const mendIntervalUs = 1_000_000;

export class Groups {
  readonly lease: Lease;
  readonly hold: HoldQueue;
  readonly responders: ReadonlyMap<string, Responder>;
  readonly #fence: Fence;
  readonly #ownership: Ownership;
  readonly #router: Router;
  readonly #links: ReadonlyMap<GroupId, GroupLink>;
  readonly #report: (report: ReactorReport) => void;
  readonly #interfaces: ReadonlySet<string>;
  readonly #active: Set<GroupId> = new Set();
  /** Groups given up, and when: the other thread ends the connections on their addresses. */
  readonly #yielded: Map<GroupId, number> = new Map();
  #mendedUs: number = Number.NEGATIVE_INFINITY;
  /** Sockets of interfaces that are gone; closing one takes the kernel longer than a lease can wait. */
  readonly #graves: { close(): void }[] = [];

  /** In this order: the device, the fence, the addresses on the device, who answers for them. */
  constructor(config: ReactorConfig, told: ResponderListener, report: (report: ReactorReport) => void) {
    this.#report = report;
    this.#interfaces = new Set(
      [...config.groups, ...config.paths, ...config.groups.flatMap((link) => link.clients)].map(
        (one) => one.interface,
      ),
    );
    this.#links = new Map(config.groups.map((link) => [link.id, link]));
    this.#fence = Fence.open({
      instance: config.instance,
      leaseMs: config.leaseMs,
      groups: config.groups.map((link) => ({
        id: link.id,
        interface: link.interface,
        addresses: link.addresses.map(addressOf),
        ...(link.mirror === undefined ? {} : { mirrored: [link.mirror.port] }),
      })),
      ownDevices: [
        tunDevice(config.instance),
        holdDevice(config.instance),
        ...config.groups.flatMap(({ mirror }) => (mirror === undefined ? [] : [mirror.gate])),
      ],
      waitingRoom: holdDevice(config.instance),
    });
    this.lease = new Lease(this.#fence, config.renewIntervalUs, config.leaseMs);
    // The device first: one process has it, and only that one may replace the fence. Addresses come when that stands.
    this.#ownership = new Ownership(config);
    this.#fence.arm();
    this.#ownership.settle();
    const groupOf = new Map(
      config.groups.flatMap((link) => link.addresses.map((a) => [addressOf(a), link.id])),
    );
    this.hold = new HoldQueue(
      config.instance,
      this.#fence,
      { bytesMax: config.holdBytesMax, ageUs: config.holdAgeUs },
      (address) => groupOf.get(address),
    );
    this.#router = new Router(config);
    rehearseTakeover(config, this.hold.device);
    const responders = new Map<string, Responder>();
    for (const name of new Set(config.groups.map((link) => link.interface))) {
      const here = config.groups.filter((link) => link.interface === name);
      responders.set(name, new Responder(name, here, told));
    }
    this.responders = responders;
  }

  /** Opens the fence, in a strict group until `untilUs`; false when the kernel or the clock objected. */
  acquire(group: GroupId, nowUs: number, untilUs?: number): boolean {
    const opened = this.#attempt('take over', this.#where(group), () => {
      this.#ownership.activate(group);
      return this.lease.acquire(group, nowUs, monotonicUs, untilUs);
    });
    if (opened === true) {
      this.#active.add(group);
      this.#yielded.delete(group);
      return true;
    }
    this.#attempt('take back', this.#where(group), () => this.#ownership.deactivate(group));
    return false;
  }

  /** Strict groups: a majority has promised more time. False: too late, the fence has closed. */
  extend(group: GroupId, untilUs: number): boolean {
    return (
      this.#attempt('extend', this.#where(group), () => this.lease.extend(group, untilUs, monotonicUs)) ===
      true
    );
  }

  /** Closes the fence first of all. */
  yield(group: GroupId, nowUs: number): void {
    this.lease.yield(group);
    this.#active.delete(group);
    // A proxy has no sockets on the addresses, and what waits there may still go to whoever took over.
    if (this.#links.get(group)?.role === 'proxy') return;
    this.#yielded.set(group, nowUs);
    this.hold.discard(group);
    this.#attempt('take back', this.#where(group), () => this.#ownership.deactivate(group));
  }

  /** A service of the group is mirrored. */
  isMirrored(group: GroupId): boolean {
    return this.#links.get(group)?.mirror !== undefined;
  }

  answer(group: GroupId, on: boolean): void {
    this.#responder(group)?.answer(group, on);
  }

  announce(group: GroupId, ask: boolean): void {
    this.#said('announce', group, this.#responder(group)?.announce(group, ask));
  }

  /** Asks the LAN whether anybody has one of the group's addresses. The fence lets that pass: it has no source. */
  probe(group: GroupId): void {
    this.#said('probe', group, this.#responder(group)?.probe(group));
  }

  /** To a member's addresses on the group's LAN; 0 ends it. */
  forward(group: GroupId, to: NodeId | 0): void {
    if (to === 0) return this.#fence.stopForwarding(group);
    const addresses =
      this.#links.get(group)?.memberAddresses.find((one) => one.member === to)?.addresses ?? [];
    const parsed = addresses.map(addressOf);
    const v4 = parsed.find((address) => isIpv4(address));
    const v6 = parsed.find((address) => !isIpv4(address));
    this.#fence.forwardTo(group, {
      ...(v4 === undefined ? {} : { v4 }),
      ...(v6 === undefined ? {} : { v6 }),
    });
  }

  /**
   * Proxy: to a member registered here, or to the place that took over; 0: nowhere. The control plane does it, but for a
   * member that is served from this turn on.
   */
  route(group: GroupId, to: NodeId | 0): void {
    if (this.#active.has(group))
      this.#attempt('route', this.#where(group), () => this.#router.now(group, to));
    this.#router.ask(group, to);
  }

  /** The control plane has routed. */
  routed(group: GroupId, to: NodeId | 0): void {
    this.#router.done(group, to);
  }

  /** There is something to go on with in the next turn. */
  get busy(): boolean {
    if (this.hold.delivering) return true;
    for (const responder of this.responders.values()) if (responder.speaking) return true;
    return false;
  }

  /** The next slices of what takes more than one turn. */
  proceed(nowUs: number): void {
    this.hold.proceed(nowUs);
    for (const responder of this.responders.values()) responder.proceed();
  }

  /**
   * The addresses given up a while ago and not taken again. Not sooner: a lapse of the lease is mended within
   * milliseconds, and the fence keeps their connections silent meanwhile.
   */
  takeYielded(nowUs: number): readonly string[] {
    const due = [...this.#yielded].filter(([, sinceUs]) => nowUs - sinceUs >= connectionsKeptUs);
    for (const [group] of due) this.#yielded.delete(group);
    return due.flatMap(([group]) => this.#links.get(group)?.addresses ?? []);
  }

  /** An interface came, came back, or has another MAC (`rebind` false). Throws OperationError; try again later then. */
  appeared(name: string, rebind: boolean): void {
    const responder = this.responders.get(name);
    if (this.#interfaces.has(name)) {
      this.#ownership.quiet([name]);
      this.#router.forwardPackets();
    }
    if (responder === undefined) return;
    if (rebind) this.#graves.push(responder.reopen());
    else responder.changeMac();
  }

  /** The interface got carrier: its first frame is awaited. */
  awaitTraffic(name: string): void {
    this.#attempt('await traffic', name, () => this.responders.get(name)?.awaitTraffic());
  }

  /** The group is answered for here. */
  answers(group: GroupId): boolean {
    return this.#responder(group)?.answers(group) === true;
  }

  /** Interfaces appeared: the fence covers what exists now. Throws OperationError. */
  rearm(): void {
    this.#fence.rearm();
  }

  /** Puts back what others took from the TUN device. */
  restore(index: number): void {
    if (index !== this.#ownership.index) return;
    const { device } = this.#ownership;
    for (const address of this.#attempt('put back addresses', device, () => this.#ownership.restore()) ??
      []) {
      this.#report({ code: 'restored', what: `address ${formatIp(address)} on ${device}` });
    }
  }

  /** Readable when somebody else changed the fence; undefined where the kernel lets nobody. */
  get fenceDescriptor(): number | undefined {
    return this.#fence.descriptor;
  }

  /** Mends what somebody else changed of the fence, in the turn in which it is heard. Returns the groups that lost their voice. */
  mendFence(nowUs: number): readonly GroupId[] {
    const by = this.#fence.changedBy();
    if (by === undefined) return [];
    const lost = this.lease.mend(nowUs - this.#mendedUs >= mendIntervalUs, monotonicUs);
    this.#mendedUs = nowUs;
    this.#report({ code: 'restored', what: `the fence, which ${by} changed` });
    return lost;
  }

  /** Once a second: somebody may have flushed the fence; sockets to close wait for a moment without a lease. */
  inspect(): void {
    if (this.#fence.descriptor !== undefined && !this.#fence.isWhole()) {
      this.#fence.rearm();
      this.#report({ code: 'restored', what: 'the fence, which somebody removed' });
    }
    if (!this.lease.held) this.#graves.pop()?.close();
    this.#reportDropped();
  }

  /** A clean stop: nothing is held any more. Voices first, then addresses, the fence last. */
  close(): void {
    for (const responder of this.responders.values()) responder.close();
    for (const grave of this.#graves) grave.close();
    // The fence goes too: connections that outlive their address would speak for it from here.
    for (const link of this.#links.values()) {
      for (const text of link.addresses) this.#destroy(addressOf(text));
    }
    this.hold.close();
    for (const failure of [...this.#router.close(), ...this.#ownership.close()]) {
      this.#report({ code: 'trouble', operation: 'restore setting', message: failure });
    }
    this.#fence.remove();
  }

  #reportDropped(): void {
    const { overflowed, outdated } = this.hold.takeDropped();
    const setting = [...this.#links.values()].some(({ role }) => role === 'proxy') ? 'proxy' : 'switchover';
    const why = [
      ...(overflowed === 0 ? [] : [`${overflowed} packets found the queue full; raise ${setting}.holdBytes`]),
      ...(outdated === 0
        ? []
        : [`${outdated} packets waited too long for an active member (proxy.holdAgeMs)`]),
    ];
    for (const message of why) this.#report({ code: 'trouble', operation: 'hold packets', message });
  }

  #destroy(address: IpAddress): void {
    try {
      destroyTcpSockets(address);
      destroyUdpSockets(address);
    } catch (error) {
      this.#report({ code: 'trouble', operation: 'destroy sockets', message: messageOf(error) });
    }
  }

  /** What the kernel refuses in the middle of a turn is reported; the engine is told, and the process lives. */
  #attempt<Result>(operation: string, where: string, work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#report({ code: 'trouble', operation, message: `${where}: ${error.message}` });
      return undefined;
    }
  }

  #said(operation: string, group: GroupId, errno = 0): void {
    if (errno === 0) return;
    const message = `${this.#where(group)}: ${errnoName(errno)}`;
    this.#report({ code: 'trouble', operation, message });
  }

  #responder(group: GroupId): Responder | undefined {
    return this.responders.get(this.#links.get(group)?.interface ?? '');
  }

  #where(group: GroupId): string {
    return this.#links.get(group)?.interface ?? String(group);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
