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
  /** A message, numbered by the other side. The bytes are a view, valid during the call. */
  message(kind: number, body: Uint8Array): void;
  /** The other side has the first `count` messages since they met anew. */
  had(count: number): void;
  /** A note of the moment: not numbered, not said again. The bytes are a view. */
  note(kind: number, body: Uint8Array): void;
  /** Messages are here, and about to be given out: that the other side need not wait for it, `take` what says so. */
  flush(): void;
}

/** What is said: bytes that nobody changes any more. */
interface Outgoing {
  readonly kind: number;
  readonly body: Uint8Array;
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

const nothing = new Uint8Array(0);
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
  /** Messages from number `#had + 1` on. */
  #kept: Outgoing[] = [];
  #keptFirst = 0;
  #keptBytes = 0;
  #outgoing: Outgoing[] = [];
  #outgoingFirst = 0;
  /** Of the first one, what did not fit when the one before was taken. */
  #unfinished: Uint8Array = nothing;
  #connected = false;
  #met = false;
  #rest: Uint8Array = nothing;

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

  /** Of the messages of this kind that the other side does not have yet, the first. */
  oldest(kind: number): Uint8Array | undefined {
    for (let index = this.#keptFirst; index < this.#kept.length; index++) {
      const message = this.#kept[index];
      if (message?.kind === kind) return message.body;
    }
    return undefined;
  }

  /** Sends a message, or keeps it until there is a connection. Returns its number, from 1. The bytes are kept as they are. */
  send(kind: number, body: Uint8Array): number {
    const message = { kind, body };
    this.#sent++;
    this.#kept.push(message);
    this.#keptBytes += headerLength + body.length;
    if (this.#met) this.#outgoing.push(message);
    return this.#sent;
  }

  /** Lost when there is no connection. */
  note(kind: number, body: Uint8Array): void {
    if (this.#met) this.#outgoing.push({ kind, body });
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
    this.#rest = nothing;
    const body = new Uint8Array(greetingLength);
    body.set(this.#life);
    body.set(this.#theirLife, lifeLength);
    writeU48(body, 2 * lifeLength, this.#received);
    this.#unsay();
    this.#outgoing.push({ kind: kinds.greeting, body });
  }

  disconnected(): void {
    this.#connected = false;
    this.#met = false;
    this.#unsay();
  }

  /** Writes what is to be said next, as much as fits; returns how many bytes that is. */
  take(into: Uint8Array): number {
    if (!this.#connected) return 0;
    if (this.#met && this.#received !== this.#receivedTold) {
      this.#receivedTold = this.#received;
      const body = new Uint8Array(6);
      writeU48(body, 0, this.#received);
      this.#outgoing.push({ kind: kinds.had, body });
    }
    let length = this.#finish(into, 0);
    for (; length + headerLength <= into.length; this.#outgoingFirst++) {
      const message = this.#outgoing[this.#outgoingFirst];
      if (message === undefined) break;
      const { kind, body } = message;
      // Cut only where it fits nowhere: whole ones are read where they arrive.
      if (length > 0 && length + headerLength + body.length > into.length) break;
      writeU32(into, length, body.length);
      into[length + 4] = kind;
      this.#unfinished = body;
      length = this.#finish(into, length + headerLength);
    }
    if (this.#outgoingFirst > 256 || this.#outgoingFirst === this.#outgoing.length) {
      this.#outgoing = this.#outgoing.slice(this.#outgoingFirst);
      this.#outgoingFirst = 0;
    }
    return length;
  }

  /** Bytes of the connection, in order. False: this is not our protocol. */
  receive(bytes: Uint8Array): boolean {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let begin = 0;
    while (begin < all.length) {
      const end = this.#endOfMessages(all, begin);
      if (end === begin) break;
      const good = this.#giveOut(all, begin, end);
      // Whoever heard that may have given the connection up.
      if (!good || !this.#connected) return good;
      begin = end;
    }
    if (all.length - begin >= headerLength && readU32(all, begin) > bodyBytesMax) return false;
    this.#rest = begin === all.length ? nothing : Uint8Array.from(all.subarray(begin));
    return true;
  }

  /** Of what arrived, as far as it is whole: the first one, or all messages from there on. */
  #endOfMessages(all: Uint8Array, begin: number): number {
    let end = begin;
    while (all.length - end >= headerLength) {
      const next = end + headerLength + readU32(all, end);
      const isMessage = this.#met && (all[end + 4] ?? 0) >= firstMessage;
      if (next > all.length || (!isMessage && end > begin)) break;
      end = next;
      if (!isMessage) break;
    }
    return end;
  }

  /** A greeting, note or the like; or messages, which are had before anybody is busy with them. */
  #giveOut(all: Uint8Array, begin: number, end: number): boolean {
    const kind = all[begin + 4] ?? 0;
    if (!this.#met || kind < firstMessage) return this.#take(kind, all.subarray(begin + headerLength, end));
    const life = this.#life;
    for (let at = begin; at < end; at += headerLength + readU32(all, at)) this.#received++;
    this.#events.flush();
    for (let at = begin; at < end; ) {
      // They count for the other side, also when the connection is gone by now; not when it was forgotten.
      if (this.#life !== life) break;
      const next = at + headerLength + readU32(all, at);
      this.#events.message(all[at + 4] ?? 0, all.subarray(at + headerLength, next));
      at = next;
    }
    return true;
  }

  #take(kind: number, body: Uint8Array): boolean {
    if (kind === kinds.greeting) return !this.#met && this.#greeted(body);
    if (!this.#met) return false;
    if (kind === kinds.had) return body.length === 6 && this.#hadBy(readU48(body, 0));
    if (kind < firstNote) return false;
    this.#events.note(kind, body);
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
      this.#forgetUntil(received);
      for (const message of this.#kept.slice(this.#keptFirst)) this.#outgoing.push(message);
      // What is said when that is heard comes behind these.
      this.#events.had(received);
    } else this.#begin(Uint8Array.from(life));
    this.#events.met(!known);
    return true;
  }

  #hadBy(count: number): boolean {
    if (count < this.#had || count > this.#sent) return false;
    this.#forgetUntil(count);
    this.#events.had(count);
    return true;
  }

  #forgetUntil(count: number): void {
    for (; this.#had < count; this.#had++) {
      const message = this.#kept[this.#keptFirst++];
      if (message !== undefined) this.#keptBytes -= headerLength + message.body.length;
    }
    if (this.#keptFirst >= 1024 || this.#keptFirst === this.#kept.length) {
      this.#kept = this.#kept.slice(this.#keptFirst);
      this.#keptFirst = 0;
    }
  }

  /** Writes on with the message that was begun, at `at`; returns where that ends. */
  #finish(into: Uint8Array, at: number): number {
    const part = this.#unfinished.subarray(0, into.length - at);
    into.set(part, at);
    this.#unfinished = this.#unfinished.subarray(part.length);
    return at + part.length;
  }

  #unsay(): void {
    this.#outgoing = [];
    this.#outgoingFirst = 0;
    this.#unfinished = nothing;
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

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
