/**
 * Memory for frames that come and go in one order: they lie one behind the other in blocks, and a block is used again when
 * nobody needs a frame in it. Without that each megabyte of traffic would be one of garbage, whose collection costs more than
 * the traffic.
 */

/** Of a block, bytes. */
const blockBytes = 1 << 20;
/** Blocks that are kept for use; a window of 6 MiB, which is Linux's largest, and what is rounded up. */
const spareMax = 8;

export class FrameBlocks {
  readonly #frameBytesMax: number;
  /** The oldest first; the last one is being filled. */
  #blocks: Uint8Array[] = [];
  #spare: Uint8Array[] = [];
  #used = blockBytes;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Where the next frame goes. */
  room(): Uint8Array {
    if (blockBytes - this.#used < this.#frameBytesMax) {
      this.#blocks.push(this.#spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes));
      this.#used = 0;
    }
    const block = this.#blocks.at(-1) ?? new Uint8Array(0);
    return block.subarray(this.#used, this.#used + this.#frameBytesMax);
  }

  /** The frame that was written into `room`. It stays what it is until `release`. */
  keep(length: number): Uint8Array {
    const frame = this.room().subarray(0, length);
    this.#used += length;
    return frame;
  }

  /** Frames are needed no more, but for those that came after one of `oldest`, and these. */
  release(oldest: readonly Uint8Array[]): void {
    const needed = new Set(oldest.map((frame) => frame.buffer));
    const isHere = ({ buffer }: Uint8Array): boolean => this.#blocks.some((block) => block.buffer === buffer);
    // In what order it came is not known.
    if (!oldest.every(isHere)) return;
    for (let block = this.#blocks[0]; block !== undefined; block = this.#blocks[0]) {
      if (needed.has(block.buffer)) return;
      if (this.#blocks.length === 1) {
        this.#used = 0;
        return;
      }
      this.#blocks.shift();
      if (this.#spare.length < spareMax) this.#spare.push(block);
    }
  }
}
