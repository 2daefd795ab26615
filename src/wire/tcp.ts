/** TCP segments (RFC 9293 §3.1); options stay bytes here, `tcp-options.ts` reads them. */
import type { IpAddress } from './address.ts';
import { readU16, readU32, writeU16, writeU32 } from './big-endian.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { ipProtocol } from './ipv4.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const tcpHeaderLength = 20;
export const tcpFlag = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** `tcpFlag` values, or'ed. */
  readonly flags: number;
  /** As it stands in the header: not yet scaled. */
  readonly window: number;
  readonly urgentPointer: number;
  /** A multiple of four bytes, at most 40. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

export type TcpReason = 'short' | 'headerLength';
const checksumAt = 16;

/**
 * Reads the payload of an IP packet. The checksum is not looked at: between two devices of one machine the kernel leaves
 * it open (CHECKSUM_PARTIAL). Where it must be right, ask `tcpChecksumRight`.
 */
export function decodeTcp(bytes: Uint8Array): Decoded<TcpSegment, TcpReason> {
  if (bytes.length < tcpHeaderLength) return refused('short');
  const headerLength = ((bytes[12] ?? 0) >>> 4) * 4;
  if (headerLength < tcpHeaderLength) return refused('headerLength');
  if (bytes.length < headerLength) return refused('short');
  return decoded({
    sourcePort: readU16(bytes, 0),
    destinationPort: readU16(bytes, 2),
    sequence: readU32(bytes, 4),
    acknowledgment: readU32(bytes, 8),
    flags: bytes[13] ?? 0,
    window: readU16(bytes, 14),
    urgentPointer: readU16(bytes, 18),
    options: bytes.subarray(tcpHeaderLength, headerLength),
    payload: bytes.subarray(headerLength),
  });
}

/** Whether the checksum of the payload of an IP packet between these two addresses is right. */
export function tcpChecksumRight(bytes: Uint8Array, source: IpAddress, destination: IpAddress): boolean {
  return checksum(bytes, source, destination) === 0;
}

/** A new segment with its checksum. Throws RangeError when options or payload do not fit. */
export function encodeTcp(segment: TcpSegment, source: IpAddress, destination: IpAddress): Uint8Array {
  const headerLength = tcpHeaderLength + segment.options.length;
  if (headerLength > 60 || headerLength % 4 !== 0)
    throw new RangeError('TCP options: 0 to 40 bytes, in fours');
  const length = headerLength + segment.payload.length;
  if (length > 0xffff) throw new RangeError('TCP segments are at most 65535 bytes long');
  const bytes = new Uint8Array(length);
  writeU16(bytes, 0, segment.sourcePort);
  writeU16(bytes, 2, segment.destinationPort);
  writeU32(bytes, 4, segment.sequence);
  writeU32(bytes, 8, segment.acknowledgment);
  bytes[12] = (headerLength / 4) << 4;
  bytes[13] = segment.flags;
  writeU16(bytes, 14, segment.window);
  writeU16(bytes, 18, segment.urgentPointer);
  bytes.set(segment.options, tcpHeaderLength);
  bytes.set(segment.payload, headerLength);
  writeU16(bytes, checksumAt, checksum(bytes, source, destination));
  return bytes;
}

function checksum(bytes: Uint8Array, source: IpAddress, destination: IpAddress): number {
  const sum = pseudoHeaderSum(source, destination, ipProtocol.tcp, bytes.length);
  return finishChecksum(sumWords(bytes, 0, bytes.length, sum));
}
