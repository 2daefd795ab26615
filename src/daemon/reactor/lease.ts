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
    const limit = untilUs === undefined ? undefined : this.#limit(untilUs, clock);
    // Between deciding and opening the process may have been stopped for any length of time: then the decision is void.
    const opened = this.#fence.acquire(group, () => clock() - nowUs < this.#leaseUs, limit);
    if (!opened) return false;
    this.#nextUs = clock() + this.#intervalUs;
    return true;
  }

  /** Strict groups. False: the kernel had closed the fence before. */
  extend(group: GroupId, untilUs: number, clock: () => number): boolean {
    const extended = this.#fence.extend(group, this.#limit(untilUs, clock));
    if (extended) this.#nextUs = clock() + this.#intervalUs;
    else if (!this.#fence.holding) this.#nextUs = undefined;
    return extended;
  }

  /** Milliseconds left, less by what the kernel may be told late. */
  #limit(untilUs: number, clock: () => number): () => number {
    return () => Math.floor((untilUs - clock()) / 1000) - heldUpMs;
  }

  yield(group: GroupId): void {
    this.#fence.yield(group);
    if (!this.#fence.holding) this.#nextUs = undefined;
  }

  /** 'lost': the element had expired or is gone; from now on nothing is held. */
  renewIfDue(nowUs: number): 'held' | 'lost' | 'idle' {
    if (this.#nextUs === undefined) return 'idle';
    if (nowUs < this.#nextUs) return 'held';
    if (this.#fence.renew() === 'lost') {
      this.lapses++;
      this.#nextUs = undefined;
      return 'lost';
    }
    this.renewals++;
    this.#nextUs = nowUs + this.#intervalUs;
    return 'held';
  }
}
