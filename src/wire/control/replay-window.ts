/** Which of the last 64 sequence numbers were seen (the window of RFC 4303 §3.4.3), in two words: no bigint, no garbage. */
const width = 64;

export class ReplayWindow {
  #highest = 0;
  /** Bit i: `#highest - i` was seen; the second word continues at 32. */
  #recent = 0;
  #earlier = 0;

  /** Everything up to and including this number counts as seen. */
  restart(highest: number): void {
    this.#highest = highest;
    this.#recent = -1;
    this.#earlier = -1;
  }

  get highest(): number {
    return this.#highest;
  }

  /** Remembers a number not seen before. `stale`: below the window, so nobody knows. */
  admit(sequence: number): 'new' | 'replayed' | 'stale' {
    if (sequence > this.#highest) {
      this.#advance(sequence - this.#highest);
      this.#highest = sequence;
      this.#recent |= 1;
      return 'new';
    }
    const age = this.#highest - sequence;
    if (age >= width) return 'stale';
    const bit = 1 << (age & 31);
    const word = age < 32 ? this.#recent : this.#earlier;
    if ((word & bit) !== 0) return 'replayed';
    if (age < 32) this.#recent |= bit;
    else this.#earlier |= bit;
    return 'new';
  }

  #advance(by: number): void {
    if (by >= width) {
      this.#recent = 0;
      this.#earlier = 0;
    } else if (by >= 32) {
      this.#earlier = this.#recent << (by - 32);
      this.#recent = 0;
    } else {
      this.#earlier = (this.#earlier << by) | (this.#recent >>> (32 - by));
      this.#recent <<= by;
    }
  }
}
