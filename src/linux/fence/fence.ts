/**
 * The fence: what would leave this machine in the name of a group address, or reach it, passes only while the group is
 * held and the process proves, every few milliseconds, that it is alive. The kernel enforces it: a process that was
 * killed, stopped or merely late is silent, and its fence stays closed behind it.
 */
import type { Ipv4Address, Ipv6Address } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { monotonicUs } from '../clock.ts';
import { PreparedTransaction } from '../nftables/prepared.ts';
import { NftablesSocket } from '../nftables/socket.ts';
import { Building } from './building.ts';
import { type FenceConfig, type FencedGroup, heldUpMs, sets } from './config.ts';
import { arm, armDecision, close, extension, hold, joinUntil, open, release, renewal } from './lease.ts';
import { cleanFences, inspectFence } from './remains.ts';
import type { Offer } from './ruleset.ts';

export { type FenceConfig, heldUpMs } from './config.ts';

export class Fence {
  readonly #config: FenceConfig;
  readonly #nftables: NftablesSocket = NftablesSocket.open();
  readonly #building: Building;
  readonly #held: Map<GroupId, FencedGroup> = new Map();
  /** Those of them whose voice ends by itself: when the kernel has ended it at the latest, microseconds. */
  readonly #ends: Map<GroupId, number> = new Map();
  /** The same of the lease. */
  #leaseEndUs = 0;
  /** Heard when a renewal was refused, and not told yet. */
  #changedBy: string | undefined;
  /** What is done thousands of times an hour. */
  readonly #renewal: PreparedTransaction;
  readonly #reckoning: PreparedTransaction;
  readonly #extensions: Map<GroupId, PreparedTransaction> = new Map();

  private constructor(config: FenceConfig) {
    this.#config = config;
    this.#building = new Building(config, this.#nftables);
    const { tables } = this.#building;
    this.#renewal = new PreparedTransaction(renewal(tables, config.leaseMs));
    this.#reckoning = new PreparedTransaction(arm(tables, heldUpMs));
  }

  /** Nothing is in the kernel before `arm`. */
  static open(config: FenceConfig): Fence {
    return new Fence(config);
  }

  static arm(config: FenceConfig): Fence {
    const fence = Fence.open(config);
    fence.arm();
    return fence;
  }

  /** Closed when it returns. Replaces what an earlier process of the same instance left behind. */
  arm(): void {
    this.#rebuild();
  }

  /** What of it the kernel knows. */
  get offer(): Offer {
    return this.#building.offer;
  }

  /** Readable when somebody else changed the tables; undefined where the kernel lets nobody (`own`). */
  get descriptor(): number | undefined {
    return this.#building.monitor?.fd;
  }

  /** Who changed the tables since it was asked last; undefined: nobody. To be followed by `mend`. */
  changedBy(): string | undefined {
    const by = this.#changedBy ?? this.#building.monitor?.receive();
    this.#changedBy = undefined;
    return by;
  }

