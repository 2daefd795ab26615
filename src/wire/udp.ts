/** UDP datagrams (RFC 768; RFC 8200 §8.1: over IPv6 the checksum is not optional). */
import { type IpAddress, isIpv4 } from './address.ts';
import { readU16, writeU16 } from './big-endian.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { ipProtocol } from './ipv4.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const udpHeaderLength = 8;

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** `noChecksum`: over IPv6 only; IPv4 allows a sender to leave it out. */
export type UdpReason = 'short' | 'length' | 'noChecksum' | 'checksum';

/** Reads the payload of an IP packet between these two addresses, and checks the checksum if there is one. */
export function decodeUdp(
  bytes: Uint8Array,
  source: IpAddress,
  destination: IpAddress,
): Decoded<UdpDatagram, UdpReason> {
  if (bytes.length < udpHeaderLength) return refused('short');
  const length = readU16(bytes, 4);
  if (length < udpHeaderLength) return refused('length');
  if (bytes.length < length) return refused('short');
  if (readU16(bytes, 6) !== 0) {
    const sum = pseudoHeaderSum(source, destination, ipProtocol.udp, length);
    if (finishChecksum(sumWords(bytes, 0, length, sum)) !== 0) return refused('checksum');
  } else if (!isIpv4(source)) {
    return refused('noChecksum');
  }
  return decoded({
    sourcePort: readU16(bytes, 0),
    destinationPort: readU16(bytes, 2),
    payload: bytes.subarray(udpHeaderLength, length),
  });
}

/** A new datagram with its checksum. Throws RangeError when the payload does not fit. */
export function encodeUdp(datagram: UdpDatagram, source: IpAddress, destination: IpAddress): Uint8Array {
  const length = udpHeaderLength + datagram.payload.length;
  if (length > 0xffff) throw new RangeError('UDP datagrams are at most 65535 bytes long');
  const bytes = new Uint8Array(length);
  writeU16(bytes, 0, datagram.sourcePort);
  writeU16(bytes, 2, datagram.destinationPort);
  writeU16(bytes, 4, length);
  bytes.set(datagram.payload, udpHeaderLength);
  const sum = pseudoHeaderSum(source, destination, ipProtocol.udp, length);
  const checksum = finishChecksum(sumWords(bytes, 0, length, sum));
  // 0 means "none", so a sum of 0 is sent as its other form (RFC 768).
  writeU16(bytes, 6, checksum === 0 ? 0xffff : checksum);
  return bytes;
}
