/** The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words. */
import { type IpAddress, isIpv4 } from './address.ts';
import { readU16 } from './big-endian.ts';

/** Adds bytes [start, end) to a running sum; an odd last byte counts as the high half of a word. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  for (let offset = start; offset + 1 < end; offset += 2) total += readU16(bytes, offset);
  if ((end - start) % 2 === 1) total += (bytes[end - 1] ?? 0) << 8;
  return total;
}

/** Folds the carries in and complements. A block whose checksum field is included and right gives 0. */
export function finishChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = Math.floor(folded / 0x1_0000) + (folded & 0xffff);
  return ~folded & 0xffff;
}

/** The sum over the pseudo-header that UDP, TCP (RFC 9293 §3.1) and ICMPv6 (RFC 8200 §8.1) cover. */
export function pseudoHeaderSum(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  length: number,
): number {
  return addressSum(source) + addressSum(destination) + protocol + (length >>> 16) + (length & 0xffff);
}

function addressSum(address: IpAddress): number {
  if (isIpv4(address)) return (address >>> 16) + (address & 0xffff);
  let sum = 0;
  for (let rest: bigint = address; rest > 0n; rest >>= 16n) sum += Number(rest & 0xffffn);
  return sum;
}
