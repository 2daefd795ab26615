/** IPv4 packets (RFC 791): header without or with options, options kept as bytes. */
import { type Ipv4Address, readIpv4, writeIpv4 } from './address.ts';
import { readU16, writeU16 } from './big-endian.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const ipProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
export const ipv4HeaderLength = 20;

export interface Ipv4Packet {
  /** DSCP and ECN, the whole octet. */
  readonly trafficClass: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In units of 8 bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  /** A multiple of four bytes, at most 40. */
  readonly options: Uint8Array;
  /** A view of exactly the total length's payload: link padding is cut off. */
  readonly payload: Uint8Array;
}

export type Ipv4Reason = 'short' | 'version' | 'headerLength' | 'totalLength' | 'reservedFlag' | 'checksum';

export function decodeIpv4(bytes: Uint8Array): Decoded<Ipv4Packet, Ipv4Reason> {
  if (bytes.length < ipv4HeaderLength) return refused('short');
  const first = bytes[0] ?? 0;
  if (first >>> 4 !== 4) return refused('version');
  const headerLength = (first & 15) * 4;
  if (headerLength < ipv4HeaderLength) return refused('headerLength');
  const totalLength = readU16(bytes, 2);
  if (totalLength < headerLength) return refused('totalLength');
  if (bytes.length < totalLength) return refused('short');
  const fragment = readU16(bytes, 6);
  if ((fragment & 0x8000) !== 0) return refused('reservedFlag');
  if (finishChecksum(sumWords(bytes, 0, headerLength)) !== 0) return refused('checksum');
  return decoded({
    trafficClass: bytes[1] ?? 0,
    identification: readU16(bytes, 4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: fragment & 0x1fff,
    ttl: bytes[8] ?? 0,
    protocol: bytes[9] ?? 0,
    source: readIpv4(bytes, 12),
    destination: readIpv4(bytes, 16),
    options: bytes.subarray(ipv4HeaderLength, headerLength),
    payload: bytes.subarray(headerLength, totalLength),
  });
}

/** A new packet with its header checksum. Throws RangeError when options or payload do not fit. */
export function encodeIpv4(packet: Ipv4Packet): Uint8Array {
  const headerLength = ipv4HeaderLength + packet.options.length;
  const totalLength = headerLength + packet.payload.length;
  if (headerLength > 60 || headerLength % 4 !== 0)
    throw new RangeError('IPv4 options: 0 to 40 bytes, in fours');
  if (totalLength > 0xffff) throw new RangeError('IPv4 packets are at most 65535 bytes long');
  const bytes = new Uint8Array(totalLength);
  bytes[0] = 0x40 | (headerLength / 4);
  bytes[1] = packet.trafficClass;
  writeU16(bytes, 2, totalLength);
  writeU16(bytes, 4, packet.identification);
  const flags = (packet.dontFragment ? 0x4000 : 0) | (packet.moreFragments ? 0x2000 : 0);
  writeU16(bytes, 6, flags | packet.fragmentOffset);
  bytes[8] = packet.ttl;
  bytes[9] = packet.protocol;
  writeIpv4(bytes, 12, packet.source);
  writeIpv4(bytes, 16, packet.destination);
  bytes.set(packet.options, ipv4HeaderLength);
  writeU16(bytes, 10, finishChecksum(sumWords(bytes, 0, headerLength)));
  bytes.set(packet.payload, headerLength);
  return bytes;
}
