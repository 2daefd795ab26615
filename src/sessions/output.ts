/**
 * One connection's output between its program and the kernel, so that a client never gets a wrong byte after a takeover.
 *
 * The rule: the active commits the length and the digest of its output before it releases a byte of it. The
 * replica releases only what it agrees with such a commitment on; after the takeover it first comes as far as the last
 * commitment and agrees with that, too, and is free from there on. So what the client may have got from
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
  /** More has to be said before any of that may be released: however much waits. */
  readonly short: boolean;
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

/** Commitments that a replica may be behind. */
const commitmentsMax = 65_536;

/** One machine's, which leads or follows; either becomes the other. */
export class SharedOutput implements Output {
  readonly #commit: (commitment: Commitment) => boolean;
  readonly #pieces = new Pieces();
  /** Of all that was said; of a follower's, of what it was compared with. */
  readonly #digest = new OutputDigest();
  /** The leader's, which this output has not come to. Those of a leader now gone, too: then it must come to them first. */
  #commitments: Commitment[] = [];
  /** Before this offset the kernel may have it. */
  #limit = 0;
  /** The client has what is before this offset. */
  #acknowledged = 0;
  /** Leading: the last commitment that was sent; and before which offset none may be, as the follower could not check it. */
  #committed = 0;
  #least = 0;
  #leads: boolean;
  #free = false;
  #ended = false;
  #diverged = false;

  /** `commit` sends it to the standby; false when nobody is there to have it: then nothing is held any more. */
  static leading(commit: (commitment: Commitment) => boolean): SharedOutput {
    return new SharedOutput(true, commit);
  }

  /** `commit`: for when it leads. */
  static following(commit: (commitment: Commitment) => boolean): SharedOutput {
    return new SharedOutput(false, commit);
  }

  private constructor(leads: boolean, commit: (commitment: Commitment) => boolean) {
    this.#leads = leads;
    this.#commit = commit;
  }

  get waiting(): number {
    return this.#pieces.to - this.#pieces.from;
  }

  get short(): boolean {
    const least = this.#leads && !this.#free ? this.#least : 0;
    return !this.#diverged && this.#pieces.to < (this.#commitments[0]?.offset ?? least);
  }

  /** The two outputs differ, or this one ended where the active's goes on. Nothing more is released. */
  get diverged(): boolean {
    return this.#diverged;
  }

  /** It is further behind than can be kept. */
  get overrun(): boolean {
    return this.#commitments.length > commitmentsMax;
  }

  /** What was said, of a follower's what was agreed on, as a commitment. */
  get said(): Commitment {
    return { offset: this.#digest.offset, digest: this.#digest.text };
  }

  /** How far that is, bytes. */
  get offset(): number {
    return this.#digest.offset;
  }

  add(bytes: Uint8Array): void {
    this.#pieces.add(bytes);
    this.#settle();
  }

  end(): void {
    this.#ended = true;
    this.#settle();
  }

  /** Following: the active's next commitment. */
  expect(commitment: Commitment): void {
    this.#commitments.push(commitment);
    this.#settle();
  }

  /**
   * The client has everything before this offset, from the other machine. It will hear none of it from here, so the kernel may
   * have it before the commitment that it belongs to is reached: that may be far ahead of a program that waits for input. So may
   * be what a leader has to come to before it commits anything.
   */
  acknowledge(offset: number): void {
    if (offset <= this.#acknowledged) return;
    this.#acknowledged = offset;
    this.#settle();
  }

  /** Leading: the standby has the commitment of this offset. */
  clear(offset: number): void {
    this.#limit = Math.max(this.#limit, offset);
  }

  /** This machine has taken over: no commitment follows. */
  lead(): void {
    this.#leads = true;
    this.#committed = this.#digest.offset;
    this.#settle();
  }

  /** The other machine has taken over: it has every commitment of this one, and comes to them before it says its own. */
  follow(): void {
    this.#leads = false;
    this.#free = false;
    this.#least = 0;
    this.#limit = Math.max(this.#limit, this.#digest.offset);
  }

  /** Leading: no standby has a part in this connection any more. Nothing is held. */
  release(): void {
    this.#free = true;
    this.#least = 0;
  }

  /**
   * Leading, or about to: a standby has a part in it again. It gets a commitment of all that was said without it, when that is `least` at
   * least: so far the standby had come when it led, and it does not remember what its digest was before.
   */
  hold(least: number): void {
    this.#least = Math.max(this.#least, least);
    if (!this.#leads || !this.#free) return;
    this.#free = false;
    this.#limit = Math.max(this.#limit, this.#pieces.from);
    this.#committed = -1;
    this.#settle();
  }

  next(): Uint8Array {
    if (this.#diverged) return nothing;
    const free = this.#leads && this.#free && this.#commitments.length === 0;
    return this.#pieces.before(free ? Number.POSITIVE_INFINITY : this.#limit);
  }

  taken(count: number): void {
    this.#pieces.drop(count);
  }

  #settle(): void {
    this.#compare();
    if (this.#diverged) return;
    const heard = Math.min(this.#acknowledged, this.#pieces.to);
    this.#digestTo(heard);
    this.#limit = Math.max(this.#limit, heard);
    // These are beyond what was said.
    if (!this.#leads || this.#commitments.length > 0) return;
    this.#digestTo(this.#pieces.to);
    if (this.#free || this.#digest.offset === this.#committed) return;
    if (this.#digest.offset < this.#least) {
      // It ended where the other machine's went on.
      if (this.#ended) this.#diverged = true;
      return;
    }
    this.#committed = this.#digest.offset;
    if (!this.#commit(this.said)) this.release();
  }

  #compare(): void {
    const { to } = this.#pieces;
    let done = 0;
    for (const { offset, digest } of this.#commitments) {
      if (this.#diverged || offset > to) break;
      done++;
      // From before we led, on the way when we yielded. One that reaches as far as we came follows (`least`).
      if (offset < this.#digest.offset) continue;
      this.#digestTo(offset);
      if (this.#digest.offset !== offset || this.#digest.text !== digest) this.#diverged = true;
      else this.#limit = Math.max(this.#limit, offset);
    }
    if (done > 0) this.#commitments = this.#commitments.slice(done);
    if (this.#ended && this.#commitments.length > 0) this.#diverged = true;
  }

  #digestTo(offset: number): void {
    // At a takeover there is nothing new on most connections.
    if (offset <= this.#digest.offset) return;
    for (const bytes of this.#pieces.between(this.#digest.offset, offset)) this.#digest.add(bytes);
  }
}
