/**
 * The trailer that proves a control datagram was written by someone who holds the cluster's key: HMAC-SHA256 over the
 * whole body. The hash comes from the caller (`sha256.ts` in the daemon).
 */
import { type Decoded, decoded, refused } from '../result.ts';

/** HMAC-SHA256 with a key already in it: any bytes to 32 bytes. */
export type Hmac = (bytes: Uint8Array) => Uint8Array;

/** The trailer's length, bytes. */
export const sealLength: number = 32;

/**
 * Writes the trailer behind the body that fills the first `bodyLength` bytes and returns the total length. Throws
 * RangeError when the buffer has no room or the hash is not of 32 bytes (which the compiler cannot see).
 */
export function seal(into: Uint8Array, bodyLength: number, hmac: Hmac): number {
  const total = bodyLength + sealLength;
  if (into.length < total) throw new RangeError('no room for the trailer');
  const trailer = hmac(into.subarray(0, bodyLength));
  if (trailer.length !== sealLength) throw new RangeError('the hash is not 32 bytes long');
  into.set(trailer, bodyLength);
  return total;
}

/**
 * Takes the trailer off: the body as a view of `datagram`. Every key is accepted, so that a key can be replaced one
 * member at a time: first each learns the new one, then each seals with it, then the old one goes.
 */
export function unseal(
  datagram: Uint8Array,
  hmacs: readonly Hmac[],
): Decoded<Uint8Array, 'short' | 'forged'> {
  if (datagram.length < sealLength) return refused('short');
  const body = datagram.subarray(0, datagram.length - sealLength);
  for (const hmac of hmacs) {
    if (matches(datagram, body.length, hmac(body))) return decoded(body);
  }
  return refused('forged');
}

/** Constant time: looks at all 32 bytes however early they differ, so that timing teaches a forger nothing. */
function matches(datagram: Uint8Array, offset: number, trailer: Uint8Array): boolean {
  let difference = trailer.length ^ sealLength;
  for (let index = 0; index < sealLength; index++) {
    difference |= (datagram[offset + index] ?? 0) ^ (trailer[index] ?? 0);
  }
  return difference === 0;
}
