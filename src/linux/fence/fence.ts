/**
 * The fence: what would leave this machine in the name of a group address, or reach it, passes only while the group is
 * held and the process proves, every few milliseconds, that it is alive. The kernel enforces it: a process that was
 * killed, stopped or merely late is silent, and its fence stays closed behind it.
 */
import type { Ipv4Address, Ipv6Address } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { OperationError } from '../errors.ts';
import type { NftablesRequest } from '../nftables/request.ts';
import { NftablesSocket } from '../nftables/socket.ts';
import { RouteSocket } from '../route/socket.ts';
import { type FenceConfig, type FencedGroup, type FenceTables, heldUpMs, tablesOf } from './config.ts';
import { chainsToCover } from './coverage.ts';
import {
  armDecision,
  armReckoning,
  close,
  extension,
  hold,
  joinUntil,
  open,
  release,
  renewal,
} from './lease.ts';
import { Redirections } from './redirection.ts';
import { cleanFences, fenceIsWhole, inspectFence } from './remains.ts';
import { Renewal } from './renewal.ts';
import { buildFence, removeFence } from './ruleset.ts';

export { type FenceConfig, heldUpMs } from './config.ts';

/** Interfaces come and go between listing and covering them. */
const attempts = 5;

export class Fence {
  readonly #config: FenceConfig;
  readonly #tables: FenceTables;
  readonly #nftables: NftablesSocket = NftablesSocket.open();
  readonly #route: RouteSocket = RouteSocket.open();
  readonly #renewal: Renewal;
  readonly #redirections: Redirections;
  readonly #held: Map<GroupId, FencedGroup> = new Map();
  /** Those of them whose voice ends by itself. */
  readonly #limited: Set<GroupId> = new Set();

  private constructor(config: FenceConfig) {
    this.#config = config;
    this.#tables = tablesOf(config.instance);
    this.#renewal = new Renewal(this.#tables, config.leaseMs);
    this.#redirections = new Redirections(this.#tables.netdev);
  }

  /** Closed when it returns. Replaces what an earlier process of the same instance left behind. */
  static arm(config: FenceConfig): Fence {
    const fence = new Fence(config);
    fence.#persist(() => fence.#rebuild());
    return fence;
  }

