/**
 * The stream's messages and their bodies, network byte order. What frames them is `frame.ts`; the order in which they come
 * is said in `source.ts` and `sink.ts`.
 *
 *   sink                                source
 *    | -- hello ------------------------> |     who, protection, nonce: not sealed (hello.ts)
 *    | <------------------------- hello - |
 *    | -- open -------------------------> |     what I hold, the highest term I know, how much you may send
 *    | <------------------------ accept - |     from where I go on: the next commit, or a snapshot
 *    | <--- begin, chunk ..., end ------- |     snapshot only; commits in between
 *    | <------------------------ record - |     part of a commit
 *    | -- ack --------------------------> |     everything up to N is held; you may send up to byte M
 *    | -- ping -------------------------> |
 *    | <-------------------------- pong - |     your stamp, the last commit there is, and whether you count
 */
import type { Term } from '../wire/control/message.ts';
import { type Decoded, decoded, refused } from '../wire/result.ts';
import { FieldReader, FieldWriter } from './field.ts';

export const MessageType = {
  hello: 1,
  open: 2,
  accept: 3,
  refuse: 4,
  begin: 5,
  chunk: 6,
  end: 7,
  record: 8,
  ack: 9,
  ping: 10,
  pong: 11,
  leave: 12,
  piece: 13,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Why one end does not want the other. */
export const Refusal = {
  /** The stream's term is lower than one that the refusing end knows. */
  lowerTerm: 1,
  /** The source has no standby of that name. */
  unknownStandby: 2,
  /** The sink holds what another life of the source told in the same term: this one has lost it. */
  otherLife: 3,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** Names one life of one source: 16 random bytes. */
export type StreamId = Uint8Array;
export const streamIdLength: number = 16;
export const noStream: StreamId = new Uint8Array(streamIdLength);

export function sameStream(a: StreamId, b: StreamId): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

export interface Channel {
  readonly id: number;
  readonly name: string;
}

export type Message =
  | {
      readonly type: typeof MessageType.open;
      /** The highest term that the sink knows of. */
      readonly term: Term;
      /** Of what it holds; `noStream`: nothing. */
      readonly stream: StreamId;
      /** The first commit that it does not hold. */
      readonly next: number;
      readonly creditLimit: number;
    }
  | {
      readonly type: typeof MessageType.accept;
      readonly term: Term;
      readonly stream: StreamId;
      /** True: commits follow from the one that was asked for; false: a snapshot. */
      readonly resumes: boolean;
      /** How long the sink may believe that it holds all since its last proven moment, µs; 0: without end (`wait`). */
      readonly claimUs: number;
      /** No commit has more, bytes. */
      readonly commitBytesMax: number;
    }
  | { readonly type: typeof MessageType.refuse; readonly why: Refusal; readonly term: Term }
  | { readonly type: typeof MessageType.begin; readonly channels: readonly Channel[] }
  | {
      readonly type: typeof MessageType.chunk;
      readonly channel: number;
      readonly endsChunk: boolean;
      readonly bytes: Uint8Array;
    }
  | { readonly type: typeof MessageType.end; readonly sequence: number }
  | {
      readonly type: typeof MessageType.record;
      readonly sequence: number;
      readonly channel: number;
      readonly endsRecord: boolean;
      readonly endsCommit: boolean;
      readonly bytes: Uint8Array;
    }
  | { readonly type: typeof MessageType.ack; readonly held: number; readonly creditLimit: number }
  /** `stamp`: the sink's clock, µs. */
  | { readonly type: typeof MessageType.ping; readonly stamp: number }
  /** `counts`: no commit resolves without this standby. */
  | {
      readonly type: typeof MessageType.pong;
      readonly stamp: number;
      readonly head: number;
      readonly counts: boolean;
    }
  | { readonly type: typeof MessageType.leave }
  /** The next bytes of another stream, which has this connection to itself: the sessions' (`src/relay`). */
  | { readonly type: typeof MessageType.piece; readonly bytes: Uint8Array };

export type MessageReason = 'unknownType' | 'short' | 'trailing' | 'badValue';

/** The body of a message. */
export function encodeMessage(message: Message): Uint8Array {
  const into = new FieldWriter();
  switch (message.type) {
    case MessageType.open:
      writeTerm(into, message.term).bytes(message.stream).u48(message.next).u48(message.creditLimit);
      break;
    case MessageType.accept:
      writeTerm(into, message.term)
        .bytes(message.stream)
        .u8(message.resumes ? 1 : 0);
      into.u48(message.claimUs).u32(message.commitBytesMax);
      break;
    case MessageType.refuse:
      writeTerm(into.u8(message.why), message.term);
      break;
    case MessageType.begin:
      into.u16(message.channels.length);
      for (const { id, name } of message.channels) into.u16(id).text(name);
      break;
    case MessageType.chunk:
      into.u16(message.channel);
      into.u8(message.endsChunk ? 1 : 0).bytes(message.bytes);
      break;
    case MessageType.end:
      into.u48(message.sequence);
      break;
    case MessageType.record:
      into.u48(message.sequence).u16(message.channel);
      into.u8((message.endsRecord ? 1 : 0) | (message.endsCommit ? 2 : 0)).bytes(message.bytes);
      break;
    case MessageType.ack:
      into.u48(message.held).u48(message.creditLimit);
      break;
    case MessageType.ping:
      into.u48(message.stamp);
      break;
    case MessageType.pong:
      into
        .u48(message.stamp)
        .u48(message.head)
        .u8(message.counts ? 1 : 0);
      break;
    case MessageType.leave:
      break;
    case MessageType.piece:
      into.bytes(message.bytes);
      break;
  }
  return into.take();
}

/** A message from its body; payloads are views of it. */
export function decodeMessage(type: number, body: Uint8Array): Decoded<Message, MessageReason> {
  const from = new FieldReader(body);
  const message = readMessage(type, from);
  if (message === undefined) return refused('unknownType');
  const end = from.done();
  if (end !== 'ok') return refused(end);
  return message === 'badValue' ? refused('badValue') : decoded(message);
}

function readMessage(type: number, from: FieldReader): Message | 'badValue' | undefined {
  switch (type) {
    case MessageType.open: {
      const [term, stream] = [readTerm(from), from.bytes(streamIdLength)];
      return { type, term, stream, next: from.u48(), creditLimit: from.u48() };
    }
    case MessageType.accept: {
      const [term, stream, mode] = [readTerm(from), from.bytes(streamIdLength), from.u8()];
      const [claimUs, commitBytesMax] = [from.u48(), from.u32()];
      return mode > 1 ? 'badValue' : { type, term, stream, resumes: mode === 1, claimUs, commitBytesMax };
    }
    case MessageType.refuse: {
      const [why, term] = [from.u8(), readTerm(from)];
      return isRefusal(why) ? { type, why, term } : 'badValue';
    }
    case MessageType.begin:
      return readBegin(from);
    case MessageType.chunk: {
      const [channel, flags, bytes] = [from.u16(), from.u8(), from.rest()];
      return flags > 1 ? 'badValue' : { type, channel, endsChunk: flags === 1, bytes };
    }
    case MessageType.end:
      return { type, sequence: from.u48() };
    case MessageType.record: {
      const [sequence, channel, flags, bytes] = [from.u48(), from.u16(), from.u8(), from.rest()];
      const [endsRecord, endsCommit] = [(flags & 1) !== 0, (flags & 2) !== 0];
      if (flags > 3 || sequence === 0 || (endsCommit && !endsRecord)) return 'badValue';
      return { type, sequence, channel, endsRecord, endsCommit, bytes };
    }
    case MessageType.ack:
      return { type, held: from.u48(), creditLimit: from.u48() };
    case MessageType.ping:
      return { type, stamp: from.u48() };
    case MessageType.pong: {
      const [stamp, head, counts] = [from.u48(), from.u48(), from.u8()];
      return counts > 1 ? 'badValue' : { type, stamp, head, counts: counts === 1 };
    }
    case MessageType.leave:
      return { type };
    case MessageType.piece:
      return { type, bytes: from.rest() };
    default:
      return undefined;
  }
}

function readBegin(from: FieldReader): Message | 'badValue' {
  const channels: Channel[] = [];
  const count = from.u16();
  for (let index = 0; index < count; index++) {
    const [id, name] = [from.u16(), from.text()];
    if (from.done() === 'short') break;
    if (name === undefined || name === '') return 'badValue';
    channels.push({ id, name });
  }
  return { type: MessageType.begin, channels };
}

function isRefusal(value: number): value is Refusal {
  return Object.values(Refusal).some((known) => known === value);
}

function writeTerm(into: FieldWriter, { counter, member }: Term): FieldWriter {
  return into.u48(counter).u16(member);
}

function readTerm(from: FieldReader): Term {
  return { counter: from.u48(), member: from.u16() };
}
