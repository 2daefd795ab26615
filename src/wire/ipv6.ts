/** IPv6 packets (RFC 8200): the fixed header. Extension headers stay in the payload, named by `nextHeader`. */
import { type Ipv6Address, ipv6AddressLength, readIpv6, writeIpv6 } from './address.ts';
import { readU16, readU32, writeU16, writeU32 } from './big-endian.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const ipv6HeaderLength = 40;

export interface Ipv6Packet {
  /** DSCP and ECN, the whole octet. */
  readonly trafficClass: number;
  /** 20 bits. */
  readonly flowLabel: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
  /** A view of exactly the payload length: link padding is cut off. */
  readonly payload: Uint8Array;
}

export type Ipv6Reason = 'short' | 'version';

export function decodeIpv6(bytes: Uint8Array): Decoded<Ipv6Packet, Ipv6Reason> {
  if (bytes.length < ipv6HeaderLength) return refused('short');
  const first = readU32(bytes, 0);
  if (first >>> 28 !== 6) return refused('version');
  const payloadEnd = ipv6HeaderLength + readU16(bytes, 4);
  if (bytes.length < payloadEnd) return refused('short');
  return decoded({
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xf_ffff,
    nextHeader: bytes[6] ?? 0,
    hopLimit: bytes[7] ?? 0,
    source: readIpv6(bytes, 8),
    destination: readIpv6(bytes, 8 + ipv6AddressLength),
    payload: bytes.subarray(ipv6HeaderLength, payloadEnd),
  });
}

/** A new packet. Throws RangeError when the payload does not fit. */
export function encodeIpv6(packet: Ipv6Packet): Uint8Array {
  if (packet.payload.length > 0xffff) throw new RangeError('IPv6 payloads are at most 65535 bytes long');
  const bytes = new Uint8Array(ipv6HeaderLength + packet.payload.length);
  writeU32(bytes, 0, ((6 << 28) | (packet.trafficClass << 20) | packet.flowLabel) >>> 0);
  writeU16(bytes, 4, packet.payload.length);
  bytes[6] = packet.nextHeader;
  bytes[7] = packet.hopLimit;
  writeIpv6(bytes, 8, packet.source);
  writeIpv6(bytes, 8 + ipv6AddressLength, packet.destination);
  bytes.set(packet.payload, ipv6HeaderLength);
  return bytes;
}
