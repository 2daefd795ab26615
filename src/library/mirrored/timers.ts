/** Timers of the feed's time: due in order of their times, then of their making, and never while an entry is applied. */

/** What `setTimeout` returns. */
export interface MirroredTimer {
  clear(): void;
}

interface Pending {
  readonly dueUs: number;
  readonly number: number;
  readonly run: () => void;
}

export class MirroredTimers {
  readonly #pending = new Map<number, Pending>();
  #made = 0;
  /** The next that is due, while that is known. */
  #next: Pending | undefined;
  #known = true;

  set(dueUs: number, run: () => void): MirroredTimer {
    const number = ++this.#made;
    const pending = { dueUs, number, run };
    this.#pending.set(number, pending);
    if (this.#known && (this.#next === undefined || dueUs < this.#next.dueUs)) this.#next = pending;
    return { clear: () => this.#forget(number) };
  }

  /** When the next is due, µs; 0: there is none. */
  get nextUs(): number {
    return this.#first()?.dueUs ?? 0;
  }

  /** The next that is due at `nowUs`, which is no longer pending; undefined: none. */
  take(nowUs: number): (() => void) | undefined {
    const first = this.#first();
    if (first === undefined || first.dueUs > nowUs) return undefined;
    this.#forget(first.number);
    return first.run;
  }

  #forget(number: number): void {
    if (this.#pending.delete(number) && this.#next?.number === number) this.#known = false;
  }

  #first(): Pending | undefined {
    if (this.#known) return this.#next;
    this.#next = undefined;
    // In the order of their making: of those due together the first stays.
    for (const each of this.#pending.values())
      if (this.#next === undefined || each.dueUs < this.#next.dueUs) this.#next = each;
    this.#known = true;
    return this.#next;
  }
}
