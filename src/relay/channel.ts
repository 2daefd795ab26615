/**
 * How the gate's packets reach the standby. `CommitChannel` is all that the rest knows; `StreamChannel` is the plainest one
 * that keeps its promises: one TCP connection, length, kind, body. It is neither authenticated nor resumed: the mirror
 * stream is to take its place.
 */
import { EAGAIN, EINTR } from '../linux/errno.ts';
import type { ServiceSocket } from '../linux/service-socket.ts';
import { readU16, readU32, writeU16, writeU32 } from '../wire/big-endian.ts';

export interface ChannelEvents {
  /** The other end is there; `body` is what it says of itself. */
  greeted(body: Uint8Array): void;
  /** A packet to be had before it counts. The bytes are the receiver's. */
  record(body: Uint8Array): void;
  /** The other end has the first `count` records of all. */
  held(count: number): void;
  /** Anything else that the two tell each other. */
  word(body: Uint8Array): void;
}

export interface CommitChannel {
  readonly fd: number;
  /** What is to be written does not fit now: `flush` when the descriptor is writable. */
  readonly blocked: boolean;
  greet(body: Uint8Array): void;
  record(body: Uint8Array): void;
  word(body: Uint8Array): void;
  /** Reads what is there. False when the channel is over. */
  receive(events: ChannelEvents): boolean;
  /** Writes what is queued. False when the channel is over. */
  flush(): boolean;
  close(): void;
}

const kinds = { greeting: 1, record: 2, held: 3, word: 4 } as const;
const headerLength = 5;
/** One read, and the most that one message has. */
const readBytes = 1 << 18;
const messageBytesMax = 1 << 17;

export class StreamChannel implements CommitChannel {
  readonly #socket: ServiceSocket;
  readonly #into = Buffer.alloc(readBytes);
  #filled = 0;
  #outgoing: Uint8Array[] = [];
  #received = 0;
  #acknowledged = 0;
  /** Counts are 32 bits on the wire; the rest is known from the last one. */
  #held = 0;

  constructor(socket: ServiceSocket) {
    this.#socket = socket;
  }

  get fd(): number {
    return this.#socket.fd;
  }

  get blocked(): boolean {
    return this.#outgoing.length > 0;
  }

  greet(body: Uint8Array): void {
    this.#queue(kinds.greeting, body);
  }

  record(body: Uint8Array): void {
    this.#queue(kinds.record, body);
  }

  word(body: Uint8Array): void {
    this.#queue(kinds.word, body);
  }

  receive(events: ChannelEvents): boolean {
    for (;;) {
      const count = this.#socket.read(this.#into.subarray(this.#filled));
      if (count === 0) return false;
      if (count < 0) {
        if (count !== -EAGAIN && count !== -EINTR) return false;
        break;
      }
      this.#filled += count;
      if (!this.#dispatch(events)) return false;
    }
    this.#acknowledge();
    return true;
  }

  flush(): boolean {
    while (this.#outgoing.length > 0) {
      const bytes = this.#outgoing.length === 1 ? this.#outgoing[0] : Buffer.concat(this.#outgoing);
      if (bytes === undefined) return true;
      const count = this.#socket.write(bytes);
      if (count === -EAGAIN || count === -EINTR) {
        this.#outgoing = [bytes];
        return true;
      }
      if (count < 0) return false;
      this.#outgoing = count === bytes.length ? [] : [bytes.subarray(count)];
    }
    return true;
  }

  close(): void {
    this.#socket.close();
  }

  /** All whole messages of what was read. False: this is not our protocol. */
  #dispatch(events: ChannelEvents): boolean {
    let offset = 0;
    while (this.#filled - offset >= headerLength) {
      const length = readU32(this.#into, offset);
      if (length > messageBytesMax) return false;
      const start = offset + headerLength;
      if (this.#filled < start + length) break;
      this.#message(this.#into[offset + 4] ?? 0, this.#into.subarray(start, start + length), events);
      offset = start + length;
    }
    this.#into.copyWithin(0, offset, this.#filled);
    this.#filled -= offset;
    return true;
  }

  #message(kind: number, view: Uint8Array, events: ChannelEvents): void {
    if (kind === kinds.greeting) events.greeted(new Uint8Array(view));
    else if (kind === kinds.word) events.word(new Uint8Array(view));
    else if (kind === kinds.record) {
      this.#received++;
      events.record(new Uint8Array(view));
    } else if (kind === kinds.held) {
      this.#held += (readU32(view, 0) - this.#held) >>> 0;
      events.held(this.#held);
    }
  }

  #acknowledge(): void {
    if (this.#received === this.#acknowledged) return;
    this.#acknowledged = this.#received;
    const body = new Uint8Array(4);
    writeU32(body, 0, this.#received >>> 0);
    this.#queue(kinds.held, body);
  }

  #queue(kind: number, body: Uint8Array): void {
    const message = new Uint8Array(headerLength + body.length);
    writeU32(message, 0, body.length);
    message[4] = kind;
    message.set(body, headerLength);
    this.#outgoing.push(message);
  }
}

/** From the standby. */
export interface Word {
  /**
   * The replica's program has said all it will: the active may close the connection. Or there is no replica any more: it
   * could not be kept, or it said something else.
   */
  readonly kind: 'finished' | 'lost' | 'diverged';
  readonly flow: string;
  /** How much it said, bytes, and their digest. */
  readonly offset: number;
  readonly digest: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeWord(word: Word): Uint8Array {
  return encoder.encode(JSON.stringify(word));
}

/** Undefined for what is no word. */
export function decodeWord(bytes: Uint8Array): Word | undefined {
  try {
    const { kind, flow, offset, digest } = JSON.parse(decoder.decode(bytes)) as Partial<Word>;
    if (typeof flow !== 'string' || typeof offset !== 'number' || typeof digest !== 'string')
      return undefined;
    return kind === 'finished' || kind === 'lost' || kind === 'diverged'
      ? { kind, flow, offset, digest }
      : undefined;
  } catch {
    return undefined;
  }
}

/** What the active says of itself. */
export interface Greeting {
  /** That its kernel announces, bits. */
  readonly windowScale: number;
}

export function encodeGreeting({ windowScale }: Greeting): Uint8Array {
  const body = new Uint8Array(2);
  writeU16(body, 0, windowScale);
  return body;
}

export function decodeGreeting(body: Uint8Array): Greeting {
  return { windowScale: readU16(body, 0) };
}
