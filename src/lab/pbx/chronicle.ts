/** What the programs of one host know together: the administration's lines, and what the journal must therefore hold. */

/** One command of the administration session and its answer. */
export interface Exchanged {
  /** When it was asked, CLOCK_MONOTONIC microseconds, and how long the answer took. */
  readonly atUs: number;
  readonly waitUs: number;
  readonly command: string;
  /** Without its number; null: none came, `why` says why. */
  readonly answer: string | null;
  readonly why?: string;
}

/** Answers and feed are not so many entries apart. */
const shownMax = 1000;

export class Chronicle {
  readonly #exchanged: Exchanged[] = [];
  /** Beginnings of entries that the exchange has confirmed by its answers, and the feed has not shown yet. */
  readonly #confirmed = new Set<string>();
  readonly #shown: string[] = [];
  /** The extension that the administration added last. */
  newest: string | undefined;
  readonly station: string | undefined;
  readonly #hear: (exchanged: Exchanged) => void;

  /** `station`: the feed has entries of this one only. */
  constructor(hear: (exchanged: Exchanged) => void = () => undefined, station?: string) {
    this.#hear = hear;
    this.station = station;
  }

  get exchanged(): readonly Exchanged[] {
    return this.#exchanged;
  }

  tell(exchanged: Exchanged): void {
    this.#exchanged.push(exchanged);
    this.#hear(exchanged);
  }

  /** The exchange answered that it did what the journal has an entry `what` of `station` for (its number apart). */
  confirm(station: string, what: string): void {
    if (this.station !== undefined && this.station !== station) return;
    // The feed may have been faster than the answer.
    const index = this.#shown.findIndex((entry) => entry.startsWith(what));
    if (index < 0) this.#confirmed.add(what);
    else this.#shown.splice(index, 1);
  }

  /** The feed has shown an entry (its number apart). */
  show(entry: string): void {
    for (const what of this.#confirmed) {
      if (!entry.startsWith(what)) continue;
      this.#confirmed.delete(what);
      return;
    }
    this.#shown.push(entry);
    if (this.#shown.length > shownMax) this.#shown.shift();
  }

  /** Confirmed by an answer, and not in the feed so far. */
  get missing(): readonly string[] {
    return [...this.#confirmed];
  }
}
