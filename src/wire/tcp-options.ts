/**
 * The options of TCP that a connection's life depends on: MSS (RFC 9293 §3.7.1), window scale and timestamps (RFC 7323),
 * selective acknowledgments (RFC 2018). Others are passed over by their length.
 */
import { readU16, readU32, writeU16, writeU32 } from './big-endian.ts';
import { type Decoded, decoded, refused } from './result.ts';

export interface SackBlock {
  /** First sequence number of the block. */
  readonly left: number;
  /** The one after its last. */
  readonly right: number;
}

export interface TcpOptions {
  /** Bytes; undefined: the option is not there. */
  readonly mss: number | undefined;
  /** Bits to shift by; above 14 counts as 14 (RFC 7323 §2.3). */
  readonly windowScale: number | undefined;
  readonly sackPermitted: boolean;
  readonly sackBlocks: readonly SackBlock[];
  readonly timestamps: { readonly value: number; readonly echo: number } | undefined;
}

/** `length`: an option is shorter than itself, ends beyond the header, or has not the length its kind has. */
export type TcpOptionsReason = 'length';

const kind = { end: 0, nop: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamps: 8 } as const;
const windowScaleMax = 14;
const sackBlockLength = 8;
const optionsLengthMax = 40;

export function decodeTcpOptions(bytes: Uint8Array): Decoded<TcpOptions, TcpOptionsReason> {
  let mss: number | undefined;
  let windowScale: number | undefined;
  let sackPermitted = false;
  let sackBlocks: readonly SackBlock[] = [];
  let timestamps: TcpOptions['timestamps'];
  for (let offset = 0; offset < bytes.length; ) {
    const option = bytes[offset];
    if (option === kind.end) break;
    if (option === kind.nop) {
      offset++;
      continue;
    }
    const length = bytes[offset + 1] ?? 0;
    if (length < 2 || offset + length > bytes.length || !lengthFits(option, length)) return refused('length');
    const at = offset + 2;
    if (option === kind.mss) mss = readU16(bytes, at);
    else if (option === kind.windowScale) windowScale = Math.min(bytes[at] ?? 0, windowScaleMax);
    else if (option === kind.sackPermitted) sackPermitted = true;
    else if (option === kind.sack) sackBlocks = readBlocks(bytes, at, offset + length);
    else if (option === kind.timestamps)
      timestamps = { value: readU32(bytes, at), echo: readU32(bytes, at + 4) };
    offset += length;
  }
  return decoded({ mss, windowScale, sackPermitted, sackBlocks, timestamps });
}

/** Padded with no-operations to a multiple of four bytes. Throws RangeError beyond 40. */
export function encodeTcpOptions(options: TcpOptions): Uint8Array {
  const bytes = new Uint8Array(optionsLengthMax + sackBlockLength * options.sackBlocks.length).fill(kind.nop);
  let length = 0;
  const begin = (option: number, body: number): number => {
    bytes[length] = option;
    bytes[length + 1] = 2 + body;
    length += 2 + body;
    return length - body;
  };
  if (options.mss !== undefined) writeU16(bytes, begin(kind.mss, 2), options.mss);
  if (options.windowScale !== undefined) bytes[begin(kind.windowScale, 1)] = options.windowScale;
  if (options.sackPermitted) begin(kind.sackPermitted, 0);
  if (options.timestamps !== undefined) {
    const at = begin(kind.timestamps, 8);
    writeU32(bytes, at, options.timestamps.value);
    writeU32(bytes, at + 4, options.timestamps.echo);
  }
  if (options.sackBlocks.length > 0) {
    const at = begin(kind.sack, sackBlockLength * options.sackBlocks.length);
    for (const [index, block] of options.sackBlocks.entries()) {
      writeU32(bytes, at + sackBlockLength * index, block.left);
      writeU32(bytes, at + sackBlockLength * index + 4, block.right);
    }
  }
  const padded = Math.ceil(length / 4) * 4;
  if (padded > optionsLengthMax) throw new RangeError('TCP options are at most 40 bytes long');
  return bytes.slice(0, padded);
}

function lengthFits(option: number | undefined, length: number): boolean {
  switch (option) {
    case kind.mss:
      return length === 4;
    case kind.windowScale:
      return length === 3;
    case kind.sackPermitted:
      return length === 2;
    case kind.timestamps:
      return length === 10;
    case kind.sack:
      return length > 2 && (length - 2) % sackBlockLength === 0;
    default:
      return true;
  }
}

function readBlocks(bytes: Uint8Array, start: number, end: number): SackBlock[] {
  const blocks: SackBlock[] = [];
  for (let at = start; at < end; at += sackBlockLength) {
    blocks.push({ left: readU32(bytes, at), right: readU32(bytes, at + 4) });
  }
  return blocks;
}
