/**
 * The feed of a mirrored program: everything that it learns from outside itself, in one order that its relay decides, so
 * that two copies that are fed the same do the same. Between relay and program runs a stream of messages in both
 * directions: length of the rest (32 bits), kind, then by kind. Times are microseconds since 1970.
 */
import { readU16, readU32, writeU16, writeU32 } from './big-endian.ts';

/** From the relay: what happened, and when. `connection` counts from 1 and never comes again. */
export type FeedEntry = { readonly timeUs: number } & (
  | { readonly kind: 'begin'; readonly seed: Uint8Array }
  | {
      readonly kind: 'open';
      readonly connection: number;
      /** Both ends, as the relay names the connection. */
      readonly flow: string;
      readonly address: string;
      readonly port: number;
    }
  | { readonly kind: 'data'; readonly connection: number; readonly bytes: Uint8Array }
  /** The client says no more. */
  | { readonly kind: 'end'; readonly connection: number }
  /** There is no connection any more. */
  | { readonly kind: 'gone'; readonly connection: number }
  /** So much of the output is on its way to the client, bytes. */
  | { readonly kind: 'taken'; readonly connection: number; readonly count: number }
  /** Time passed. */
  | { readonly kind: 'tick' }
);

/** From the program. */
export type FeedReply =
  | { readonly kind: 'output'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: 'finish'; readonly connection: number }
  | { readonly kind: 'reset'; readonly connection: number }
  /** It has read so much of its input, bytes. */
  | { readonly kind: 'consumed'; readonly connection: number; readonly count: number }
  /** When it wants to know that time has passed; 0: not at all. */
  | { readonly kind: 'wake'; readonly timeUs: number };

export const feedSeedLength = 32;
/** Output that the program may have said and the relay not taken, and input the other way, bytes for each connection. */
export const feedWindowBytes: number = 1 << 18;
/** The bytes of one entry or reply, at most. */
export const feedPieceBytesMax: number = 1 << 16;
const messageBytesMax = feedPieceBytesMax + 1024;

const entryKinds = ['begin', 'open', 'data', 'end', 'gone', 'taken', 'tick'] as const;
const replyKinds = ['output', 'finish', 'reset', 'consumed', 'wake'] as const;
const entryHead = 13;
const replyHead = 5;

function writeText(into: Uint8Array, offset: number, text: string): void {
  for (let index = 0; index < text.length; index++) into[offset + index] = text.charCodeAt(index) & 0xff;
}

function readText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function writeTime(into: Uint8Array, offset: number, timeUs: number): void {
  writeU32(into, offset, Math.floor(timeUs / 0x1_0000_0000));
  writeU32(into, offset + 4, timeUs % 0x1_0000_0000);
}

function readTime(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) * 0x1_0000_0000 + readU32(bytes, offset + 4);
}

/** Without the length before it. */
export function encodeFeedEntry(entry: FeedEntry): Uint8Array {
  let rest = new Uint8Array(0);
  if (entry.kind === 'begin') rest = Uint8Array.from(entry.seed);
  else if (entry.kind === 'data') rest = Uint8Array.from(entry.bytes);
  else if (entry.kind === 'taken') {
    rest = new Uint8Array(4);
    writeU32(rest, 0, entry.count);
  } else if (entry.kind === 'open') {
    rest = new Uint8Array(3 + entry.address.length + entry.flow.length);
    writeU16(rest, 0, entry.port);
    rest[2] = entry.address.length;
    writeText(rest, 3, entry.address + entry.flow);
  }
  const bytes = new Uint8Array(entryHead + rest.length);
  bytes[0] = entryKinds.indexOf(entry.kind);
  writeTime(bytes, 1, entry.timeUs);
  if ('connection' in entry) writeU32(bytes, 9, entry.connection);
  bytes.set(rest, entryHead);
  return bytes;
}

/** Undefined for what is none. Bytes of `data` are views. */
export function decodeFeedEntry(bytes: Uint8Array): FeedEntry | undefined {
  const kind = entryKinds[bytes[0] ?? 255];
  if (kind === undefined || bytes.length < entryHead) return undefined;
  const timeUs = readTime(bytes, 1);
  const connection = readU32(bytes, 9);
  const rest = bytes.subarray(entryHead);
  if (kind === 'begin') return rest.length === feedSeedLength ? { kind, timeUs, seed: rest } : undefined;
  if (kind === 'data') return { kind, timeUs, connection, bytes: rest };
  if (kind === 'taken') return { kind, timeUs, connection, count: readU32(rest, 0) };
  if (kind === 'tick') return { kind, timeUs };
  if (kind !== 'open') return { kind, timeUs, connection };
  const length = rest[2] ?? 0;
  if (rest.length < 3 + length) return undefined;
  const address = readText(rest.subarray(3, 3 + length));
  return {
    kind,
    timeUs,
    connection,
    port: readU16(rest, 0),
    address,
    flow: readText(rest.subarray(3 + length)),
  };
}

export function encodeFeedReply(reply: FeedReply): Uint8Array {
  const length = reply.kind === 'output' ? reply.bytes.length : reply.kind === 'consumed' ? 4 : 0;
  const bytes = new Uint8Array(reply.kind === 'wake' ? 9 : replyHead + length);
  bytes[0] = replyKinds.indexOf(reply.kind);
  if (reply.kind === 'wake') {
    writeTime(bytes, 1, reply.timeUs);
    return bytes;
  }
  writeU32(bytes, 1, reply.connection);
  if (reply.kind === 'output') bytes.set(reply.bytes, replyHead);
  if (reply.kind === 'consumed') writeU32(bytes, replyHead, reply.count);
  return bytes;
}

export function decodeFeedReply(bytes: Uint8Array): FeedReply | undefined {
  const kind = replyKinds[bytes[0] ?? 255];
  if (kind === undefined) return undefined;
  if (kind === 'wake') return bytes.length === 9 ? { kind, timeUs: readTime(bytes, 1) } : undefined;
  if (bytes.length < replyHead) return undefined;
  const connection = readU32(bytes, 1);
  const rest = bytes.subarray(replyHead);
  if (kind === 'output') return { kind, connection, bytes: rest };
  if (kind === 'consumed') return { kind, connection, count: readU32(rest, 0) };
  return { kind, connection };
}

/** A message as it goes over the stream. */
export function feedMessage(body: Uint8Array): Uint8Array {
  const message = new Uint8Array(4 + body.length);
  writeU32(message, 0, body.length);
  message.set(body, 4);
  return message;
}

/** Finds messages in a stream that comes in pieces. */
export class FeedReader {
  #kept: Uint8Array = new Uint8Array(0);

  /** The bodies that are whole with these bytes; undefined: the other end speaks something else. */
  read(bytes: Uint8Array): readonly Uint8Array[] | undefined {
    const all = new Uint8Array(this.#kept.length + bytes.length);
    all.set(this.#kept);
    all.set(bytes, this.#kept.length);
    const bodies: Uint8Array[] = [];
    let offset = 0;
    while (all.length - offset >= 4) {
      const length = readU32(all, offset);
      if (length > messageBytesMax) return undefined;
      if (all.length - offset - 4 < length) break;
      bodies.push(all.subarray(offset + 4, offset + 4 + length));
      offset += 4 + length;
    }
    this.#kept = all.subarray(offset);
    return bodies;
  }
}
