/**
 * What two machines tell each other, each message once and in order, over one connection after the other. Messages are
 * numbered and kept until the other side has them; a connection that takes the place of a broken one begins with what each
 * side has, and goes on from there. When one of them does not remember the other any more, both begin anew: `met` says so.
 * Bytes in, bytes out: no socket, no clock.
 *
 *   | length u32 | kind u8 | body |      length: of the body
 */
import { readU32, readU48, writeU32, writeU48 } from '../wire/big-endian.ts';

export interface ExchangeEvents {
  /** The connection is good. `anew`: nothing that was said before counts; what waited to be had is forgotten. */
  met(anew: boolean): void;
  /** A message, numbered by the other side. The bytes are the receiver's. */
  message(kind: number, body: Uint8Array): void;
  /** The other side has the first `count` messages since they met anew. */
  had(count: number): void;
  /** A note of the moment: not numbered, not said again. */
  note(kind: number, body: Uint8Array): void;
}

const kinds = { greeting: 1, had: 2 } as const;
/** Kinds from here on are notes, from `firstMessage` on messages. */
const firstNote = 8;
const firstMessage = 16;
const headerLength = 5;
const lifeLength = 16;
const greetingLength = 2 * lifeLength + 6;
/** The most that one body has: a frame of 64 KiB with its headers, and lists of connections. */
const bodyBytesMax = 1 << 20;

const noLife = new Uint8Array(lifeLength);

export class Exchange {
  readonly #events: ExchangeEvents;
  readonly #draw: (length: number) => Uint8Array;
  #life: Uint8Array;
  #theirLife: Uint8Array = noLife;
  #sent = 0;
  #had = 0;
  #received = 0;
  #receivedTold = 0;
  /** Messages as they went out, from number `#had + 1` on. */
  #kept: Uint8Array[] = [];
  #keptFirst = 0;
  #keptBytes = 0;
  #outgoing: Uint8Array[] = [];
  #connected = false;
  #met = false;
  #rest: Uint8Array = new Uint8Array(0);

  /** `draw`: so many unpredictable bytes. */
  constructor(events: ExchangeEvents, draw: (length: number) => Uint8Array) {
    this.#events = events;
    this.#draw = draw;
    this.#life = draw(lifeLength);
  }

  /** The two have met on the connection that there is. */
  get met(): boolean {
    return this.#met;
  }

  /** How many messages were sent, and how many of them the other side has. */
  get sent(): number {
    return this.#sent;
  }

  get had(): number {
    return this.#had;
  }

  /** What the other side does not have yet, bytes. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Sends a message, or keeps it until there is a connection. Returns its number, from 1. */
  send(kind: number, body: Uint8Array): number {
    const bytes = message(kind, body);
    this.#sent++;
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#met) this.#outgoing.push(bytes);
    return this.#sent;
  }

  /** Lost when there is no connection. */
  note(kind: number, body: Uint8Array): void {
    if (this.#met) this.#outgoing.push(message(kind, body));
  }

  /** Forgets the other side: what it did not have it need not have, and when it comes it begins anew. */
  forget(): void {
    this.#life = this.#draw(lifeLength);
    this.#begin(noLife);
  }

  /** There is a connection; nothing was written to it. */
  connected(): void {
    this.#connected = true;
    this.#met = false;
    this.#rest = new Uint8Array(0);
    const body = new Uint8Array(greetingLength);
    body.set(this.#life);
    body.set(this.#theirLife, lifeLength);
    writeU48(body, 2 * lifeLength, this.#received);
    this.#outgoing = [message(kinds.greeting, body)];
  }

  disconnected(): void {
    this.#connected = false;
    this.#met = false;
    this.#outgoing = [];
  }

  /** What is to be written next; undefined: nothing. */
  take(): Uint8Array | undefined {
    if (!this.#connected) return undefined;
    if (this.#met && this.#received !== this.#receivedTold) {
      this.#receivedTold = this.#received;
      const body = new Uint8Array(6);
      writeU48(body, 0, this.#received);
      this.#outgoing.push(message(kinds.had, body));
    }
    if (this.#outgoing.length === 0) return undefined;
    const bytes = this.#outgoing.length === 1 ? this.#outgoing[0] : Buffer.concat(this.#outgoing);
    this.#outgoing = [];
    return bytes;
  }

  /** Bytes of the connection, in order. False: this is not our protocol. */
  receive(bytes: Uint8Array): boolean {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let offset = 0;
    while (all.length - offset >= headerLength) {
      const length = readU32(all, offset);
      if (length > bodyBytesMax) return false;
      const start = offset + headerLength;
      if (all.length < start + length) break;
      if (!this.#take(all[offset + 4] ?? 0, Uint8Array.from(all.subarray(start, start + length))))
        return false;
      // Whoever heard that may have given the connection up.
      if (!this.#connected) return true;
      offset = start + length;
    }
    this.#rest = Uint8Array.from(all.subarray(offset));
    return true;
  }

  #take(kind: number, body: Uint8Array): boolean {
    if (kind === kinds.greeting) return !this.#met && this.#greeted(body);
    if (!this.#met) return false;
    if (kind === kinds.had) return body.length === 6 && this.#hadBy(readU48(body, 0));
    if (kind >= firstMessage) {
      this.#received++;
      this.#events.message(kind, body);
    } else if (kind >= firstNote) this.#events.note(kind, body);
    else return false;
    return true;
  }

  #greeted(body: Uint8Array): boolean {
    if (body.length !== greetingLength) return false;
    const life = body.subarray(0, lifeLength);
    const ours = body.subarray(lifeLength, 2 * lifeLength);
    const received = readU48(body, 2 * lifeLength);
    const known = same(life, this.#theirLife) && same(ours, this.#life);
    if (known && (received < this.#had || received > this.#sent)) return false;
    this.#met = true;
    if (known) {
      this.#hadBy(received);
      this.#outgoing.push(...this.#kept.slice(this.#keptFirst));
    } else this.#begin(Uint8Array.from(life));
    this.#events.met(!known);
    return true;
  }

  #hadBy(count: number): boolean {
    if (count < this.#had || count > this.#sent) return false;
    for (; this.#had < count; this.#had++) {
      this.#keptBytes -= this.#kept[this.#keptFirst]?.length ?? 0;
      this.#keptFirst++;
    }
    if (this.#keptFirst >= 1024 || this.#keptFirst === this.#kept.length) {
      this.#kept = this.#kept.slice(this.#keptFirst);
      this.#keptFirst = 0;
    }
    this.#events.had(count);
    return true;
  }

  #begin(theirLife: Uint8Array): void {
    this.#theirLife = theirLife;
    this.#sent = 0;
    this.#had = 0;
    this.#received = 0;
    this.#receivedTold = 0;
    this.#kept = [];
    this.#keptFirst = 0;
    this.#keptBytes = 0;
  }
}

function message(kind: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerLength + body.length);
  writeU32(bytes, 0, body.length);
  bytes[4] = kind;
  bytes.set(body, headerLength);
  return bytes;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
