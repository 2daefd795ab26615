/**
 * Numbered entries, each with a checksum over all before it: `17 CALL 4041-3 4042 answered 412 ms 8c1f09ab`. Who follows one sees
 * that nothing is missing or changed. No I/O.
 */
import { checksum } from './checksum.ts';

/** Older entries are forgotten. */
const keptMax = 65_536;
const positionPattern = /^(0|[1-9]\d*) ([\da-f]{8})$/;

/** Hears every further entry. */
export type Subscriber = (line: string) => void;

export class Journal {
  readonly #lines: string[] = [];
  readonly #subscribers = new Set<Subscriber>();
  #number = 0;
  #chain: number;

  /** Journals with different names have different checksums. */
  constructor(name: string) {
    this.#chain = checksum(0, name);
  }

  /** Number and checksum of the newest entry, or of the beginning. */
  get position(): string {
    return positionOf(this.#number, this.#chain);
  }

  enter(what: string): void {
    const entry = `${++this.#number} ${what}`;
    this.#chain = checksum(this.#chain, entry);
    const line = `${entry} ${hex(this.#chain)}`;
    this.#lines.push(line);
    if (this.#lines.length > keptMax) this.#lines.shift();
    for (const hear of this.#subscribers) hear(line);
  }

  /** Calls `hear` with every further line, with `past` also with those that are kept; the returned function ends that. */
  subscribe(hear: Subscriber, past = false): () => void {
    if (past) for (const line of this.#lines) hear(line);
    this.#subscribers.add(hear);
    return () => this.#subscribers.delete(hear);
  }
}

/** The position after `line`, when it follows the entry at `position` and was not changed; else undefined. */
export function follows(line: string, position: string): string | undefined {
  const [, number = '', chain = ''] = positionPattern.exec(position) ?? [];
  const entry = line.slice(0, line.lastIndexOf(' '));
  const next = Number(number) + 1;
  if (!entry.startsWith(`${next} `)) return undefined;
  const sum = checksum(Number.parseInt(chain, 16), entry);
  return line === `${entry} ${hex(sum)}` ? positionOf(next, sum) : undefined;
}

function positionOf(number: number, chain: number): string {
  return `${number} ${hex(chain)}`;
}

function hex(chain: number): string {
  return chain.toString(16).padStart(8, '0');
}
