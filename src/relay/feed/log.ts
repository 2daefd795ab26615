/** The feed from its beginning, for a program or a standby that comes later; as long as it is not too long. */
const bytesMaxDefault = 16 << 20;

export class FeedLog {
  readonly #bytesMax: number;
  #entries: Uint8Array[] = [];
  #bytes = 0;
  #count = 0;
  #whole = true;

  constructor(bytesMax: number = bytesMaxDefault) {
    this.#bytesMax = bytesMax;
  }

  /** All entries, or undefined when the beginning is no longer there. */
  get entries(): readonly Uint8Array[] | undefined {
    return this.#whole ? this.#entries : undefined;
  }

  get count(): number {
    return this.#count;
  }

  add(entry: Uint8Array): void {
    this.#count++;
    if (!this.#whole) return;
    this.#entries.push(entry);
    this.#bytes += entry.length;
    if (this.#bytes <= this.#bytesMax) return;
    this.#whole = false;
    this.#entries = [];
  }
}
