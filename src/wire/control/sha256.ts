/**
 * SHA-256 (FIPS 180-4) and HMAC (RFC 2104) that allocate nothing per call. Every datagram is sealed and checked in the
 * reactor, a thousand times a second and more; a library's object for each of them is garbage, and garbage is collected
 * in the middle of a takeover. The tests compare it with Node's implementation.
 */
import type { Hmac } from './seal.ts';

const blockLength = 64;
export const digestLength = 32;

const roundConstants = constants(64, 3);
const initialState = constants(8, 2);

/** The first 32 bits of the fractional parts of the n-th roots (square or cube) of the first primes. */
function constants(count: number, root: 2 | 3): Int32Array {
  const words = new Int32Array(count);
  for (let prime = 2, index = 0; index < count; prime++) {
    let divisor = 2;
    while (divisor * divisor <= prime && prime % divisor !== 0) divisor++;
    if (divisor * divisor <= prime) continue;
    words[index++] = Number(fraction(BigInt(prime), root) & 0xffff_ffffn) | 0;
  }
  return words;
}

/** The root of `value` in units of 2^-32, exactly: an integer root of value shifted far enough. */
function fraction(value: bigint, root: 2 | 3): bigint {
  const target = value << BigInt(32 * root);
  let low = 0n;
  let high = 1n << 48n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(root) <= target) low = middle;
    else high = middle;
  }
  return low;
}

/** One running hash whose state can be set and read, so that HMAC's key blocks are hashed once for ever. */
class Sha256 {
  readonly #state: Int32Array = new Int32Array(8);
  readonly #schedule: Int32Array = new Int32Array(64);
  readonly #tail: Uint8Array = new Uint8Array(2 * blockLength);

  /** The state after one block, from the beginning. */
  after(block: Uint8Array): Int32Array {
    this.#state.set(initialState);
    this.#compress(block, 0);
    return this.#state.slice();
  }

  /** Hashes `bytes` as what follows one block already in `from`; writes the digest. */
  finish(from: Int32Array, bytes: Uint8Array, digest: Uint8Array): void {
    this.#state.set(from);
    let offset = 0;
    for (; offset + blockLength <= bytes.length; offset += blockLength) this.#compress(bytes, offset);
    const rest = bytes.length - offset;
    const tail = this.#tail;
    tail.fill(0);
    for (let index = 0; index < rest; index++) tail[index] = bytes[offset + index] ?? 0;
    tail[rest] = 0x80;
    const end = rest + 9 <= blockLength ? blockLength : 2 * blockLength;
    const bits = (blockLength + bytes.length) * 8;
    for (let index = 0; index < 4; index++) tail[end - 1 - index] = (bits >>> (8 * index)) & 0xff;
    this.#compress(tail, 0);
    if (end > blockLength) this.#compress(tail, blockLength);
    for (let index = 0; index < digestLength; index++) {
      digest[index] = ((this.#state[index >> 2] ?? 0) >>> (24 - 8 * (index & 3))) & 0xff;
    }
  }

  #compress(bytes: Uint8Array, offset: number): void {
    const w = this.#schedule;
    for (let t = 0; t < 16; t++) {
      const at = offset + 4 * t;
      w[t] =
        ((bytes[at] ?? 0) << 24) |
        ((bytes[at + 1] ?? 0) << 16) |
        ((bytes[at + 2] ?? 0) << 8) |
        (bytes[at + 3] ?? 0);
    }
    for (let t = 16; t < 64; t++) {
      const x = w[t - 15] ?? 0;
      const y = w[t - 2] ?? 0;
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = ((w[t - 16] ?? 0) + s0 + (w[t - 7] ?? 0) + s1) | 0;
    }
    this.#rounds(w);
  }

  #rounds(w: Int32Array): void {
    const state = this.#state;
    let a = state[0] ?? 0;
    let b = state[1] ?? 0;
    let c = state[2] ?? 0;
    let d = state[3] ?? 0;
    let e = state[4] ?? 0;
    let f = state[5] ?? 0;
    let g = state[6] ?? 0;
    let h = state[7] ?? 0;
    for (let t = 0; t < 64; t++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const choice = (e & f) ^ (~e & g);
      const t1 = (h + s1 + choice + (roundConstants[t] ?? 0) + (w[t] ?? 0)) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const majority = (a & b) ^ (a & c) ^ (b & c);
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + s0 + majority) | 0;
    }
    state[0] = (state[0] ?? 0) + a;
    state[1] = (state[1] ?? 0) + b;
    state[2] = (state[2] ?? 0) + c;
    state[3] = (state[3] ?? 0) + d;
    state[4] = (state[4] ?? 0) + e;
    state[5] = (state[5] ?? 0) + f;
    state[6] = (state[6] ?? 0) + g;
    state[7] = (state[7] ?? 0) + h;
  }
}

/**
 * HMAC-SHA256 with this key. The digest it returns is one array that the next call of the same function overwrites.
 * Keys longer than 64 bytes are refused: ours are 32.
 */
export function hmacSha256(key: Uint8Array): Hmac {
  if (key.length > blockLength) throw new RangeError(`a key of ${key.length} bytes; at most ${blockLength}`);
  const hash = new Sha256();
  const padded = (pad: number): Uint8Array =>
    Uint8Array.from({ length: blockLength }, (_, index) => (key[index] ?? 0) ^ pad);
  const inner = hash.after(padded(0x36));
  const outer = hash.after(padded(0x5c));
  const innerDigest = new Uint8Array(digestLength);
  const digest = new Uint8Array(digestLength);
  return (bytes) => {
    hash.finish(inner, bytes, innerDigest);
    hash.finish(outer, innerDigest, digest);
    return digest;
  };
}
