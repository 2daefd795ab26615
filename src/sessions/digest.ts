/**
 * A running digest of one connection's output: two machines that computed the same have, for all practical purposes,
 * written the same bytes. It guards against programs that differ, not against an attacker. Two FNV-1a lanes of 32 bits.
 */
const prime = 0x0100_0193;

export class OutputDigest {
  #offset = 0;
  #low = 0x811c_9dc5;
  #high = 0x5bd1_e995;

  /** Bytes digested. */
  get offset(): number {
    return this.#offset;
  }

  add(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    // An index, not an iterator: every byte of output passes here.
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index] as number;
      low = Math.imul(low ^ byte, prime);
      high = Math.imul((high ^ byte) + 1, prime);
    }
    this.#low = low;
    this.#high = high;
    this.#offset += bytes.length;
  }

  /** 16 hexadecimal digits. */
  get text(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
