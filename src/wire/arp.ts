/** ARP for IPv4 over Ethernet (RFC 826): the only address pair this project asks about. */
import { type Ipv4Address, type MacAddress, readIpv4, readMac, writeIpv4, writeMac } from './address.ts';
import { readU16, readU32, writeU16, writeU32 } from './big-endian.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const arpLength = 28;

export interface ArpPacket {
  readonly operation: 'request' | 'reply';
  readonly senderMac: MacAddress;
  readonly senderIp: Ipv4Address;
  readonly targetMac: MacAddress;
  readonly targetIp: Ipv4Address;
}

/** `addressKind`: other hardware or protocol addresses than Ethernet and IPv4. */
export type ArpReason = 'short' | 'addressKind' | 'operation';

/** Hardware type 1, protocol type 0x0800; then the lengths 6 and 4. */
const kinds = 0x0001_0800;
const lengths = 0x0604;
const request = 1;
const reply = 2;

/** What follows the 28 bytes is Ethernet padding and ignored. */
export function decodeArp(bytes: Uint8Array): Decoded<ArpPacket, ArpReason> {
  if (bytes.length < arpLength) return refused('short');
  if (readU32(bytes, 0) !== kinds || readU16(bytes, 4) !== lengths) return refused('addressKind');
  const operation = readU16(bytes, 6);
  if (operation !== request && operation !== reply) return refused('operation');
  return decoded({
    operation: operation === request ? 'request' : 'reply',
    senderMac: readMac(bytes, 8),
    senderIp: readIpv4(bytes, 14),
    targetMac: readMac(bytes, 18),
    targetIp: readIpv4(bytes, 24),
  });
}

/** A new packet of 28 bytes. */
export function encodeArp(packet: ArpPacket): Uint8Array {
  const bytes = new Uint8Array(arpLength);
  writeU32(bytes, 0, kinds);
  writeU16(bytes, 4, lengths);
  writeU16(bytes, 6, packet.operation === 'request' ? request : reply);
  writeMac(bytes, 8, packet.senderMac);
  writeIpv4(bytes, 14, packet.senderIp);
  writeMac(bytes, 18, packet.targetMac);
  writeIpv4(bytes, 24, packet.targetIp);
  return bytes;
}
