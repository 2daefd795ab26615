/** How a machine is, and since when: alive or dead, the word of its checks, carrier where it serves. World time. */
export class Condition {
  alive = false;
  healthy = true;
  carries = true;
  #since = 0;

  begin(now: number): void {
    this.alive = true;
    this.healthy = true;
    this.carries = true;
    this.#since = now;
  }

  end(now: number): void {
    this.alive = false;
    this.#since = now;
  }

  check(healthy: boolean, now: number): void {
    this.healthy = healthy;
    this.#since = now;
  }

  /** Since when it lives, healthy. */
  get steadySince(): number {
    return this.alive && this.healthy ? this.#since : Number.POSITIVE_INFINITY;
  }

  /** Since when its process is gone. */
  get deadSince(): number {
    return this.alive ? Number.POSITIVE_INFINITY : this.#since;
  }
}
