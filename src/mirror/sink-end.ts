/**
 * A standby's connection to a source: asks to go on after what is held, puts commits together from their parts, and tells
 * what is held and how much more may come.
 */
import { compareTerms, type Term } from '../wire/control/message.ts';
import { firstSequence } from './backlog.ts';
import { Conduit, type Tally } from './conduit.ts';
import { creditCost, type EndReason, type LinkEnd } from './link-end.ts';
import { type Message, MessageType, Refusal, sameStream } from './message.ts';
import type { MirrorSink } from './sink.ts';
import { Stage } from './stage.ts';

type Accept = Extract<Message, { type: typeof MessageType.accept }>;
type RecordPart = Extract<Message, { type: typeof MessageType.record }>;
type ChunkPart = Extract<Message, { type: typeof MessageType.chunk }>;

/** The window's share that must be free anew before the source is told. */
const creditShare = 8;

export class SinkEnd implements LinkEnd {
  readonly #sink: MirrorSink;
  readonly #conduit: Conduit;
  #ended: EndReason | undefined;
  #heardUs: number;
  #pingUs: number;
  #asked = false;
  /** The stream this connection carries, once it was accepted. */
  #accept: Accept | undefined;
  #channels: ReadonlyMap<number, string>;
  /** A snapshot is under way. */
  #snapshot = false;
  /** The next commit's number; undefined: whichever comes first after `begin`. */
  #next: number | undefined;
  /** The commit and the chunk that are coming. */
  readonly #commit = new Stage();
  readonly #chunk = new Stage();
  #received = 0;
  #creditLimit: number;
  #creditTold: number;
  #heldTold: number | undefined;

  constructor(sink: MirrorSink, tally: Tally, source: string, nowUs: number) {
    this.#sink = sink;
    this.#conduit = new Conduit('sink', sink.options.identity, tally, source);
    this.#heardUs = nowUs;
    this.#pingUs = nowUs;
    this.#channels = sink.position.channels;
    // What an earlier connection brought and nobody took yet still needs its room.
    this.#creditLimit = Math.max(0, sink.options.windowBytes - sink.queuedBytes);
    this.#creditTold = this.#creditLimit;
  }

  get ended(): EndReason | undefined {
    return this.#ended;
  }

