/**
 * Network prefixes (CIDR, RFC 4632 §3.1; RFC 4291 §2.3), and a set of addresses as few of them: thousands of
 * neighbouring addresses become about ten routes or rules.
 */
import type { IpAddress } from '../address.ts';
import { formatIpv4, type Ipv4Address } from './ipv4.ts';
import { formatIpv6, type Ipv6Address } from './ipv6.ts';

export interface Prefix {
  /** The lowest address of the block: the bits beyond `length` are zero. */
  readonly address: IpAddress;
  /** Bits. */
  readonly length: number;
}

const ipv4Bits = 32;
const ipv6Bits = 128;

/**
 * The smallest set of prefixes that covers exactly these addresses, none besides: IPv4's in ascending order, then
 * IPv6's. An address given twice counts once.
 */
export function coveringPrefixes(addresses: readonly IpAddress[]): Prefix[] {
  const ipv4: bigint[] = [];
  const ipv6: bigint[] = [];
  for (const address of addresses) {
    if (typeof address === 'number') ipv4.push(BigInt(address));
    else ipv6.push(address);
  }
  return [
    ...cover(ipv4, ipv4Bits, (value) => Number(value) as Ipv4Address),
    ...cover(ipv6, ipv6Bits, (value) => value as Ipv6Address),
  ];
}

/** `192.0.2.0/24` */
export function formatPrefix({ address, length }: Prefix): string {
  return `${typeof address === 'number' ? formatIpv4(address) : formatIpv6(address)}/${length}`;
}

/**
 * From the lowest address on, takes the largest aligned block that is there whole. No smaller set exists: two blocks
 * of a CIDR tree are disjoint or one lies inside the other, so the largest whole ones cover everything once.
 */
function* cover(
  values: readonly bigint[],
  bits: number,
  brand: (value: bigint) => IpAddress,
): Generator<Prefix> {
  const sorted = [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
  let next = 0;
  while (next < sorted.length) {
    const address = sorted[next] as bigint;
    let hostBits = 0;
    while (hostBits < bits && isWhole(sorted, next, hostBits + 1)) hostBits++;
    yield { address: brand(address), length: bits - hostBits };
    next += 2 ** hostBits;
  }
}

/** Whether the block of 2^`hostBits` addresses that begins at `sorted[at]` is aligned and all there. */
function isWhole(sorted: readonly bigint[], at: number, hostBits: number): boolean {
  const first = sorted[at] as bigint;
  const last = sorted[at + 2 ** hostBits - 1];
  const size = 1n << BigInt(hostBits);
  // The values ascend without repetition: with both ends at the right distance nothing is missing in between.
  return first % size === 0n && last === first + size - 1n;
}
