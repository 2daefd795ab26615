/** Random bytes from a seed: the same on both machines (AES-256 in counter mode over zeros). */
import { type Cipheriv, createCipheriv } from 'node:crypto';

const blockBytes = 4096;

export class MirroredRandom {
  readonly #stream: Cipheriv;
  #block = Buffer.alloc(0);

  /** `seed`: 32 bytes. */
  constructor(seed: Uint8Array) {
    this.#stream = createCipheriv('aes-256-ctr', seed, Buffer.alloc(16));
  }

  bytes(count: number): Buffer {
    const into = Buffer.alloc(count);
    for (let offset = 0; offset < count; ) {
      if (this.#block.length === 0) this.#block = this.#stream.update(Buffer.alloc(blockBytes));
      const taken = this.#block.copy(into, offset);
      this.#block = this.#block.subarray(taken);
      offset += taken;
    }
    return into;
  }

  /** At least 0, less than 1, with 53 bits. */
  number(): number {
    const bytes = this.bytes(8);
    return ((bytes.readUInt32LE(0) >>> 5) * 0x400_0000 + (bytes.readUInt32LE(4) >>> 6)) / 0x20_0000_0000_0000;
  }
}
