/**
 * The standby side of the stream: what it holds, from whom, up to where, and whether that is all there was. It asks to go
 * on after what it holds; it gets that, or a snapshot, whose state replaces the old one only when it is whole. Bytes and
 * times in, bytes and events out.
 */
import { compareTerms, noTerm, type Term } from '../wire/control/message.ts';
import { type Identity, Tally } from './conduit.ts';
import type { EndReason, LinkEnd } from './link-end.ts';
import { noStream, type StreamId } from './message.ts';
import { SinkEnd } from './sink-end.ts';

export interface SinkOptions {
  readonly identity: Identity;
  /** The most that may wait in `takeEvents`, beside one commit, bytes; at least 131072. */
  readonly windowBytes: number;
  /** No commit may have more, bytes. */
  readonly commitBytesMax: number;
  /** How often the source is asked whether this standby counts, µs. */
  readonly pingUs: number;
  /** How long the source may say nothing before the connection counts as broken, µs. */
  readonly silenceUs: number;
}

/** A record with the name of its channel. */
export interface NamedRecord {
  readonly channel: string;
  readonly bytes: Uint8Array;
}

export type SinkEvent =
  /** A new state comes. Chunks and commits from here to `end` make it; until then the old one is what is held. */
  | { readonly kind: 'begin'; readonly channels: readonly string[] }
  | { readonly kind: 'chunk'; readonly channel: string; readonly bytes: Uint8Array }
  | { readonly kind: 'commit'; readonly sequence: number; readonly records: readonly NamedRecord[] }
  /** The new state is whole, and held. */
  | { readonly kind: 'end'; readonly sequence: number }
  /** The new state will not come; the old one is still held. */
  | { readonly kind: 'abort' }
  /** A source was believed, and what it said of itself. */
  | { readonly kind: 'attached'; readonly source: string; readonly term: Term; readonly resumes: boolean }
  | { readonly kind: 'detached'; readonly why: EndReason };

/**
 * What a standby that takes over may say of its state: it has everything that was ever resolved; it may lack something;
 * or it never held a whole state.
 */
export type Claim = 'complete' | 'uncertain' | 'nothing';

export interface Position {
  readonly stream: StreamId;
  readonly term: Term;
  /** The last commit held; 0: nothing. */
  readonly held: number;
  /** What the stream's channel numbers mean. */
  readonly channels: ReadonlyMap<number, string>;
}

const windowBytesMin = 131_072;

export class MirrorSink {
  readonly options: SinkOptions;
  readonly #tally = new Tally();
  #position: Position = { stream: noStream, term: noTerm, held: 0, channels: new Map() };
  #floor: Term = noTerm;
  #end: SinkEnd | undefined;
  #events: SinkEvent[] = [];
  #queuedBytes = 0;
  /** How long a claim lasts after what proves it, µs; 0: without end. */
  #claimUs = 0;
  /** When we asked and were answered that we count, on this machine's clock. */
  #provenUs: number | undefined;
  /** The same, but what there was then is not all held yet. */
  #proof: { readonly stampUs: number; readonly head: number } | undefined;

  constructor(options: SinkOptions) {
    if (options.windowBytes < windowBytesMin) {
      throw new RangeError(`windowBytes is ${options.windowBytes}; it is at least ${windowBytesMin}`);
    }
    this.options = options;
  }

  get position(): Position {
    return this.#position;
  }

  /** The highest term known: a stream of a lower one is refused. */
  get floor(): Term {
    return this.#floor;
  }

  /** Frames that were not believed, by reason. */
  get refused(): Readonly<Record<string, number>> {
    return this.#tally.read();
  }

  /** Somebody was active with this term. */
  noteTerm(term: Term): void {
    if (compareTerms(term, this.#floor) <= 0) return;
    this.#floor = term;
    if (compareTerms(term, this.#position.term) > 0) this.#disprove();
    this.#end?.reconsider();
  }

  /** A new connection to `source`, in place of the last one. */
  connect(source: string, nowUs: number): LinkEnd {
    this.#end?.close('superseded');
    this.#end = new SinkEnd(this, this.#tally, source, nowUs);
    return this.#end;
  }

  /** Ends in order: the source need not wait for this standby any more, and this one claims nothing any more. */
  leave(): void {
    this.#disprove();
    this.#end?.leave();
  }

  close(): void {
    this.#end?.close('closed');
  }

  /** What this standby may say of its state, had it taken over at `nowUs`. */
  claim(nowUs: number): Claim {
    if (this.#position.held === 0) return 'nothing';
    if (this.#provenUs === undefined) return 'uncertain';
    // A part in 64 for clocks that run at different speeds.
    const lastsUs = this.#claimUs - this.#claimUs / 64;
    return this.#claimUs === 0 || nowUs - this.#provenUs < lastsUs ? 'complete' : 'uncertain';
  }

  /** In order. What is taken makes room for more. */
  takeEvents(): readonly SinkEvent[] {
    const events = this.#events;
    this.#events = [];
    this.#queuedBytes = 0;
    this.#end?.taken();
    return events;
  }

  /** For the connection: what waits in `takeEvents`, bytes. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** For the connection. `cost`: what it takes of the window. */
  push(event: SinkEvent, cost = 0): void {
    this.#events.push(event);
    this.#queuedBytes += cost;
  }

  /** For the connection: a source of this term was believed. A life that is not the one held makes old proofs void. */
  attached(term: Term, sameStream: boolean, claimUs: number): void {
    if (compareTerms(term, this.#floor) > 0) this.#floor = term;
    if (!sameStream) this.#disprove();
    this.#claimUs = claimUs;
  }

  /** For the connection: everything up to and including `held` of this stream is held. */
  hold(position: Position): void {
    this.#position = position;
    const proof = this.#proof;
    if (proof === undefined || proof.head > position.held) return;
    this.#proof = undefined;
    this.#provenUs = Math.max(this.#provenUs ?? 0, proof.stampUs);
  }

  /** For the connection: at `stampUs` or later the source had commits up to `head`, and this standby counted. */
  prove(stampUs: number, head: number): void {
    // An earlier proof that is still open comes true first; to replace it each time would never let one come true.
    this.#proof ??= { stampUs, head };
    this.hold(this.#position);
    if (head <= this.#position.held) this.#provenUs = Math.max(this.#provenUs ?? 0, stampUs);
  }

  /** For the connection. */
  detached(end: SinkEnd, why: EndReason): void {
    if (this.#end !== end) return;
    this.#end = undefined;
    this.push({ kind: 'detached', why });
  }

  #disprove(): void {
    this.#provenUs = undefined;
    this.#proof = undefined;
  }
}
