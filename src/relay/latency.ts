/** How long commits took: counts in steps of a factor of two, from which quantiles can be read. */

/** The last step is open. */
const steps = 24;

export interface LatencyReport {
  readonly count: number;
  /** Of all together. */
  readonly sumUs: number;
  /** Upper ends of the steps that hold these quantiles, and the longest, microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Commits that took at most 2^index µs, and more than half of that. */
  readonly steps: readonly number[];
}

export class Latency {
  readonly #counts = new Array<number>(steps).fill(0);
  #count = 0;
  #sumUs = 0;
  #maxUs = 0;

  add(us: number): void {
    const step = Math.min(steps - 1, us <= 1 ? 0 : 32 - Math.clz32(us - 1));
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#count++;
    this.#sumUs += us;
    this.#maxUs = Math.max(this.#maxUs, us);
  }

  report(): LatencyReport {
    return {
      count: this.#count,
      sumUs: this.#sumUs,
      p50Us: this.#quantile(0.5),
      p99Us: this.#quantile(0.99),
      maxUs: this.#maxUs,
      steps: [...this.#counts],
    };
  }

  #quantile(share: number): number {
    let left = Math.ceil(this.#count * share);
    if (left === 0) return 0;
    const step = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    // The last one has no upper end.
    return step === steps - 1 ? this.#maxUs : Math.min(2 ** step, this.#maxUs);
  }
}