  /**
   * Covers the interfaces that exist now. Touches neither the lease nor what is held; only where somebody removed the
   * fence is it built anew, and then closed: the next renewal says 'lost'.
   */
  rearm(): void {
    this.#persist(() => {
      if (!this.isWhole()) return this.#rebuild();
      const links = this.#route.links();
      const covered = this.#nftables.chains(this.#tables.netdev);
      this.#nftables.commit([
        ...chainsToCover(this.#tables.netdev, this.#config, links, covered),
        // Their devices may have come back under another index.
        ...this.#redirections.requests(),
      ]);
    });
  }

  /**
   * Opens the fence for a group. Where no lease runs, `entitled` is asked between starting a measure in the kernel and
   * opening: when it says no, or the process was held up for as long as a lease lasts meanwhile, the answer is false.
   * `limitMs`: how long the group's voice may last without `extend`, milliseconds, asked as late as possible. The process may
   * be held up for up to `heldUpMs` between that and the kernel's answer, and the voice may last longer by as much.
   */
  acquire(group: GroupId, entitled: () => boolean, limitMs?: () => number): boolean {
    if (this.#held.has(group)) return this.renew() === 'held';
    const fenced = this.#group(group);
    const opened = this.holding ? this.#join(fenced, limitMs) : this.#open(fenced, entitled, limitMs);
    if (!opened) return false;
    this.#held.set(group, fenced);
    if (limitMs !== undefined) this.#limited.add(group);
    return true;
  }

  /** False: the group's time, or the lease, had run out before. The group is not held any more then. */
  extend(group: GroupId, limitMs: () => number): boolean {
    const fenced = this.#held.get(group);
    if (fenced === undefined) return false;
    this.#armReckoning();
    const ms = limitMs();
    if (ms >= 1 && this.#commit(extension(this.#tables, this.#config.leaseMs, fenced, ms))) return true;
    this.yield(group);
    return false;
  }

  /** Closes the fence for a group, at once; the lease ends with the last one. Idempotent. */
  yield(group: GroupId): void {
    const fenced = this.#held.get(group);
    if (fenced === undefined) return;
    this.#held.delete(group);
    const limited = this.#limited.delete(group);
    if (!this.holding) this.#close();
    else if (!this.#commit(release(this.#tables, fenced))) {
      if (!limited) return this.#persist(() => this.#rebuild());
      // It may have come to its end by itself, in one table a moment sooner than in the other.
      for (const request of release(this.#tables, fenced)) this.#commit([request]);
    }
  }

  /** 'lost': expired, or somebody removed the fence. Nothing is held any more, and the fence is closed. */
  renew(): 'held' | 'lost' {
    if (this.holding && this.#renewal.renew()) return 'held';
    this.#held.clear();
    this.#limited.clear();
    this.#close();
    return 'lost';
  }

  /** What arrives for the group goes on to another member, by its address on the group's LAN. */
  forwardTo(group: GroupId, peers: { readonly v4?: Ipv4Address; readonly v6?: Ipv6Address }): void {
    const fenced = this.#group(group);
    this.#redirections.forward(fenced, peers);
    this.#redirect(fenced);
  }

  stopForwarding(group: GroupId): void {
    if (this.#redirections.stopForwarding(group)) this.#redirect(this.#group(group));
  }

  /** What arrives for the group goes into a TAP, frame by frame. Forwarding comes first. */
  divertTo(group: GroupId, tap: string): void {
    const fenced = this.#group(group);
    this.#redirections.divert(fenced, tap);
    this.#redirect(fenced);
  }

  stopDiverting(group: GroupId): void {
    if (this.#redirections.stopDiverting(group)) this.#redirect(this.#group(group));
  }

  /** Any group. */
  get holding(): boolean {
    return this.#held.size > 0;
  }

  /** Nobody removed it. Costs about half a millisecond; `inspect` costs ten times that, for the socket it closes. */
  isWhole(): boolean {
    return fenceIsWhole(this.#nftables, this.#tables);
  }

  /** A clean stop: the addresses must be gone by now, nothing guards them any more. */
  remove(): void {
    this.#held.clear();
    this.#limited.clear();
    this.#nftables.commit(removeFence(this.#tables));
    this.#nftables.close();
    this.#renewal.close();
    this.#route.close();
  }

  /** Deletes the tables whose name begins so (not empty); returns their names. */
  static clean(prefix: string): string[] {
    return cleanFences(prefix);
  }

  /** The fence of an instance as the kernel has it; undefined when it is not there, or not whole. */
  static inspect(instance: string): { leaseAlive: boolean; held: string[] } | undefined {
    return inspectFence(instance);
  }

  #open(fenced: FencedGroup, entitled: () => boolean, limitMs?: () => number): boolean {
    const { leaseMs } = this.#config;
    const measureMs = limitMs === undefined ? leaseMs : heldUpMs;
    if (!this.#commit(armDecision(this.#tables, measureMs))) {
      this.#persist(() => this.#rebuild());
      if (!this.#commit(armDecision(this.#tables, measureMs))) return false;
    }
    if (!entitled()) return false;
    const ms = limitMs?.();
    return (ms === undefined || ms >= 1) && this.#commit(open(this.#tables, leaseMs, fenced, ms));
  }

  /** Beside others that are held: proves that the lease still runs, and prolongs it. */
  #join(fenced: FencedGroup, limitMs?: () => number): boolean {
    const { leaseMs } = this.#config;
    if (limitMs === undefined)
      return this.#commit([...renewal(this.#tables, leaseMs), ...hold(this.#tables, [fenced])]);
    this.#armReckoning();
    const ms = limitMs();
    return ms >= 1 && this.#commit(joinUntil(this.#tables, leaseMs, fenced, ms));
  }

  /** One that still runs is as good: it ends sooner. */
  #armReckoning(): void {
    try {
      this.#commit(armReckoning(this.#tables));
    } catch (error) {
      if (!(error instanceof OperationError && error.errno === 'EEXIST')) throw error;
    }
  }

  #close(): void {
    if (!this.#commit(close(this.#tables))) this.#persist(() => this.#rebuild());
  }

  #redirect(group: FencedGroup): void {
    if (!this.#commit(this.#redirections.requests(group))) {
      this.#persist(() => this.#rebuild());
    }
  }

  /** Closed: without the lease. What is held stays noted, but has no voice; what had an end of its own is over. */
  #rebuild(): void {
    for (const group of this.#limited) this.#held.delete(group);
    this.#limited.clear();
    const links = this.#route.links();
    this.#nftables.commit([
      ...buildFence(this.#tables, this.#config),
      ...chainsToCover(this.#tables.netdev, this.#config, links, []),
      ...this.#redirections.requests(),
      ...hold(this.#tables, [...this.#held.values()]),
    ]);
  }

  #group(id: GroupId): FencedGroup {
    const group = this.#config.groups.find((one) => one.id === id);
    if (group === undefined) throw new RangeError(`group ${id} is not in the fence`);
    return group;
  }

  /** False: something it names is not there (ENOENT). */
  #commit(requests: readonly NftablesRequest[]): boolean {
    try {
      this.#nftables.commit(requests);
      return true;
    } catch (error) {
      if (error instanceof OperationError && error.errno === 'ENOENT') return false;
      throw error;
    }
  }

  #persist(work: () => void): void {
    for (let left = attempts - 1; ; left--) {
      try {
        return work();
      } catch (error) {
        if (left === 0 || !(error instanceof OperationError)) throw error;
      }
    }
  }
}
