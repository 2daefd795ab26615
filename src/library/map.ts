/**
 * A replicated map. Values are anything that can be cloned (HTML's structured clone, as `v8.serialize` has it). A value
 * that was changed in place is not noticed: `set` it again.
 *
 *   record: | 1 set, 0 delete, u8 | length of the key u32 | key, UTF-8 | value, serialized |
 */
import { deserialize, serialize } from 'node:v8';
import type { MirroredState } from './channel.ts';

const headLength = 5;

export class MirroredMap<Value> implements MirroredState, Iterable<[string, Value]> {
  readonly name: string;
  #committed = new Map<string, Value>();
  /** Changes since the last commit; undefined: deleted. */
  readonly #changes = new Map<string, { readonly value: Value } | undefined>();
  #coming: Map<string, Value> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get(key: string): Value | undefined {
    return this.#changes.has(key) ? this.#changes.get(key)?.value : this.#committed.get(key);
  }

  has(key: string): boolean {
    return this.#changes.has(key) ? this.#changes.get(key) !== undefined : this.#committed.has(key);
  }

  set(key: string, value: Value): this {
    this.#changes.set(key, { value });
    return this;
  }

  delete(key: string): boolean {
    const had = this.has(key);
    if (had) this.#changes.set(key, undefined);
    return had;
  }

  clear(): void {
    for (const key of [...this.keys()]) this.#changes.set(key, undefined);
  }

  get size(): number {
    let size = this.#committed.size;
    for (const [key, change] of this.#changes) {
      const had = this.#committed.has(key);
      if (had && change === undefined) size--;
      if (!had && change !== undefined) size++;
    }
    return size;
  }

  *[Symbol.iterator](): Generator<[string, Value]> {
    for (const [key, value] of this.#committed) if (!this.#changes.has(key)) yield [key, value];
    for (const [key, change] of this.#changes) if (change !== undefined) yield [key, change.value];
  }

  *keys(): Generator<string> {
    for (const [key] of this) yield key;
  }

  get dirty(): boolean {
    return this.#changes.size > 0;
  }

  changes(): Uint8Array[] {
    return [...this.#changes].map(([key, change]) => encode(key, change));
  }

  keep(): void {
    for (const [key, change] of this.#changes) {
      if (change === undefined) this.#committed.delete(key);
      else this.#committed.set(key, change.value);
    }
    this.#changes.clear();
  }

  rollback(): void {
    this.#changes.clear();
  }

  *snapshot(): Generator<Uint8Array> {
    for (const [key, value] of this.#committed) yield encode(key, { value });
  }

  begin(): void {
    this.#coming = new Map();
  }

  apply(bytes: Uint8Array): void {
    const into = this.#coming ?? this.#committed;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const keyEnd = headLength + buffer.readUInt32BE(1);
    const key = buffer.toString('utf8', headLength, keyEnd);
    if (buffer[0] === 1) into.set(key, deserialize(buffer.subarray(keyEnd)) as Value);
    else into.delete(key);
  }

  replace(): void {
    this.#committed = this.#coming ?? this.#committed;
    this.#coming = undefined;
    this.#changes.clear();
  }

  abandon(): void {
    this.#coming = undefined;
  }
}

function encode(key: string, change: { readonly value: unknown } | undefined): Uint8Array {
  const name = Buffer.from(key, 'utf8');
  const head = Buffer.alloc(headLength);
  head[0] = change === undefined ? 0 : 1;
  head.writeUInt32BE(name.length, 1);
  return Buffer.concat(change === undefined ? [head, name] : [head, name, serialize(change.value)]);
}
