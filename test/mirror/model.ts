/** A program's state on both sides, as plain as can be: keys with text. What a standby has is compared with what was. */
import type { MirrorRecord } from '../../src/mirror/backlog.ts';
import type { SinkEvent } from '../../src/mirror/sink.ts';
import type { SnapshotSource } from '../../src/mirror/source.ts';

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

export type State = ReadonlyMap<string, string>;

export function pairOf(key: string, value: string): Uint8Array {
  return encoder.encode(`${key}=${value}`);
}

function apply(state: Map<string, string>, bytes: Uint8Array): void {
  const [key = '', value = ''] = decoder.decode(bytes).split('=');
  if (value === '') state.delete(key);
  else state.set(key, value);
}

export function same(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** The active side: what it has now, and what it had after each commit. */
export class ActiveModel implements SnapshotSource {
  readonly name = 'state';
  readonly #now = new Map<string, string>();
  readonly #history = new Map<number, State>();

  constructor(head: number) {
    this.#history.set(head, new Map());
  }

  /** What to commit, and then the number it got. An empty value deletes. */
  write(pairs: readonly (readonly [key: string, value: string])[]): MirrorRecord[] {
    const records = pairs.map(([key, value]) => ({ channel: 0, bytes: pairOf(key, value) }));
    for (const { bytes } of records) apply(this.#now, bytes);
    return records;
  }

  committed(sequence: number): void {
    this.#history.set(sequence, new Map(this.#now));
  }

  at(sequence: number): State | undefined {
    return this.#history.get(sequence);
  }

  *snapshot(): Generator<Uint8Array> {
    for (const [key, value] of this.#now) yield pairOf(key, value);
  }
}

/** The standby: the state it holds, and the one that is coming. */
export class StandbyModel {
  state: Map<string, string> = new Map();
  #coming: Map<string, string> | undefined;
  readonly log: string[] = [];

  apply(event: SinkEvent): void {
    switch (event.kind) {
      case 'begin':
        this.#coming = new Map();
        break;
      case 'chunk':
        apply(this.#coming ?? this.state, event.bytes);
        break;
      case 'commit':
        for (const { bytes } of event.records) apply(this.#coming ?? this.state, bytes);
        break;
      case 'end':
        this.state = this.#coming ?? this.state;
        this.#coming = undefined;
        break;
      case 'abort':
        this.#coming = undefined;
        break;
      case 'attached':
      case 'detached':
        break;
    }
    this.log.push(event.kind);
  }
}
