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

  set(dueUs: number, run: () => void): MirroredTimer {
    const number = ++this.#made;
    this.#pending.set(number, { dueUs, number, run });
    return { clear: () => void this.#pending.delete(number) };
  }

  /** When the next is due, µs; 0: there is none. */
  get nextUs(): number {
    return this.#first()?.dueUs ?? 0;
  }

  /** The next that is due at `nowUs`, which is no longer pending; undefined: none. */
  take(nowUs: number): (() => void) | undefined {
    const first = this.#first();
    if (first === undefined || first.dueUs > nowUs) return undefined;
    this.#pending.delete(first.number);
    return first.run;
  }

  #first(): Pending | undefined {
    let first: Pending | undefined;
    for (const each of this.#pending.values())
      if (first === undefined || each.dueUs < first.dueUs) first = each;
    return first;
  }
}
