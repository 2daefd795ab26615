/** How a machine is, and since when: alive or dead, the word of its checks, carrier where it serves. World time, microseconds. */
export class Condition {
  alive = false;
  healthy = true;
  carries = true;
  #since = 0;
  #aliveSince = 0;
  #sickUntil = Number.NEGATIVE_INFINITY;

  begin(now: number): void {
    this.alive = true;
    this.healthy = true;
    this.carries = true;
    this.#since = now;
    this.#aliveSince = now;
    this.#sickUntil = Number.NEGATIVE_INFINITY;
  }

  end(now: number): void {
    this.alive = false;
    this.#since = now;
  }

  /** It has carrier where it serves, or none any more. */
  carry(carries: boolean, now: number): void {
    this.#sickUntil = this.sickUntil(now);
    this.carries = carries;
  }

  /** The word of its checks. */
  check(healthy: boolean, now: number): void {
    this.#sickUntil = this.sickUntil(now);
    this.healthy = healthy;
    this.#since = now;
  }

  /** Since when it lives, healthy. */
  get steadySince(): number {
    return this.alive && this.healthy ? this.#since : Number.POSITIVE_INFINITY;
  }

  /** Since when its process runs. */
  get aliveSince(): number {
    return this.alive ? this.#aliveSince : Number.POSITIVE_INFINITY;
  }

  /** When it was last unwell in this life. */
  sickUntil(now: number): number {
    return this.healthy && this.carries ? this.#sickUntil : now;
  }

  /** Since when its process is gone. */
  get deadSince(): number {
    return this.alive ? Number.POSITIVE_INFINITY : this.#since;
  }
}
