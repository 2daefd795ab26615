/**
 * One standby's connection, seen from the source.
 *
 *   opening ──► snapshot ──► catchUp ──► live          resuming goes from opening to catchUp at once;
 *                  ▲            │          │           a standby for which the backlog no longer has
 *                  └────────────┴──────────┘           what it lacks falls back to snapshot
 *
 * In a snapshot, commits go out between the chunks, so it can take as long as it likes without stopping anybody. Chunks
 * may run ahead of the commits sent so far; `end` waits until the commits have reached where the last chunk was taken.
 */
import { compareTerms } from '../wire/control/message.ts';
import { Conduit, type Tally } from './conduit.ts';
import { payloadMax } from './frame.ts';
import { creditCost, type EndReason, type LinkEnd } from './link-end.ts';
import { type Message, MessageType, Refusal, sameStream } from './message.ts';
import type { MirrorSource, Standby } from './source.ts';

export type Phase = 'absent' | 'opening' | 'snapshot' | 'catchUp' | 'live';

type Open = Extract<Message, { type: typeof MessageType.open }>;

/** A standby that held, this much later, all that there was, has caught up; with `wait` it may lag for longer. µs. */
const lagMaxUs = (degradeAfterUs: number): number => Math.floor(degradeAfterUs / 4);

export class Attachment implements LinkEnd {
  readonly #source: MirrorSource;
  readonly #conduit: Conduit;
  #standby: Standby | undefined;
  #phase: Phase = 'opening';
  #ended: EndReason | undefined;
  #heardUs: number;
  /** The next commit to send; of it, the next record and how much of that has gone. */
  #cursor = 0;
  #record = 0;
  #offset = 0;
  /** Snapshot: still to be announced; the chunks; where the commits must have come before its end. */
  #begins = false;
  #chunks: Iterator<readonly [channel: number, bytes: Uint8Array]> | undefined;
  #endsAt: number | undefined;
  /** The chunk that is being sent, and how much of it has gone. */
  #chunk: { readonly channel: number; readonly bytes: Uint8Array; offset: number } | undefined;
  /** Bytes sent of the snapshot and of commits since it began: they take turns. */
  #chunkBytes = 0;
  #commitBytes = 0;
  #creditUsed = 0;
  #creditLimit = 0;
  #stamp: number | undefined;
  /** Held when `#mark` is: at `#markUs` that was everything. */
  #mark = 0;
  #markUs = 0;

  constructor(source: MirrorSource, tally: Tally, nowUs: number) {
    this.#source = source;
    this.#conduit = new Conduit('source', source.options.identity, tally);
    this.#heardUs = nowUs;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get ended(): EndReason | undefined {
    return this.#ended;
  }

  get deadlineUs(): number | undefined {
    return this.#ended === undefined ? this.#heardUs + this.#source.options.silenceUs : undefined;
  }

