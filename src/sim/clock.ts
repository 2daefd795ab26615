/** A machine's own clock: it began anywhere, and runs a little too fast or too slow. */
import { type Instant, instant } from '../engine/time.ts';
import type { Agenda } from './agenda.ts';
import type { Random } from './random.ts';

export class Clock {
  readonly #agenda: Agenda;
  /** Our time at world time 0, microseconds. */
  readonly #offset: number;
  readonly #rate: number;

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda;
    this.#offset = random.between(0, 2 ** 40);
    this.#rate = 1 + (random.next() - 0.5) * 4e-4;
  }

  get now(): Instant {
    return instant(Math.floor(this.#offset + this.#agenda.now * this.#rate));
  }

  /** World time of a moment on our clock. */
  worldTime(at: Instant): number {
    return Math.ceil((at + 1 - this.#offset) / this.#rate);
  }
}
