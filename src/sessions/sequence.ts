/** Arithmetic on TCP sequence numbers, modulo 2^32 (RFC 9293 §3.4). All values are unsigned 32-bit integers. */

export function add(sequence: number, count: number): number {
  return (sequence + count) >>> 0;
}

/** How far `to` is ahead of `from`; negative when it is behind. Exact while they are less than 2^31 apart. */
export function distance(from: number, to: number): number {
  return (to - from) | 0;
}

export function isAfter(one: number, other: number): boolean {
  return distance(other, one) > 0;
}

export function latest(one: number, other: number): number {
  return isAfter(other, one) ? other : one;
}
