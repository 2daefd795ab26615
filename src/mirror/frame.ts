/**
 * Frames on a byte stream, and a reader that takes the bytes as they come, one or a million at a time.
 *
 *   | length u32 | type u8 | counter u48 | body ... | tag |        length: all that follows it
 *
 * The reader holds at most one frame, and a frame has at most `frameLengthMax` bytes.
 */
import { readU32, readU48, writeU32, writeU48 } from '../wire/big-endian.ts';

/** The most that a frame may say it has, bytes; a payload is cut so that it fits with everything around it. */
export const frameLengthMax: number = 65_536;
/** The most payload in one frame, bytes. */
export const payloadMax: number = 32_768;
const lengthBytes = 4;
export const headerLength: number = 7;
/** Where a frame's body begins. */
export const bodyAt: number = lengthBytes + headerLength;

export interface Frame {
  readonly type: number;
  /** Counts the frames of one direction of one connection, from 1; 0 in a hello. */
  readonly counter: number;
  /** Type and counter as they came: what the tag covers besides the body. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

export function frameHeader(type: number, counter: number): Uint8Array {
  const header = new Uint8Array(headerLength);
  header[0] = type;
  writeU48(header, 1, counter);
  return header;
}

export function encodeFrame(header: Uint8Array, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(lengthBytes + header.length + body.length);
  writeU32(frame, 0, header.length + body.length);
  frame.set(header, lengthBytes);
  frame.set(body, lengthBytes + header.length);
  return frame;
}

/** Writes what stands before the body of a frame, and returns its header: `frame` is the whole of it. */
export function writeFrameHead(frame: Uint8Array, type: number, counter: number): Uint8Array {
  writeU32(frame, 0, frame.length - lengthBytes);
  frame[lengthBytes] = type;
  writeU48(frame, lengthBytes + 1, counter);
  return frame.subarray(lengthBytes, bodyAt);
}

export type FrameReason = 'runt' | 'oversized';

/** The frame that begins at `offset`, in views of `bytes`, and where it ends. Without either: it is not whole yet. */
export function frameAt(
  bytes: Uint8Array,
  offset: number,
  lengthMax: number,
): { readonly end: number; readonly frame?: Frame; readonly reason?: FrameReason } {
  if (bytes.length - offset < lengthBytes) return { end: offset };
  const length = readU32(bytes, offset);
  if (length < headerLength) return { end: offset, reason: 'runt' };
  if (length > lengthMax) return { end: offset, reason: 'oversized' };
  const begin = offset + lengthBytes;
  const end = begin + length;
  return end > bytes.length ? { end: offset } : { end, frame: frameOf(bytes.subarray(begin, end)) };
}

function frameOf(bytes: Uint8Array): Frame {
  return {
    type: bytes[0] ?? 0,
    counter: readU48(bytes, 1),
    header: bytes.subarray(0, headerLength),
    body: bytes.subarray(headerLength),
  };
}

export class FrameReader {
  readonly #length = new Uint8Array(lengthBytes);
  #lengthHave = 0;
  #frame: Uint8Array | undefined;
  #have = 0;

  /**
   * Reads on from `bytes` at `offset`, until a frame is complete or the bytes are used up. `used`: how far it came. After
   * a reason the stream is not to be read any further: where the next frame begins is not known.
   */
  read(
    bytes: Uint8Array,
    offset: number,
    lengthMax: number,
  ): { readonly used: number; readonly frame?: Frame; readonly reason?: FrameReason } {
    let used = offset;
    while (this.#frame === undefined) {
      if (used === bytes.length) return { used };
      this.#length[this.#lengthHave++] = bytes[used++] ?? 0;
      if (this.#lengthHave < lengthBytes) continue;
      const length = readU32(this.#length, 0);
      if (length < headerLength) return { used, reason: 'runt' };
      if (length > lengthMax) return { used, reason: 'oversized' };
      this.#frame = new Uint8Array(length);
    }
    const part = bytes.subarray(used, used + this.#frame.length - this.#have);
    this.#frame.set(part, this.#have);
    this.#have += part.length;
    used += part.length;
    if (this.#have < this.#frame.length) return { used };
    const frame = this.#frame;
    this.#frame = undefined;
    this.#have = 0;
    this.#lengthHave = 0;
    return { used, frame: frameOf(frame) };
  }
}
