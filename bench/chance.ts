/** Chance from a seed (mulberry32): the same draws again. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= value < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** least <= value < most. */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** The same, short ones as often as long ones: each decade has the same share. */
  spread(least: number, most: number): number {
    return least * (most / least) ** this.next();
  }

  /** A whole number, both ends included. */
  whole(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.whole(0, items.length - 1)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  /** An item as often as its weight says. */
  weigh<Item extends { readonly weight: number }>(items: readonly Item[]): Item {
    let left = this.next() * items.reduce((sum, { weight }) => sum + weight, 0);
    const item = items.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return item ?? this.pick(items);
  }
}
