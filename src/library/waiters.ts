/** Who waits for which commit to be resolved, in order. */
import type { MirrorError } from './errors.ts';

export interface Resolution {
  /** Every standby holds it. False: it was resolved without one, by the policy `degrade`. */
  readonly mirrored: boolean;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: (resolution: Resolution) => void;
  readonly reject: (error: MirrorError) => void;
}

export class Waiters {
  #waiting: Waiter[] = [];
  #resolved = 0;
  #mirrored = false;

  /** Resolves when this commit is. Numbers come in rising order. */
  until(sequence: number): Promise<Resolution> {
    if (sequence <= this.#resolved) return Promise.resolve({ mirrored: this.#mirrored });
    return new Promise((resolve, reject) => this.#waiting.push({ sequence, resolve, reject }));
  }

  resolve(sequence: number, mirrored: boolean): void {
    this.#resolved = sequence;
    this.#mirrored = mirrored;
    const done = this.#waiting.findIndex((waiter) => waiter.sequence > sequence);
    const ready = this.#waiting.splice(0, done < 0 ? this.#waiting.length : done);
    for (const waiter of ready) waiter.resolve({ mirrored });
  }

  reject(error: MirrorError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.reject(error);
  }
}
