/**
 * One connection's output between its program and the kernel, so that a client never gets a wrong byte after a takeover.
 *
 * The rule: the active commits the length and the digest of its output before it releases a byte of it (`HeldOutput`). The
 * replica releases only what it agrees with such a commitment on; after the takeover it first comes as far as the last
 * commitment and agrees with that, too, and is free from there on (`ComparedOutput`). So what the client may have got from
 * the active is the beginning of what the replica says, and both together are the one stream that the replica's program
 * wrote. Where they disagree nothing more is released: the connection is to be reset.
 */
import { OutputDigest } from './digest.ts';

/** How far the active's output has come, and the digest of all of it. */
export interface Commitment {
  /** Bytes from the connection's beginning. */
  readonly offset: number;
  /** See `OutputDigest.text`. */
  readonly digest: string;
}

export interface Output {
  /** Bytes that the kernel has not taken yet. */
  readonly waiting: number;
  /** The program said this. The bytes are the output's from now on. */
  add(bytes: Uint8Array): void;
  /** The program says no more. What the client hears of it, is for both machines to agree on. */
  end(): void;
  /** What the kernel may have now; empty when there is nothing that it may. */
  next(): Uint8Array;
  /** The kernel took so many bytes of it. */
  taken(count: number): void;
}

const nothing = new Uint8Array(0);

/** Bytes in order, by their offsets in the stream. */
class Pieces {
  readonly #pieces: Uint8Array[] = [];
  /** Offsets of the first byte here and of the one after the last. */
  from = 0;
  to = 0;

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.to += bytes.length;
  }

  /** The first piece, but nothing from `limit` on. */
  before(limit: number): Uint8Array {
    const [first] = this.#pieces;
    if (first === undefined || limit <= this.from) return nothing;
    return limit - this.from >= first.length ? first : first.subarray(0, limit - this.from);
  }

  drop(count: number): void {
    const [first] = this.#pieces;
    if (first === undefined) return;
    if (count >= first.length) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(count);
    this.from += Math.min(count, first.length);
  }

  /** Every byte from `begin` to `end`, in order. */
  *between(begin: number, end: number): Generator<Uint8Array> {
    let offset = this.from;
    for (const piece of this.#pieces) {
      const start = Math.max(begin - offset, 0);
      const stop = Math.min(end - offset, piece.length);
      if (start < stop) yield piece.subarray(start, stop);
      offset += piece.length;
      if (offset >= end) return;
    }
  }
}

/** The active's. */
export class HeldOutput implements Output {
  readonly #commit: (commitment: Commitment) => boolean;
  readonly #pieces = new Pieces();
  readonly #digest = new OutputDigest();
  #cleared = 0;

  /** `commit` sends it to the standby; false when nobody is there to have it: then nothing waits. */
  constructor(commit: (commitment: Commitment) => boolean) {
    this.#commit = commit;
  }

  get waiting(): number {
    return this.#pieces.to - this.#pieces.from;
  }

  /** All that was said, as a commitment. */
  get said(): Commitment {
    return { offset: this.#digest.offset, digest: this.#digest.text };
  }

  add(bytes: Uint8Array): void {
    this.#pieces.add(bytes);
    this.#digest.add(bytes);
    if (!this.#commit(this.said)) this.release();
  }

  end(): void {}

  /** The standby has the commitment of this offset. */
  clear(offset: number): void {
    this.#cleared = Math.max(this.#cleared, offset);
  }

  /** No standby has a part in what was said until now. */
  release(): void {
    this.#cleared = this.#pieces.to;
  }

  next(): Uint8Array {
    return this.#pieces.before(this.#cleared);
  }

  taken(count: number): void {
    this.#pieces.drop(count);
  }
}

/** Commitments that a replica may be behind. */
const commitmentsMax = 65_536;

/** The replica's. */
export class ComparedOutput implements Output {
  readonly #pieces = new Pieces();
  readonly #digest = new OutputDigest();
  #commitments: Commitment[] = [];
  #agreed = 0;
  #ended = false;
  #diverged = false;
  #leading = false;

  get waiting(): number {
    return this.#pieces.to - this.#pieces.from;
  }

  /** The two outputs differ, or this one ended where the active's goes on. Nothing more is released. */
  get diverged(): boolean {
    return this.#diverged;
  }

  /** It is further behind than can be kept. */
  get overrun(): boolean {
    return this.#commitments.length > commitmentsMax;
  }

  /** What both are known to have said, bytes. */
  get agreed(): number {
    return this.#agreed;
  }

  /** What the replica said and agreed on, as a commitment. */
  get said(): Commitment {
    return { offset: this.#digest.offset, digest: this.#digest.text };
  }

  add(bytes: Uint8Array): void {
    this.#pieces.add(bytes);
    this.#compare();
  }

  end(): void {
    this.#ended = true;
    this.#compare();
  }

  /** The active's next commitment. */
  expect(commitment: Commitment): void {
    this.#commitments.push(commitment);
    this.#compare();
  }

  /** This machine has taken over: no commitment follows. */
  lead(): void {
    this.#leading = true;
  }

  next(): Uint8Array {
    if (this.#diverged) return nothing;
    const free = this.#leading && this.#commitments.length === 0;
    return this.#pieces.before(free ? Number.POSITIVE_INFINITY : this.#agreed);
  }

  taken(count: number): void {
    this.#pieces.drop(count);
  }

  #compare(): void {
    const { to } = this.#pieces;
    let done = 0;
    for (const { offset, digest } of this.#commitments) {
      if (this.#diverged || offset > to) break;
      for (const bytes of this.#pieces.between(this.#digest.offset, offset)) this.#digest.add(bytes);
      if (this.#digest.offset !== offset || this.#digest.text !== digest) this.#diverged = true;
      else this.#agreed = offset;
      done++;
    }
    if (done > 0) this.#commitments = this.#commitments.slice(done);
    if (this.#ended && this.#commitments.length > 0) this.#diverged = true;
  }
}
