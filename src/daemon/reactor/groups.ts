/**
 * A group's presence on this machine, and how the engine's wishes become kernel state: fence and lease, addresses,
 * answers, announcements, forwarding and holding in a planned switchover.
 */
import { monotonicUs } from '../../linux/clock.ts';
import { errnoName } from '../../linux/errno.ts';
import { Fence } from '../../linux/fence/fence.ts';
import { destroyTcpSockets } from '../../linux/sockdiag.ts';
import { formatIp, type IpAddress, isIpv4 } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { GroupLink, ReactorConfig, ReactorReport } from '../bridge.ts';
import { HoldQueue, holdDevice } from './hold.ts';
import { Lease } from './lease.ts';
import { Ownership } from './ownership.ts';
import { addressOf } from './paths.ts';
import { type Claimed, Responder } from './responder.ts';

export class Groups {
  readonly lease: Lease;
  readonly hold: HoldQueue;
  readonly responders: ReadonlyMap<string, Responder>;
  readonly #fence: Fence;
  readonly #ownership: Ownership;
  readonly #links: ReadonlyMap<GroupId, GroupLink>;
  readonly #report: (report: ReactorReport) => void;
  /** Addresses yielded in this turn: the other thread ends the connections on them. */
  readonly #yielded: Set<IpAddress> = new Set();

  /** In this order: the fence, then the addresses, then who answers for them. */
  constructor(config: ReactorConfig, claimed: Claimed, report: (report: ReactorReport) => void) {
    this.#report = report;
    this.#links = new Map(config.groups.map((link) => [link.id, link]));
    this.#fence = Fence.arm({
      instance: config.instance,
      leaseMs: config.leaseMs,
      groups: config.groups.map((link) => ({
        id: link.id,
        interface: link.interface,
        addresses: link.addresses.map(addressOf),
      })),
      ownDevices: [`us${config.instance}`, holdDevice(config.instance)],
    });
    this.lease = new Lease(this.#fence, config.renewIntervalUs, config.leaseMs);
    this.#ownership = new Ownership(config);
    const groupOf = new Map(
      config.groups.flatMap((link) => link.addresses.map((a) => [addressOf(a), link.id])),
    );
    this.hold = new HoldQueue(config.instance, this.#fence, config.holdBytesMax, (address) =>
      groupOf.get(address),
    );
    const responders = new Map<string, Responder>();
    for (const name of new Set(config.groups.map((link) => link.interface))) {
      const here = config.groups.filter((link) => link.interface === name);
      responders.set(name, new Responder(name, here, claimed));
    }
    this.responders = responders;
  }

  /** Opens the fence; false when the kernel or the clock objected. */
  acquire(group: GroupId, nowUs: number): boolean {
    this.#ownership.activate(group);
    for (const address of this.#ownership.addresses(group)) this.#yielded.delete(address);
    if (this.lease.acquire(group, nowUs, monotonicUs)) return true;
    this.#ownership.deactivate(group);
    return false;
  }

  /** Closes the fence first of all. */
  yield(group: GroupId): void {
    this.lease.yield(group);
    this.#ownership.deactivate(group);
    for (const address of this.#ownership.addresses(group)) this.#yielded.add(address);
  }

  answer(group: GroupId, on: boolean): void {
    this.#responder(group)?.answer(group, on);
  }

  announce(group: GroupId, ask: boolean): void {
    const errno = this.#responder(group)?.announce(group, ask) ?? 0;
    if (errno !== 0) {
      this.#report({
        code: 'trouble',
        operation: 'announce',
        message: `${this.#where(group)}: ${errnoName(errno)}`,
      });
    }
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

  /** The addresses given up since it was asked last, and not taken again. */
  takeYielded(): readonly string[] {
    if (this.#yielded.size === 0) return [];
    const addresses = [...this.#yielded].map(formatIp);
    this.#yielded.clear();
    return addresses;
  }

  /** Interfaces appeared or changed: the fence covers what exists now. */
  rearm(): void {
    this.#fence.rearm();
  }

  /** Puts back what others took from the TUN device. */
  restore(index: number): void {
    if (index !== this.#ownership.index) return;
    for (const address of this.#ownership.restore()) {
      this.#report({ code: 'restored', what: `address ${formatIp(address)} on ${this.#ownership.device}` });
    }
  }

  /** While nothing is held no renewal would notice that somebody flushed the fence: so it is looked at. */
  inspect(): void {
    if (this.lease.held || this.#fence.isWhole()) return;
    this.#fence.rearm();
    this.#report({ code: 'restored', what: 'the fence, which somebody removed' });
  }

  /** A clean stop: nothing is held any more. Voices first, then addresses, the fence last. */
  close(): void {
    for (const responder of this.responders.values()) responder.close();
    // The fence goes too: connections that outlive their address would speak for it from here.
    for (const link of this.#links.values()) {
      for (const text of link.addresses) this.#destroy(addressOf(text));
    }
    this.hold.close();
    for (const failure of this.#ownership.close()) {
      this.#report({ code: 'trouble', operation: 'restore setting', message: failure });
    }
    this.#fence.remove();
  }

  #destroy(address: IpAddress): void {
    try {
      destroyTcpSockets(address);
    } catch (error) {
      this.#report({ code: 'trouble', operation: 'destroy sockets', message: messageOf(error) });
    }
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
