/** One replicated value, replaced as a whole: what a program's checkpoint is kept in. */
import { deserialize, serialize } from 'node:v8';
import type { MirroredState } from './channel.ts';

export class MirroredCell<Value> implements MirroredState {
  readonly name: string;
  #committed: { readonly value: Value } | undefined;
  #change: { readonly value: Value } | undefined;
  #coming: { readonly value: Value } | undefined;
  #replacing = false;

  constructor(name: string) {
    this.name = name;
  }

  /** Undefined: never set. */
  get value(): Value | undefined {
    return (this.#change ?? this.#committed)?.value;
  }

  set(value: Value): void {
    this.#change = { value };
  }

  get dirty(): boolean {
    return this.#change !== undefined;
  }

  changes(): Uint8Array[] {
    return this.#change === undefined ? [] : [serialize(this.#change.value)];
  }

  keep(): void {
    this.#committed = this.#change ?? this.#committed;
    this.#change = undefined;
  }

  rollback(): void {
    this.#change = undefined;
  }

  *snapshot(): Generator<Uint8Array> {
    if (this.#committed !== undefined) yield serialize(this.#committed.value);
  }

  begin(): void {
    this.#replacing = true;
    this.#coming = undefined;
  }

  apply(bytes: Uint8Array): void {
    const told = { value: deserialize(bytes) as Value };
    if (this.#replacing) this.#coming = told;
    else this.#committed = told;
  }

  replace(): void {
    this.#committed = this.#coming;
    this.abandon();
    this.#change = undefined;
  }

  abandon(): void {
    this.#replacing = false;
    this.#coming = undefined;
  }
}
