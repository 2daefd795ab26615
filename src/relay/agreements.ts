/**
 * Which of the active's connections the standby has from their beginning, and which of these it agrees to close. A
 * connection that it has not cannot survive, and needs nobody's word.
 */
import type { Word } from './channel.ts';

/** Handshakes that never became connections stay in the list until then. */
const mirroredMax = 65_536;

export class Agreements {
  readonly #mirrored = new Set<string>();
  readonly #words = new Map<string, Word>();

  /** The SYN of this connection goes to the standby. */
  begun(flow: string): void {
    this.#words.delete(flow);
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

  heard(word: Word): void {
    if (word.kind === 'lost') this.forget(word.flow);
    else if (this.#mirrored.has(word.flow)) this.#words.set(word.flow, word);
  }

  mayClose(flow: string): boolean {
    return !this.#mirrored.has(flow) || this.#words.has(flow);
  }

  /** What the replica said at its end. */
  word(flow: string): Word | undefined {
    return this.#words.get(flow);
  }

  forget(flow: string): void {
    this.#mirrored.delete(flow);
    this.#words.delete(flow);
  }

  /** There is no standby any more. */
  forgetAll(): void {
    this.#mirrored.clear();
    this.#words.clear();
  }
}
