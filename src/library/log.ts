/**
 * A replicated log: entries are appended at the end and may be let go of from the beginning. An entry keeps its index for
 * ever. Entries are anything that can be cloned.
 *
 *   record: | index u48 | entry, serialized |         or, to let go of what is before an index:  | index u48 |
 */
import { deserialize, serialize } from 'node:v8';
import type { MirroredState } from './channel.ts';

const indexLength = 6;

interface Entries<Entry> {
  first: number;
  readonly list: Entry[];
}

export class MirroredLog<Entry> implements MirroredState, Iterable<Entry> {
  readonly name: string;
  #committed: Entries<Entry> = { first: 0, list: [] };
  readonly #appended: Entry[] = [];
  #firstWanted = 0;
  #coming: Entries<Entry> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The index of the oldest entry there is. */
  get first(): number {
    return Math.max(this.#committed.first, this.#firstWanted);
  }

  /** The index that the next entry gets. */
  get next(): number {
    return this.#committed.first + this.#committed.list.length + this.#appended.length;
  }

  /** Returns the entry's index. */
  append(entry: Entry): number {
    this.#appended.push(entry);
    return this.next - 1;
  }

  at(index: number): Entry | undefined {
    if (index < this.first) return undefined;
    const { first, list } = this.#committed;
    const place = index - first;
    return place < list.length ? list[place] : this.#appended[place - list.length];
  }

  /** Lets go of the entries before `index`, at most of those that there are. */
  forget(index: number): void {
    this.#firstWanted = Math.max(this.#firstWanted, Math.min(index, this.next));
  }

  *[Symbol.iterator](): Generator<Entry> {
    for (let index = this.first; index < this.next; index++) yield this.at(index) as Entry;
  }

  get dirty(): boolean {
    return this.#appended.length > 0 || this.#firstWanted > this.#committed.first;
  }

  changes(): Uint8Array[] {
    const { first, list } = this.#committed;
    const records = this.#appended.map((entry, place) => encode(first + list.length + place, entry));
    return this.#firstWanted > first ? [...records, encode(this.#firstWanted)] : records;
  }

  keep(): void {
    this.#committed.list.push(...this.#appended.splice(0));
    drop(this.#committed, this.#firstWanted);
  }

  rollback(): void {
    this.#appended.length = 0;
    this.#firstWanted = this.#committed.first;
  }

  *snapshot(): Generator<Uint8Array> {
    yield encode(this.#committed.first);
    for (let index = this.#committed.first; ; index++) {
      const { first, list } = this.#committed;
      index = Math.max(index, first);
      if (index >= first + list.length) return;
      yield encode(index, list[index - first]);
    }
  }

  begin(): void {
    this.#coming = { first: 0, list: [] };
  }

  apply(bytes: Uint8Array): void {
    const into = this.#coming ?? this.#committed;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const index = buffer.readUIntBE(0, indexLength);
    if (buffer.length === indexLength) return drop(into, index);
    // In a snapshot a piece may run ahead of a commit that comes later, or repeat what one has told already.
    if (index >= into.first)
      into.list[index - into.first] = deserialize(buffer.subarray(indexLength)) as Entry;
  }

  replace(): void {
    this.#committed = this.#coming ?? this.#committed;
    this.#coming = undefined;
    this.rollback();
  }

  abandon(): void {
    this.#coming = undefined;
  }
}

function drop<Entry>(entries: Entries<Entry>, first: number): void {
  if (first <= entries.first) return;
  entries.list.splice(0, first - entries.first);
  entries.first = first;
}

function encode(index: number, ...entry: readonly unknown[]): Uint8Array {
  const head = Buffer.alloc(indexLength);
  head.writeUIntBE(index, 0, indexLength);
  return entry.length === 0 ? head : Buffer.concat([head, serialize(entry[0])]);
}
