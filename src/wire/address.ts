/**
 * The three kinds of address as values that cannot be mixed: a MAC is a 48-bit integer, an IPv4 address a 32-bit
 * unsigned integer, an IPv6 address a 128-bit bigint. All compare with `===`, key a Map, and cost no allocation
 * (bigints aside). `parse*` takes text, `format*` gives it back in canonical form (RFC 5952 for IPv6).
 */
import { formatIpv4, type Ipv4Address, parseIpv4 } from './address/ipv4.ts';
import { formatIpv6, type Ipv6Address, parseIpv6 } from './address/ipv6.ts';

export * from './address/ipv4.ts';
export * from './address/ipv6.ts';
export * from './address/mac.ts';
export * from './address/prefix.ts';

/** A logical address of either family; `typeof` tells them apart. */
export type IpAddress = Ipv4Address | Ipv6Address;

export function isIpv4(address: IpAddress): address is Ipv4Address {
  return typeof address === 'number';
}

export function parseIp(text: string): IpAddress | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

export function formatIp(address: IpAddress): string {
  return isIpv4(address) ? formatIpv4(address) : formatIpv6(address);
}
