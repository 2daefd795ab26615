/**
 * When a connection that goes over another path than the first one tries that one again: soon, and ever more rarely while
 * nothing comes of it, because each change of the path makes packets wait. Microseconds of the monotonic clock.
 */

const pauseUs = { first: 1_000_000, most: 64_000_000 } as const;
/** A connection over the first path that lasted so long shows that it is sound. */
const soundAfterUs = 60_000_000;

export class Homecoming {
  #pauseUs: number = pauseUs.first;
  #nextUs = Number.POSITIVE_INFINITY;

  /** There is a connection; `isHome`: over the first path. */
  connected(isHome: boolean, nowUs: number): void {
    this.#nextUs = isHome ? Number.POSITIVE_INFINITY : nowUs + this.#pauseUs;
  }

  /** It is over. */
  ended(wasHome: boolean, lastedUs: number): void {
    if (wasHome && lastedUs >= soundAfterUs) this.#pauseUs = pauseUs.first;
    this.#nextUs = Number.POSITIVE_INFINITY;
  }

  /** The first path is to be tried now; says so once, and again after a pause. */
  due(nowUs: number): boolean {
    if (nowUs < this.#nextUs) return false;
    this.#pauseUs = Math.min(this.#pauseUs * 2, pauseUs.most);
    this.#nextUs = nowUs + this.#pauseUs;
    return true;
  }
}
