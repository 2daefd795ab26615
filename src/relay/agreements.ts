/**
 * Which of the active's connections the standby has from their beginning, and which of these it agrees to close. A
 * connection that it has not cannot survive, and needs nobody's word.
 */
import type { Word } from './channel.ts';

type Say = Exclude<Word, { kind: 'role' }>;

/** Handshakes that never became connections stay in the list until then. */
const mirroredMax = 65_536;

export class Agreements {
  readonly #mirrored = new Set<string>();
  readonly #words = new Map<string, Say>();
  /** Since when a connection waits for the standby's word, µs. */
  readonly #waiting = new Map<string, number>();
  /** The standby has the beginning of these, and they go on without it. */
  readonly #alone = new Set<string>();

  /** The SYN of this connection goes to the standby. */
  begun(flow: string): void {
    this.#words.delete(flow);
    this.#waiting.delete(flow);
    this.#alone.delete(flow);
    this.#mirrored.add(flow);
    if (this.#mirrored.size <= mirroredMax) return;
    for (const oldest of this.#mirrored) {
      this.#mirrored.delete(oldest);
      return;
    }
  }

  /** It survives a crash, as far as the standby has said. */
  isMirrored(flow: string): boolean {
    return this.#mirrored.has(flow);
  }

  heard(word: Say): void {
    if (word.kind !== 'finished') this.goAlone(word.flow);
    else if (this.#mirrored.has(word.flow)) this.#words.set(word.flow, word);
  }

  mayClose(flow: string): boolean {
    return !this.#mirrored.has(flow) || this.#words.has(flow);
  }

  /** It is to be closed, and may not. */
  awaits(flow: string, nowUs: number): void {
    if (!this.#waiting.has(flow)) this.#waiting.set(flow, nowUs);
  }

  /** Those that wait since before `sinceUs`, the longest first. */
  overdue(sinceUs: number): readonly string[] {
    const flows: string[] = [];
    for (const [flow, since] of this.#waiting) {
      if (since >= sinceUs) break;
      flows.push(flow);
    }
    return flows;
  }

  /** This connection needs the standby no longer, and does not survive. */
  goAlone(flow: string): void {
    this.#waiting.delete(flow);
    this.#words.delete(flow);
    if (this.#mirrored.delete(flow)) this.#alone.add(flow);
  }

  isAlone(flow: string): boolean {
    return this.#alone.has(flow);
  }

  /** What the replica said at its end. */
  word(flow: string): Say | undefined {
    return this.#words.get(flow);
  }

  /** All that are mirrored now. */
  mirrored(): ReadonlySet<string> {
    return new Set(this.#mirrored);
  }

  /** It is over. */
  forget(flow: string): void {
    this.#mirrored.delete(flow);
    this.#words.delete(flow);
    this.#waiting.delete(flow);
    this.#alone.delete(flow);
  }

  /** There is no standby any more. */
  forgetAll(): void {
    this.#mirrored.clear();
    this.#words.clear();
    this.#waiting.clear();
    this.#alone.clear();
  }
}
