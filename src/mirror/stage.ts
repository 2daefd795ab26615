/** Where a commit or a chunk is put together from its parts. */
import { recordOverhead } from './backlog.ts';
import { creditCost } from './link-end.ts';
import type { NamedRecord } from './sink.ts';

export class Stage {
  #records: NamedRecord[] = [];
  #pieces: Uint8Array[] = [];
  #cost = 0;
  #size = 0;

  /** What the parts took of the credit, bytes. */
  get cost(): number {
    return this.#cost;
  }

  /** What it comes to, as the source counts it, bytes. */
  get size(): number {
    return this.#size;
  }

  get empty(): boolean {
    return this.#pieces.length === 0 && this.#records.length === 0;
  }

  add(channel: string, bytes: Uint8Array, endsRecord: boolean): void {
    if (this.#pieces.length === 0) this.#size += recordOverhead;
    this.#size += bytes.length;
    this.#cost += creditCost(bytes.length);
    this.#pieces.push(bytes);
    if (!endsRecord) return;
    this.#records.push({ channel, bytes: joined(this.#pieces) });
    this.#pieces = [];
  }

  /** The records that are whole; empty from now on. */
  take(): readonly NamedRecord[] {
    const records = this.#records;
    this.#records = [];
    this.#pieces = [];
    this.#cost = 0;
    this.#size = 0;
    return records;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
