/**
 * The commits that some standby may still need, in order, within a bound. What goes beyond it is forgotten from the oldest
 * on: a standby that needed it gets a snapshot instead.
 */

/** A part of a commit. Applying it twice, or after a snapshot that has it already, must change nothing more. */
export interface MirrorRecord {
  readonly channel: number;
  readonly bytes: Uint8Array;
}

/** What a source begins with counts as its first commit, so that 0 can mean "holds nothing". */
export const firstSequence: number = 1;

export interface Commit {
  readonly sequence: number;
  readonly records: readonly MirrorRecord[];
  /** Payloads, and what keeping them costs besides. */
  readonly size: number;
}

/** What a record costs beside its payload: object, views, its frames' headers and tags. Bytes. */
export const recordOverhead: number = 128;

export function sizeOf(records: readonly MirrorRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes.length + recordOverhead, 0);
}

export class Backlog {
  readonly #bytesMax: number;
  #commits: Commit[] = [];
  /** Commits before this place were let go of. */
  #start = 0;
  #bytes = 0;
  #head = firstSequence;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The last commit there was. */
  get head(): number {
    return this.#head;
  }

  /** The first commit that is still here; `head + 1` when none is. */
  get base(): number {
    return this.#head - (this.#commits.length - this.#start) + 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(records: readonly MirrorRecord[]): Commit {
    const commit = { sequence: ++this.#head, records, size: sizeOf(records) };
    this.#commits.push(commit);
    this.#bytes += commit.size;
    while (this.#bytes > this.#bytesMax) this.#drop();
    return commit;
  }

  get(sequence: number): Commit | undefined {
    return sequence < this.base ? undefined : this.#commits[this.#start + sequence - this.base];
  }

  /** Nobody needs the commits up to and including this one. */
  release(sequence: number): void {
    while (this.base <= sequence && this.#start < this.#commits.length) this.#drop();
  }

  #drop(): void {
    this.#bytes -= this.#commits[this.#start]?.size ?? 0;
    this.#start++;
    if (this.#start * 2 < this.#commits.length) return;
    this.#commits = this.#commits.slice(this.#start);
    this.#start = 0;
  }
}