  /**
   * Built anew, after somebody else changed it: closed, then opened for what was held before, as `acquire` does.
   * Returns the groups that are not held any more.
   */
  mend(entitled: () => boolean, limitOf: (group: GroupId) => (() => number) | undefined): GroupId[] {
    const before = [...this.#held.keys()];
    this.#rebuild();
    const limited = before.filter((id) => !this.#held.has(id));
    if (this.holding && !this.#open([...this.#held.values()], entitled, heldUpMs)) {
      this.#held.clear();
      this.#close();
      return before;
    }
    return limited.filter((id) => !this.acquire(id, entitled, limitOf(id)));
  }

  /**
   * Covers the interfaces that exist now. Touches neither the lease nor what is held; only where somebody removed the
   * fence is it built anew, and then closed: the next renewal says 'lost'.
   */
  rearm(): void {
    if (!this.#building.cover()) this.#rebuild();
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
    const measureMs = limitMs === undefined ? this.#config.leaseMs : heldUpMs;
    const opened = this.holding
      ? this.#join(fenced, limitMs)
      : this.#open([fenced], entitled, measureMs, limitMs);
    if (opened) this.#held.set(group, fenced);
    return opened;
  }

  /**
   * False: the group's time, or the lease, had run out before, or the process was held up. The group is not held any more
   * then.
   */
  extend(group: GroupId, limitMs: () => number): boolean {
    const fenced = this.#held.get(group);
    const endUs = this.#ends.get(group);
    if (fenced === undefined || endUs === undefined) return false;
    // What is over by our own clock is not asked for: the kernel takes some 15 ms to refuse a transaction.
    if (monotonicUs() < endUs && this.#nftables.repeat(this.#reckoning)) {
      const ms = limitMs();
      if (ms >= 1 && this.#repeat(this.#extension(fenced, ms))) {
        this.#ends.set(group, monotonicUs() + ms * 1000);
        return true;
      }
    }
    this.yield(group);
    return false;
  }

  /** Closes the fence for a group, at once; the lease ends with the last one. Idempotent. */
  yield(group: GroupId): void {
    const fenced = this.#held.get(group);
    if (fenced === undefined) return;
    const endUs = this.#ends.get(group);
    this.#held.delete(group);
    this.#ends.delete(group);
    if (!this.holding) return this.#close();
    // By now the kernel has ended it by itself.
    if (endUs !== undefined && monotonicUs() >= endUs) return;
    if (this.#building.commit(release(this.#building.tables, fenced))) return;
    if (endUs === undefined) return this.#rebuild();
    // It came to its end in this moment, in one table sooner than in the other.
    for (const request of release(this.#building.tables, fenced)) this.#building.commit([request]);
  }

  /**
   * 'lost': expired. Nothing is held any more, and the fence is closed. 'changed': it was refused, and somebody else had
   * changed the fence, perhaps while this waited for him: `changedBy` says who, `mend` what is left of it.
   */
  renew(): 'held' | 'lost' | 'changed' {
    if (this.holding && monotonicUs() < this.#leaseEndUs) {
      if (this.#repeat(this.#renewal)) return 'held';
      this.#changedBy = this.changedBy();
      if (this.#changedBy !== undefined) return 'changed';
    }
    this.#held.clear();
    this.#ends.clear();
    this.#close();
    return 'lost';
  }

  /** What arrives for the group goes on to another member, by its address on the group's LAN. */
  forwardTo(group: GroupId, peers: { readonly v4?: Ipv4Address; readonly v6?: Ipv6Address }): void {
    const fenced = this.#group(group);
    this.#building.redirections.forward(fenced, peers);
    this.#redirect(fenced);
  }

  stopForwarding(group: GroupId): void {
    if (this.#building.redirections.stopForwarding(group)) this.#redirect(this.#group(group));
  }

  /** What arrives for the group goes into a TAP, frame by frame. Forwarding comes first. */
  divertTo(group: GroupId, tap: string): void {
    const fenced = this.#group(group);
    this.#building.redirections.divert(fenced, tap);
    this.#redirect(fenced);
  }

  stopDiverting(group: GroupId): void {
    if (this.#building.redirections.stopDiverting(group)) this.#redirect(this.#group(group));
  }

  /** Any group. */
  get holding(): boolean {
    return this.#held.size > 0;
  }

  /** Nobody removed it. Costs about half a millisecond; `inspect` costs ten times that, for the socket it closes. */
  isWhole(): boolean {
    return this.#building.isWhole();
  }

  /** A clean stop: the addresses must be gone by now, nothing guards them any more. */
  remove(): void {
    this.#held.clear();
    this.#ends.clear();
    this.#building.remove();
    this.#nftables.close();
  }

  /** Deletes the tables whose name begins so (not empty); returns their names. */
  static clean(prefix: string): string[] {
    return cleanFences(prefix);
  }

  /** The fence of an instance as the kernel has it; undefined when it is not there, or not whole. */
  static inspect(instance: string): { leaseAlive: boolean; held: string[] } | undefined {
    return inspectFence(instance);
  }

  #open(
    groups: readonly FencedGroup[],
    entitled: () => boolean,
    measureMs: number,
    limitMs?: () => number,
  ): boolean {
    const building = this.#building;
    if (!building.commit(armDecision(building.tables, measureMs))) {
      this.#rebuild();
      if (!building.commit(armDecision(building.tables, measureMs))) return false;
    }
    if (!entitled()) return false;
    const ms = limitMs?.();
    if ((ms ?? 1) < 1) return false;
    return this.#granted(
      building.commit(open(building.tables, this.#config.leaseMs, groups, ms)),
      groups,
      ms,
    );
  }

  /** Beside others that are held: proves that the lease still runs, and prolongs it. */
  #join(fenced: FencedGroup, limitMs?: () => number): boolean {
    const { leaseMs } = this.#config;
    const { tables } = this.#building;
    if (limitMs === undefined) {
      const requests = [...renewal(tables, leaseMs), ...hold(tables, [fenced])];
      return this.#granted(this.#building.commit(requests), [fenced]);
    }
    if (!this.#nftables.repeat(this.#reckoning)) return false;
    const ms = limitMs();
    if (ms < 1) return false;
    return this.#granted(this.#building.commit(joinUntil(tables, leaseMs, fenced, ms)), [fenced], ms);
  }

  /** Notes by when what the kernel was told now is over, if it agreed. */
  #granted(agreed: boolean, groups: readonly FencedGroup[], limitMs?: number): boolean {
    if (!agreed) return false;
    const nowUs = monotonicUs();
    this.#leaseEndUs = nowUs + this.#config.leaseMs * 1000;
    if (limitMs !== undefined) for (const { id } of groups) this.#ends.set(id, nowUs + limitMs * 1000);
    return true;
  }

  /** A transaction that renews the lease, among other things. */
  #repeat(transaction: PreparedTransaction): boolean {
    if (!this.#nftables.repeat(transaction)) return false;
    this.#leaseEndUs = monotonicUs() + this.#config.leaseMs * 1000;
    return true;
  }

  #extension(fenced: FencedGroup, ms: number): PreparedTransaction {
    let prepared = this.#extensions.get(fenced.id);
    if (prepared === undefined) {
      prepared = new PreparedTransaction(extension(this.#building.tables, this.#config.leaseMs, fenced, ms));
      this.#extensions.set(fenced.id, prepared);
    }
    prepared.lasting(sets.held, ms);
    return prepared;
  }

  #close(): void {
    if (!this.#building.commit(close(this.#building.tables))) this.#rebuild();
  }

  #redirect(group: FencedGroup): void {
    if (!this.#building.commit(this.#building.redirections.requests(group))) {
      this.#rebuild();
    }
  }

  /** Closed: without the lease. What is held stays noted, but has no voice; what had an end of its own is over. */
  #rebuild(): void {
    for (const group of this.#ends.keys()) this.#held.delete(group);
    this.#ends.clear();
    this.#leaseEndUs = 0;
    this.#building.build([...this.#held.values()]);
  }

  #group(id: GroupId): FencedGroup {
    const group = this.#config.groups.find((one) => one.id === id);
    if (group === undefined) throw new RangeError(`group ${id} is not in the fence`);
    return group;
  }
}
