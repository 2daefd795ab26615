/**
 * Two leaders for a moment: a switchover tells one machine before the other, and a relay outlives its daemon. What the other
 * machine sends meanwhile is put aside, until it is known which of the two goes on.
 */
import type { Word } from './channel.ts';

export interface Deferred {
  readonly kind: number;
  readonly body: Uint8Array;
}

export class Contention {
  readonly #bytesMax: number;
  /** What it mirrored while this machine was still the active; from its own end as an active on, all that it said. */
  #deferred: Deferred[] = [];
  #bytes = 0;
  #contended = false;
  #superseded = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The other machine said that it is the active, while this one is. */
  get contended(): boolean {
    return this.#contended;
  }

  /** And that it is no more: it has been the active meanwhile, and this machine goes on from where that came to. */
  get superseded(): boolean {
    return this.#superseded;
  }

  /** The other machine says that it is the active; `leads`: so is this one. */
  claimed(leads: boolean): void {
    this.#contended = leads;
  }

  /** A word of the other machine, which this one mirrors to. */
  hear(word: Word): void {
    if (this.#contended) this.#superseded ||= word.kind === 'role' && word.role === 'standby';
  }

  /** Keeps a message for later. False: no room, and all of it is gone; both serve, and what it mirrors is of no use any more. */
  defer(kind: number, body: Uint8Array): boolean {
    this.#bytes += body.length;
    if (this.#bytes > this.#bytesMax) {
      this.drop();
      return false;
    }
    this.#deferred.push({ kind, body: Uint8Array.from(body) });
    return true;
  }

  /** All that was put aside, in its order; nothing is contended any more. */
  take(): readonly Deferred[] {
    const deferred = this.#deferred;
    this.drop();
    return deferred;
  }

  drop(): void {
    this.#deferred = [];
    this.#bytes = 0;
    this.#contended = false;
    this.#superseded = false;
  }
}
