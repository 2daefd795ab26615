/** IPv6 addresses as 128-bit bigints: text by RFC 4291 §2.2 and RFC 5952, and the groups neighbour discovery uses. */
import { readU32, writeU32 } from '../big-endian.ts';
import { formatIpv4, type Ipv4Address, parseIpv4 } from './ipv4.ts';
import type { MacAddress } from './mac.ts';

declare const ipv6Brand: unique symbol;

/** A 128-bit unsigned integer. */
export type Ipv6Address = bigint & { readonly [ipv6Brand]: true };

export const ipv6AddressLength = 16;
/** `::`, the source of a duplicate address probe. */
export const unspecifiedIpv6: Ipv6Address = 0n as Ipv6Address;
/** ff02::1 */
export const allNodes: Ipv6Address = 0xff02_0000_0000_0000_0000_0000_0000_0001n as Ipv6Address;

const solicitedNodePrefix = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;
const groupText = /^[0-9a-f]{1,4}$/i;

/**
 * Every text form of RFC 4291 §2.2: full, with one `::` (one group or more), with an IPv4 address as its last 32
 * bits, upper or lower case. No zone (`%eth0`) and no brackets: those are not part of an address.
 */
export function parseIpv6(text: string): Ipv6Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left = '', right] = halves;
  const head = parseGroups(left, right === undefined);
  const tail = right === undefined ? [] : parseGroups(right, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  let address = 0n;
  for (const group of head) address = (address << 16n) | BigInt(group);
  address <<= BigInt(16 * missing);
  for (const group of tail) address = (address << 16n) | BigInt(group);
  return address as Ipv6Address;
}

/** Groups between single colons; only the end of the address may be an IPv4 address. Empty text is no groups. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (groupText.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const embedded = isEnd && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (embedded === undefined) return undefined;
    groups.push(embedded >>> 16, embedded & 0xffff);
  }
  return groups;
}

/**
 * Canonical text, RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the first of
 * equals) as `::`; an IPv4-mapped address (::ffff:0:0/96) ends in dotted form (§5).
 */
export function formatIpv6(address: Ipv6Address): string {
  if (address >> 32n === 0xffffn)
    return `::ffff:${formatIpv4(Number(address & 0xffff_ffffn) as Ipv4Address)}`;
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((address >> shift) & 0xffffn));
  const run = longestZeroRun(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return text(groups);
  return `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}

/** The caller has checked that sixteen bytes are there. */
export function readIpv6(bytes: Uint8Array, offset: number): Ipv6Address {
  const high = (BigInt(readU32(bytes, offset)) << 32n) | BigInt(readU32(bytes, offset + 4));
  const low = (BigInt(readU32(bytes, offset + 8)) << 32n) | BigInt(readU32(bytes, offset + 12));
  return ((high << 64n) | low) as Ipv6Address;
}

export function writeIpv6(bytes: Uint8Array, offset: number, address: Ipv6Address): void {
  for (let word = 0; word < 4; word++) {
    const value = Number((address >> BigInt(96 - 32 * word)) & 0xffff_ffffn);
    writeU32(bytes, offset + 4 * word, value);
  }
}

/** The group a host listens on for solicitations of its address: ff02::1:ffXX:XXXX (RFC 4291 §2.7.1). */
export function solicitedNode(address: Ipv6Address): Ipv6Address {
  return (solicitedNodePrefix | (address & 0xff_ffffn)) as Ipv6Address;
}

/** Where Ethernet carries an IPv6 group: 33:33 and the group's last 32 bits (RFC 2464 §7). */
export function ipv6MulticastMac(group: Ipv6Address): MacAddress {
  return (0x3333_0000_0000 + Number(group & 0xffff_ffffn)) as MacAddress;
}

export function isMulticastIpv6(address: Ipv6Address): boolean {
  return address >> 120n === 0xffn;
}
