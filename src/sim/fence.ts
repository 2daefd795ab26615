/** The kernel's part as a model: what a member holds, and the leases that run out by themselves. World time. */
export class SimulatedFence {
  readonly #leaseUs: number;
  #held = false;
  #leaseEnd = 0;
  /** Strict groups: the element of the group, which has an end of its own. */
  #groupEnd = Number.POSITIVE_INFINITY;

  constructor(leaseUs: number) {
    this.#leaseUs = leaseUs;
  }

  /** Whether anything may leave with the group's address at `now`. */
  open(now: number): boolean {
    return this.#held && now < this.#leaseEnd && now < this.#groupEnd;
  }

  get held(): boolean {
    return this.#held;
  }

  get leaseEnd(): number {
    return this.#leaseEnd;
  }

  /** `until`: strict groups. */
  acquire(now: number, until: number = Number.POSITIVE_INFINITY): void {
    this.#held = true;
    this.#leaseEnd = now + this.#leaseUs;
    this.#groupEnd = until;
  }

  /** False: it ran out before, and stays out. */
  extend(now: number, until: number): boolean {
    if (!this.open(now)) return false;
    this.#groupEnd = until;
    return true;
  }

  /** False: it ran out before, and stays out. */
  renew(now: number): boolean {
    if (!this.open(now)) return false;
    this.#leaseEnd = now + this.#leaseUs;
    return true;
  }

  yield(): void {
    this.#held = false;
  }
}
