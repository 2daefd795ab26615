/** The last events, numbered from 1, for whoever asks late; and a feed for whoever follows. */
import type { Occurrence } from '../../api/types.ts';

export interface Follower {
  event(occurrence: Occurrence): void;
  /** No more events will come. */
  end(): void;
}

/** So many are kept, events. */
const kept = 4096;

export class OccurrenceRing {
  readonly #occurrences: Occurrence[] = [];
  readonly #followers = new Set<Follower>();
  #next = 1;

  /** Numbers the event, keeps it, and tells the followers. */
  add(occurrence: Omit<Occurrence, 'sequence'>): Occurrence {
    const numbered: Occurrence = { sequence: this.#next, ...occurrence };
    this.#next++;
    this.#occurrences.push(numbered);
    if (this.#occurrences.length > kept) this.#occurrences.shift();
    for (const follower of this.#followers) follower.event(numbered);
    return numbered;
  }

  /** Those kept with a higher number; a gap after `sequence` means that older ones are gone. */
  since(sequence: number): readonly Occurrence[] {
    return this.#occurrences.filter((occurrence) => occurrence.sequence > sequence);
  }

  /** Returns what ends the following. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Tells the followers that this was all. */
  end(): void {
    for (const follower of this.#followers) follower.end();
    this.#followers.clear();
  }
}
