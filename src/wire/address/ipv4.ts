/** IPv4 addresses as 32-bit unsigned integers. */
import { readU32, writeU32 } from '../big-endian.ts';

declare const ipv4Brand: unique symbol;

/** A 32-bit unsigned integer. */
export type Ipv4Address = number & { readonly [ipv4Brand]: true };

export const ipv4AddressLength = 4;
export const unspecifiedIpv4: Ipv4Address = 0 as Ipv4Address;

const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const ipv4Text = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`);

/**
 * Four decimal numbers. A leading zero is refused: some readers take `010` for octal, so it would name two addresses
 * (RFC 6943 §3.1.1).
 */
export function parseIpv4(text: string): Ipv4Address | undefined {
  const parts = ipv4Text.exec(text);
  if (parts === null) return undefined;
  let address = 0;
  for (const part of parts.slice(1)) address = address * 256 + Number(part);
  return address as Ipv4Address;
}

export function formatIpv4(address: Ipv4Address): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The caller has checked that four bytes are there. */
export function readIpv4(bytes: Uint8Array, offset: number): Ipv4Address {
  return readU32(bytes, offset) as Ipv4Address;
}

export function writeIpv4(bytes: Uint8Array, offset: number, address: Ipv4Address): void {
  writeU32(bytes, offset, address);
}

/** 224.0.0.0/4 and the limited broadcast: never one machine's address. */
export function isMulticastIpv4(address: Ipv4Address): boolean {
  return address >>> 28 === 0xe || address === 0xffff_ffff;
}