  get deadlineUs(): number | undefined {
    if (this.#ended !== undefined) return undefined;
    const silentUs = this.#heardUs + this.#sink.options.silenceUs;
    return this.#accept === undefined ? silentUs : Math.min(silentUs, this.#pingUs);
  }

  receive(bytes: Uint8Array, nowUs: number): void {
    if (this.#ended !== undefined) return;
    for (const message of this.#conduit.receive(bytes)) {
      this.#heardUs = nowUs;
      this.#handle(message);
      if (this.#ended !== undefined) return;
    }
    if (this.#conduit.broken !== undefined) this.close(this.#conduit.broken);
  }

  produce(nowUs: number): Uint8Array | undefined {
    const queued = this.#conduit.produce();
    if (queued !== undefined || this.#ended !== undefined || !this.#conduit.open) return queued;
    const message = this.#open() ?? this.#ack() ?? this.#ping(nowUs);
    if (message === undefined) return undefined;
    this.#conduit.send(message);
    return this.#conduit.produce();
  }

  lost(): void {
    this.close('lost');
  }

  expire(nowUs: number): void {
    if (this.#ended === undefined && nowUs >= this.#heardUs + this.#sink.options.silenceUs) {
      this.close('silent');
    }
  }

  close(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#dropStage();
    if (this.#snapshot) this.#sink.push({ kind: 'abort' });
    this.#sink.detached(this, reason);
  }

  leave(): void {
    if (this.#accept !== undefined && this.#ended === undefined) {
      this.#conduit.send({ type: MessageType.leave });
    }
    this.close('left');
  }

  /** The sink knows of a higher term than before. */
  reconsider(): void {
    const { floor } = this.#sink;
    if (this.#ended !== undefined || this.#accept === undefined) return;
    if (compareTerms(this.#accept.term, floor) < 0) {
      this.#refuse(Refusal.lowerTerm, 'lowerTerm');
    }
  }

  /** The sink's events were taken: there is room again. */
  taken(): void {
    const { queuedBytes, options } = this.#sink;
    const unconsumed = queuedBytes === 0 ? 0 : queuedBytes + this.#commit.cost + this.#chunk.cost;
    this.#creditLimit = Math.max(this.#creditLimit, this.#received - unconsumed + options.windowBytes);
  }

  #open(): Message | undefined {
    if (this.#asked) return undefined;
    this.#asked = true;
    const { position, floor } = this.#sink;
    return {
      type: MessageType.open,
      term: floor,
      stream: position.stream,
      next: position.held + 1,
      creditLimit: this.#creditLimit,
    };
  }

  /** What is held of the stream that this connection carries. */
  get #held(): number {
    const { position } = this.#sink;
    return this.#accept !== undefined && sameStream(position.stream, this.#accept.stream) ? position.held : 0;
  }

  #ack(): Message | undefined {
    if (this.#accept === undefined) return undefined;
    const granted = this.#creditLimit - this.#creditTold;
    if (this.#held === this.#heldTold && granted < this.#sink.options.windowBytes / creditShare) {
      return undefined;
    }
    this.#heldTold = this.#held;
    this.#creditTold = this.#creditLimit;
    return { type: MessageType.ack, held: this.#held, creditLimit: this.#creditLimit };
  }

  #ping(nowUs: number): Message | undefined {
    if (this.#accept === undefined || nowUs < this.#pingUs) return undefined;
    this.#pingUs = nowUs + this.#sink.options.pingUs;
    return { type: MessageType.ping, stamp: nowUs };
  }

  #handle(message: Message): void {
    if (message.type === MessageType.refuse) return this.#refused(message.why, message.term);
    if (this.#accept === undefined) {
      if (message.type === MessageType.accept) return this.#accepted(message);
      return this.close('unexpected');
    }
    switch (message.type) {
      case MessageType.begin:
        return this.#begin(message.channels);
      case MessageType.chunk:
        return this.#chunkPart(message);
      case MessageType.record:
        return this.#part(message);
      case MessageType.end:
        return this.#whole(message.sequence, this.#accept);
      case MessageType.pong:
        if (message.counts && !this.#snapshot) this.#sink.prove(message.stamp, message.head);
        return;
      default:
        return this.close('unexpected');
    }
  }

  #accepted(accept: Accept): void {
    const { floor, position, options } = this.#sink;
    if (compareTerms(accept.term, floor) < 0) return this.#refuse(Refusal.lowerTerm, 'lowerTerm');
    const same = sameStream(accept.stream, position.stream);
    if (accept.resumes && !same) return this.close('unexpected');
    // Each activation has a term of its own, so a new life in the same one is a program that was started again, without
    // the state that is held here. To take its word would be to lose both copies.
    const restarted = !same && position.held > 0 && compareTerms(accept.term, position.term) === 0;
    if (restarted) return this.#refuse(Refusal.otherLife, 'otherLife');
    if (accept.commitBytesMax > options.commitBytesMax) return this.close('overrun');
    this.#accept = accept;
    this.#next = accept.resumes ? position.held + 1 : undefined;
    this.#sink.attached(accept.term, same, accept.claimUs);
    const source = this.#conduit.peer ?? '';
    this.#sink.push({ kind: 'attached', source, term: accept.term, resumes: accept.resumes });
  }

  #refused(why: Refusal, term: Term): void {
    this.#sink.noteTerm(term);
    this.close(why === Refusal.unknownStandby ? 'unknownStandby' : 'lowerTerm');
  }

  #refuse(why: Refusal, reason: EndReason): void {
    this.#conduit.send({ type: MessageType.refuse, why, term: this.#sink.floor });
    this.close(reason);
  }

  #begin(channels: readonly { readonly id: number; readonly name: string }[]): void {
    if (this.#snapshot) this.#sink.push({ kind: 'abort' });
    this.#dropStage();
    this.#snapshot = true;
    this.#next = undefined;
    this.#channels = new Map(channels.map(({ id, name }) => [id, name]));
    this.#sink.push({ kind: 'begin', channels: [...this.#channels.values()] });
  }

  #chunkPart({ channel: id, bytes, endsChunk }: ChunkPart): void {
    const channel = this.#channels.get(id);
    if (!this.#snapshot || channel === undefined) return this.close('unexpected');
    if (!this.#stage(this.#chunk, channel, bytes, endsChunk)) return;
    if (!endsChunk) return this.taken();
    const { cost } = this.#chunk;
    for (const record of this.#chunk.take()) this.#sink.push({ kind: 'chunk', ...record }, cost);
  }

  #part({ sequence, channel: id, bytes, endsRecord, endsCommit }: RecordPart): void {
    const channel = this.#channels.get(id);
    this.#next ??= this.#snapshot ? sequence : undefined;
    if (channel === undefined || sequence !== this.#next) return this.close('unexpected');
    if (!this.#stage(this.#commit, channel, bytes, endsRecord)) return;
    if (!endsCommit) return this.taken();
    const { cost } = this.#commit;
    this.#next = sequence + 1;
    this.#sink.push({ kind: 'commit', sequence, records: this.#commit.take() }, cost);
    if (!this.#snapshot && this.#accept !== undefined) this.#hold(sequence, this.#accept);
  }

  /** False when the source sends more than it was granted, or than was agreed. */
  #stage(stage: Stage, channel: string, bytes: Uint8Array, endsRecord: boolean): boolean {
    this.#received += creditCost(bytes.length);
    stage.add(channel, bytes, endsRecord);
    const agreed = this.#accept?.commitBytesMax ?? 0;
    if (this.#received > this.#creditLimit || stage.size > agreed) this.close('overrun');
    return this.#ended === undefined;
  }

  #whole(sequence: number, accept: Accept): void {
    const cut = !this.#commit.empty || !this.#chunk.empty;
    if (!this.#snapshot || cut || sequence < firstSequence || (this.#next ?? sequence + 1) !== sequence + 1) {
      return this.close('unexpected');
    }
    this.#snapshot = false;
    this.#next = sequence + 1;
    this.#sink.push({ kind: 'end', sequence });
    this.#hold(sequence, accept);
  }

  #hold(held: number, { stream, term }: Accept): void {
    this.#sink.hold({ stream, term, held, channels: this.#channels });
  }

  #dropStage(): void {
    this.#commit.take();
    this.#chunk.take();
  }
}
