/** The kernel's part as a model: what a member holds, and the lease that runs out by itself. World time. */
import { leaseUs } from './plan.ts';

export class SimulatedFence {
  #held = false;
  #leaseEnd = 0;

  /** Whether anything may leave with the group's address at `now`. */
  open(now: number): boolean {
    return this.#held && now < this.#leaseEnd;
  }

  get held(): boolean {
    return this.#held;
  }

  get leaseEnd(): number {
    return this.#leaseEnd;
  }

  acquire(now: number): void {
    this.#held = true;
    this.#leaseEnd = now + leaseUs;
  }

  /** False: it ran out before, and stays out. */
  renew(now: number): boolean {
    if (!this.open(now)) return false;
    this.#leaseEnd = now + leaseUs;
    return true;
  }

  yield(): void {
    this.#held = false;
  }
}
