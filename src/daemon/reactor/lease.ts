/**
 * The kernel lease and its rhythm. Renewal comes first in every turn in which it is due: whatever else the turn does,
 * it does with a voice the kernel still grants, or without one.
 */
import { type Fence, heldUpMs } from '../../linux/fence/fence.ts';
import type { GroupId } from '../../wire/control/message.ts';

export class Lease {
  renewals = 0;
  lapses = 0;
  readonly #fence: Fence;
  readonly #intervalUs: number;
  readonly #leaseUs: number;
  #nextUs: number | undefined;
  /** The kernel's lease runs from here on at the earliest. */
  #grantedUs = Number.NEGATIVE_INFINITY;
  /** Strict groups: when the kernel must have closed the fence. */
  readonly #untilUs: Map<GroupId, number> = new Map();

  constructor(fence: Fence, intervalUs: number, leaseMs: number) {
    this.#fence = fence;
    this.#intervalUs = intervalUs;
    this.#leaseUs = leaseMs * 1000;
  }

  /** When the next renewal is due, or undefined while nothing is held. */
  get nextUs(): number | undefined {
    return this.#nextUs;
  }

  get held(): boolean {
    return this.#nextUs !== undefined;
  }

  /**
   * Opens the fence for a group. False: the kernel refused, or the process was held up while it asked. `untilUs`: strict
   * groups, when the kernel must have closed it again.
   */
  acquire(group: GroupId, nowUs: number, clock: () => number, untilUs?: number): boolean {
    if (untilUs === undefined) this.#untilUs.delete(group);
    else this.#untilUs.set(group, untilUs);
    // Between deciding and opening the process may have been stopped for any length of time: then the decision is void.
    const isFresh = (): boolean => clock() - nowUs < this.#leaseUs;
    if (!this.#fence.acquire(group, isFresh, this.#limitOf(group, clock))) return false;
    this.#granted(nowUs, clock);
    return true;
  }

  /** Strict groups. False: the kernel had closed the fence before. */
  extend(group: GroupId, untilUs: number, clock: () => number): boolean {
    this.#untilUs.set(group, untilUs);
    const beganUs = clock();
    const extended = this.#fence.extend(group, () => this.#leftMs(untilUs, clock));
    if (extended) this.#granted(beganUs, clock);
    else if (!this.#fence.holding) this.#nextUs = undefined;
    return extended;
  }

  /**
   * Somebody else changed the fence: it is built anew, and opened again where the lease had not run out meanwhile
   * (`keep`: false, never). Returns the groups that lost their voice.
   */
  mend(keep: boolean, clock: () => number): readonly GroupId[] {
    const heldUs = this.#grantedUs;
    const beganUs = clock();
    const lost = this.#fence.mend(
      () => keep && clock() - heldUs < this.#leaseUs,
      (group) => this.#limitOf(group, clock),
    );
    if (this.#fence.holding) this.#granted(beganUs, clock);
    else this.#nextUs = undefined;
    return lost;
  }

  #granted(fromUs: number, clock: () => number): void {
    this.#grantedUs = fromUs;
    this.#nextUs = clock() + this.#intervalUs;
  }

  #limitOf(group: GroupId, clock: () => number): (() => number) | undefined {
    const untilUs = this.#untilUs.get(group);
    return untilUs === undefined ? undefined : () => this.#leftMs(untilUs, clock);
  }

  /** Less by what the kernel may be told late. */
  #leftMs(untilUs: number, clock: () => number): number {
    return Math.floor((untilUs - clock()) / 1000) - heldUpMs;
  }

  yield(group: GroupId): void {
    this.#fence.yield(group);
    if (!this.#fence.holding) this.#nextUs = undefined;
  }

  /** 'lost': the element had expired or is gone; from now on nothing is held. 'changed': see `Fence.renew`. */
  renewIfDue(nowUs: number): 'held' | 'lost' | 'changed' | 'idle' {
    if (this.#nextUs === undefined) return 'idle';
    if (nowUs < this.#nextUs) return 'held';
    const renewed = this.#fence.renew();
    if (renewed === 'changed') return renewed;
    if (renewed === 'lost') {
      this.lapses++;
      this.#nextUs = undefined;
      return 'lost';
    }
    this.renewals++;
    this.#grantedUs = nowUs;
    this.#nextUs = nowUs + this.#intervalUs;
    return 'held';
  }
}
