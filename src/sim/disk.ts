/** What a machine keeps over restarts, and how long it takes to be kept. */
import type { PinnedRole } from '../engine/pin.ts';
import type { Agenda } from './agenda.ts';
import type { Random } from './random.ts';

const usualUs = [500, 20_000] as const;

export class Disk {
  readonly #agenda: Agenda;
  readonly #random: Random;
  #lastsUs: readonly [number, number] = usualUs;
  #ceiling = 0;
  /** The role that an operator pinned; undefined: none. */
  pin: PinnedRole | undefined;

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda;
    this.#random = random;
  }

  /** Terms up to it will not be used again after a restart. */
  get ceiling(): number {
    return this.#ceiling;
  }

  /** A write takes between so long, microseconds. */
  slow(lastsUs: readonly [number, number]): void {
    this.#lastsUs = lastsUs;
  }

  mend(): void {
    this.#lastsUs = usualUs;
  }

  lose(): void {
    this.#ceiling = 0;
    this.pin = undefined;
  }

  /** `alive`: whether whoever writes still does when it would be written; then `written` is called. */
  reserve(ceiling: number, alive: () => boolean, written: () => void): void {
    const [least, most] = this.#lastsUs;
    this.#agenda.after(this.#random.between(least, Math.max(least, most)), () => {
      if (!alive()) return;
      this.#ceiling = Math.max(this.#ceiling, ceiling);
      written();
    });
  }
}