  /** The last commit that this standby will not need from the backlog again. */
  get unneeded(): number {
    return this.#phase === 'snapshot'
      ? this.#cursor - 1
      : Math.min(this.#cursor - 1, this.#standby?.holds ?? 0);
  }

  receive(bytes: Uint8Array, nowUs: number): void {
    if (this.#ended !== undefined) return;
    for (const message of this.#conduit.receive(bytes)) {
      this.#heardUs = nowUs;
      this.#handle(message, nowUs);
      if (this.#ended !== undefined) return;
    }
    if (this.#conduit.broken !== undefined) this.close(this.#conduit.broken);
  }

  produce(nowUs: number): Uint8Array | undefined {
    const queued = this.#conduit.produce();
    if (queued !== undefined || this.#ended !== undefined) return queued;
    const message = this.#pong(nowUs) ?? this.#next();
    if (message === undefined) return undefined;
    this.#conduit.send(message);
    return this.#conduit.produce();
  }

  lost(): void {
    this.close('lost');
  }

  expire(nowUs: number): void {
    const { deadlineUs } = this;
    if (deadlineUs !== undefined && nowUs >= deadlineUs) this.close('silent');
  }

  close(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#phase = 'absent';
    this.#chunks = undefined;
    this.#source.detach(this, this.#standby, reason);
  }

  /** It no longer counts; it does again when it has caught up. */
  fallBehind(): void {
    if (this.#phase === 'live') this.#enter('catchUp');
    this.#mark = this.#source.head;
    this.#markUs = Number.POSITIVE_INFINITY;
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    if (this.#standby !== undefined) this.#source.changed(this.#standby);
  }

  #handle(message: Message, nowUs: number): void {
    if (this.#standby === undefined) {
      if (message.type === MessageType.open) return this.#open(message, nowUs);
      return this.close('unexpected');
    }
    switch (message.type) {
      case MessageType.ack:
        if (message.held >= Math.max(1, this.#cursor)) return this.close('unexpected');
        this.#creditLimit = Math.max(this.#creditLimit, message.creditLimit);
        this.#holds(this.#standby, message.held);
        return this.#judge(this.#standby, nowUs);
      case MessageType.ping:
        this.#stamp = message.stamp;
        return this.#judge(this.#standby, nowUs);
      case MessageType.leave:
        return this.close('left');
      case MessageType.refuse:
        this.#source.supersede(message.term);
        return this.close(message.why === Refusal.otherLife ? 'otherLife' : 'lowerTerm');
      default:
        return this.close('unexpected');
    }
  }

  #open(open: Open, nowUs: number): void {
    const source = this.#source;
    const { term } = source.options;
    if (compareTerms(open.term, term) > 0) {
      source.supersede(open.term);
      return this.#refuse(Refusal.lowerTerm, 'superseded');
    }
    this.#standby = source.admit(this.#conduit.peer ?? '', this);
    if (this.#standby === undefined) return this.#refuse(Refusal.unknownStandby, 'unknownStandby');
    const { backlog, ledger } = source;
    const ours = sameStream(open.stream, source.stream);
    const resumes = ours && open.next >= backlog.base && open.next <= backlog.head + 1 && open.next > 1;
    this.#creditLimit = open.creditLimit;
    this.#conduit.send({
      type: MessageType.accept,
      term,
      stream: source.stream,
      resumes,
      claimUs: ledger.claimUs,
      commitBytesMax: source.options.commitBytesMax,
    });
    if (resumes) this.#resume(this.#standby, open.next, nowUs);
    else this.#beginSnapshot();
  }

  #refuse(why: Refusal, reason: EndReason): void {
    this.#conduit.send({ type: MessageType.refuse, why, term: this.#source.options.term });
    this.close(reason);
  }

  #resume(standby: Standby, next: number, nowUs: number): void {
    this.#cursor = next;
    this.#endsAt = next - 1;
    this.#enter('catchUp');
    this.#holds(standby, next - 1);
    this.#judge(standby, nowUs);
  }

  #beginSnapshot(): void {
    this.#cursor = this.#source.head + 1;
    this.#record = 0;
    this.#offset = 0;
    this.#begins = true;
    this.#endsAt = undefined;
    this.#chunks = chunksOf(this.#source);
    this.#chunk = undefined;
    this.#chunkBytes = 0;
    this.#commitBytes = 0;
    this.#enter('snapshot');
  }

  #holds(standby: Standby, held: number): void {
    if (held === 0) return;
    standby.holds = Math.max(standby.holds ?? 0, held);
    this.#source.ledger.held(standby.name, held);
    this.#source.settle();
  }

  /** Has it caught up: does it hold what not long ago was everything? */
  #judge(standby: Standby, nowUs: number): void {
    const { ledger, head, options } = this.#source;
    if (this.#phase !== 'catchUp' || standby.holds === undefined) return;
    if (standby.holds < this.#mark) return;
    const lagUs = nowUs - this.#markUs;
    const inTime = options.policy === 'wait' || (lagUs >= 0 && lagUs <= lagMaxUs(options.degradeAfterUs));
    this.#mark = head;
    this.#markUs = nowUs;
    if (!inTime && standby.holds < head) return;
    this.#enter('live');
    ledger.caughtUp(standby.name);
    this.#source.settle();
  }

  /** The answer to a ping: `counts` is true only while what it promises holds. */
  #pong(nowUs: number): Message | undefined {
    const [stamp, standby] = [this.#stamp, this.#standby];
    if (stamp === undefined || standby === undefined) return undefined;
    this.#stamp = undefined;
    const { head, ledger } = this.#source;
    const counts = this.#phase === 'live' && ledger.mayClaim(standby.name, nowUs);
    return { type: MessageType.pong, stamp, head, counts };
  }

  #next(): Message | undefined {
    if (this.#standby === undefined) return undefined;
    const { backlog } = this.#source;
    if (this.#cursor < backlog.base && this.#cursor <= backlog.head) this.#beginSnapshot();
    if (this.#begins) {
      this.#begins = false;
      const channels = this.#source.options.channels.map(({ name }, id) => ({ id, name }));
      return { type: MessageType.begin, channels };
    }
    if (this.#phase === 'snapshot' && this.#endsAt !== undefined && this.#cursor > this.#endsAt) {
      this.#phase = 'catchUp';
      this.fallBehind();
      if (this.#standby !== undefined) this.#source.changed(this.#standby);
      return { type: MessageType.end, sequence: this.#cursor - 1 };
    }
    if (this.#creditUsed + creditCost(payloadMax) > this.#creditLimit) return undefined;
    const commitsWait = this.#cursor <= backlog.head;
    // A chunk shows what was when it was taken: it goes out whole before any later commit.
    if (this.#chunk !== undefined) return this.#chunkPart(this.#chunk);
    if (this.#chunks !== undefined && (!commitsWait || this.#chunkBytes <= this.#commitBytes)) {
      this.#takeChunk();
      return this.#next();
    }
    return commitsWait ? this.#part() : undefined;
  }

  #takeChunk(): void {
    const next = this.#chunks?.next();
    if (next === undefined || next.done === true) {
      this.#chunks = undefined;
      this.#endsAt = this.#source.head;
      return;
    }
    const [channel, bytes] = next.value;
    this.#chunk = { channel, bytes, offset: 0 };
  }

  #chunkPart(chunk: { readonly channel: number; readonly bytes: Uint8Array; offset: number }): Message {
    const bytes = chunk.bytes.subarray(chunk.offset, chunk.offset + payloadMax);
    chunk.offset += bytes.length;
    const endsChunk = chunk.offset === chunk.bytes.length;
    if (endsChunk) this.#chunk = undefined;
    this.#chunkBytes += creditCost(bytes.length);
    this.#creditUsed += creditCost(bytes.length);
    return { type: MessageType.chunk, channel: chunk.channel, endsChunk, bytes };
  }

  /** The next part of the commit at the cursor. */
  #part(): Message | undefined {
    const commit = this.#source.backlog.get(this.#cursor);
    const record = commit?.records[this.#record];
    if (commit === undefined || record === undefined) return undefined;
    const { sequence, records } = commit;
    const bytes = record.bytes.subarray(this.#offset, this.#offset + payloadMax);
    const endsRecord = this.#offset + bytes.length === record.bytes.length;
    const endsCommit = endsRecord && this.#record === records.length - 1;
    this.#offset = endsRecord ? 0 : this.#offset + bytes.length;
    if (endsRecord) this.#record = endsCommit ? 0 : this.#record + 1;
    if (endsCommit) this.#cursor++;
    this.#commitBytes += creditCost(bytes.length);
    this.#creditUsed += creditCost(bytes.length);
    return { type: MessageType.record, sequence, channel: record.channel, endsRecord, endsCommit, bytes };
  }
}

function* chunksOf({
  options,
}: MirrorSource): Generator<readonly [number, Uint8Array], undefined, undefined> {
  for (const [channel, state] of options.channels.entries()) {
    for (const bytes of state.snapshot()) yield [channel, bytes];
  }
}
