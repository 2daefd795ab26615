/**
 * The feed from its beginning, for a program or a standby that comes later; as long as it is not too long. Between relays
 * an entry goes with its number, so that one that has some already is told nothing twice, and one that has others is found.
 */
import { OutputDigest } from '../../sessions/digest.ts';
import { readU48, writeU48 } from '../../wire/big-endian.ts';

const bytesMaxDefault = 16 << 20;
const numberLength = 6;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What an entry of the leader is to a follower: the next, one that it has, or a sign that the two feeds are not one. */
export type Continuation =
  | { readonly kind: 'next'; readonly entry: Uint8Array }
  | { readonly kind: 'known' }
  | { readonly kind: 'other' };

export class FeedLog {
  readonly #bytesMax: number;
  #entries: Uint8Array[] = [];
  #bytes = 0;
  #count = 0;
  #whole = true;
  #digest = new OutputDigest();
  /** Of what the leader tells again. */
  #again = new OutputDigest();

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
    this.#digest.add(entry);
    if (!this.#whole) return;
    this.#entries.push(entry);
    this.#bytes += entry.length;
    if (this.#bytes <= this.#bytesMax) return;
    this.#whole = false;
    this.#entries = [];
  }

  /** The newest entry, as it goes to another relay. */
  newest(entry: Uint8Array): Uint8Array {
    return numbered(this.#count, entry);
  }

  /** All that another relay must have before the next entry; only what that is, when the beginning is forgotten. */
  *whole(): Generator<Uint8Array> {
    if (!this.#whole) yield numbered(this.#count, encoder.encode(this.#digest.text));
    for (const [index, entry] of this.#entries.entries()) yield numbered(index + 1, entry);
  }

  /** Something of `newest` or `whole`. */
  receive(bytes: Uint8Array): Continuation {
    const number = readU48(bytes, 0);
    const entry = bytes.subarray(numberLength);
    const isDigest = entry.length === this.#digest.text.length && /^[0-9a-f]+$/.test(decoder.decode(entry));
    if (isDigest) {
      const same = number === this.#count && decoder.decode(entry) === this.#digest.text;
      return { kind: same ? 'known' : 'other' };
    }
    if (number === this.#count + 1) return { kind: 'next', entry };
    if (number === 0 || number > this.#count) return { kind: 'other' };
    if (number === 1) this.#again = new OutputDigest();
    this.#again.add(entry);
    return { kind: number < this.#count || this.#again.text === this.#digest.text ? 'known' : 'other' };
  }
}

function numbered(number: number, bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(numberLength + bytes.length);
  writeU48(message, 0, number);
  message.set(bytes, numberLength);
  return message;
}
