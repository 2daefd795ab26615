/** A file to download whose every byte is known beforehand, of any length: its name says length and seed. */

/** The next bytes of the file `seed`, as often as asked, `length` in all. The same seed is the same file. */
export class Image {
  /** Bytes that are still to come. */
  left: number;
  #state: number;

  /** `length`: 0 and more. `seed`: any whole number. */
  constructor(length: number, seed: number) {
    this.left = length;
    this.#state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995) >>> 0 || 1;
  }

  /** At most `max` bytes, fewer at the end; the caller's. */
  next(max: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(max, this.left));
    this.left -= bytes.length;
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#byte();
    return bytes;
  }

  /** One step of xorshift32 (Marsaglia 2003) for each byte, so that it does not matter how the file is cut. */
  #byte(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return x & 0xff;
  }
}
