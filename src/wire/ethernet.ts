/** Ethernet II frames without their frame check sequence, as a packet socket gives and takes them. */
import { type MacAddress, readMac, writeMac } from './address.ts';
import { readU16, writeU16 } from './big-endian.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const etherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
export const ethernetHeaderLength = 14;
/** The least frame a wire carries, without the check sequence; the hardware pads shorter ones. */
export const ethernetLengthMin = 60;

export interface EthernetFrame {
  readonly destination: MacAddress;
  readonly source: MacAddress;
  readonly etherType: number;
  /** A view of the frame, padding included. */
  readonly payload: Uint8Array;
}

/** `length`: below 0x600 the field is an IEEE 802.3 length, which no protocol of ours uses. */
export type EthernetReason = 'short' | 'length';

export function decodeEthernet(frame: Uint8Array): Decoded<EthernetFrame, EthernetReason> {
  if (frame.length < ethernetHeaderLength) return refused('short');
  const type = readU16(frame, 12);
  if (type < 0x0600) return refused('length');
  return decoded({
    destination: readMac(frame, 0),
    source: readMac(frame, 6),
    etherType: type,
    payload: frame.subarray(ethernetHeaderLength),
  });
}

/** A new frame of exactly header and payload. */
export function encodeEthernet(frame: EthernetFrame): Uint8Array {
  const bytes = new Uint8Array(ethernetHeaderLength + frame.payload.length);
  writeMac(bytes, 0, frame.destination);
  writeMac(bytes, 6, frame.source);
  writeU16(bytes, 12, frame.etherType);
  bytes.set(frame.payload, ethernetHeaderLength);
  return bytes;
}
