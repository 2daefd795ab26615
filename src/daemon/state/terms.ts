/**
 * The ceiling of term counters on disk (docs/ARCHITECTURE.md). Counters up to it may have been used by this member, so the
 * next life starts above it. It is kept in two equal copies, each replaced as a whole (temporary file, fsync, rename,
 * fsync of the directory) and each with a checksum; a reservation counts only when both are on the disk, so that either
 * copy alone is at least every reservation that counted.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemReason } from '../errors.ts';
import { replaceFile, sealRecord, unusable } from './record.ts';

/** The second copy's name was chosen for what it is good for: going on where the first is damaged. */
const copies = ['terms', 'terms.previous'] as const;
const heading = 'understudy terms 1';
/** Counters are 48 bits on the wire. */
const counterMax = 2 ** 48 - 1;

export type TermsOrigin =
  /** Both copies agree or one is newer; the floor is certain. */
  | 'kept'
  /** One copy was missing or damaged; the other was used, and the floor is certain. */
  | 'repaired'
  /** The directory has no trace of an earlier life. */
  | 'firstBoot'
  /** An earlier life left traces, but no readable copy: counters may be used a second time. */
  | 'lost';

export interface TermsFound {
  /** Counters up to it may have been used; 0 when none is known. */
  readonly floor: number;
  readonly origin: TermsOrigin;
  /** What was seen, in words for an operator. */
  readonly explanation: string;
}

export class TermsFile {
  readonly #directory: string;
  #ceiling = 0;
  #writing: Promise<void> = Promise.resolve();

  /** Makes the directory (mode 0700) where it is missing. */
  constructor(directory: string) {
    this.#directory = directory;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unusable(directory, 'made', error);
    }
  }

  /** What earlier lives left. `lived`: something else in the directory shows that there was one. */
  read(lived: boolean): TermsFound {
    const found = copies.map((name) => ({ name, ...this.#readCopy(name) }));
    const ceilings = found.flatMap((copy) => (copy.ceiling === undefined ? [] : [copy.ceiling]));
    const floor = Math.max(0, ...ceilings);
    this.#ceiling = floor;
    const bad = found.filter((copy) => copy.ceiling === undefined);
    const explanation = bad.map((copy) => `${join(this.#directory, copy.name)} is ${copy.why}`).join('; ');
    if (bad.length === 0) return { floor, origin: 'kept', explanation: `terms up to ${floor} are reserved` };
    if (ceilings.length > 0) {
      return { floor, origin: 'repaired', explanation: `${explanation}; the other copy says ${floor}` };
    }
    if (!lived && bad.every((copy) => copy.why === 'missing')) {
      return {
        floor,
        origin: 'firstBoot',
        explanation: `${this.#directory} has no terms; this is the first start`,
      };
    }
    return { floor, origin: 'lost', explanation };
  }

  /**
   * Resolves when counters up to `ceiling` are reserved on the disk; calls are carried out in order, and a lower ceiling
   * than one already reserved changes nothing. Rejects with StateError.
   */
  reserve(ceiling: number): Promise<void> {
    const written = this.#writing.then(() => this.#write(ceiling));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(ceiling: number): Promise<void> {
    if (ceiling <= this.#ceiling) return;
    try {
      for (const name of copies) await replaceFile(this.#directory, name, encodeTerms(ceiling));
    } catch (error) {
      throw unusable(this.#directory, 'written', error);
    }
    this.#ceiling = ceiling;
  }

  #readCopy(name: string): { ceiling: number; why: '' } | { ceiling: undefined; why: string } {
    let text: string;
    try {
      text = readFileSync(join(this.#directory, name), 'utf8');
    } catch (error) {
      const reason = systemReason(error);
      if (reason === 'ENOENT') return { ceiling: undefined, why: 'missing' };
      throw unusable(this.#directory, 'read', error);
    }
    const ceiling = decodeTerms(text);
    return ceiling === undefined ? { ceiling, why: 'damaged' } : { ceiling, why: '' };
  }
}

function encodeTerms(ceiling: number): string {
  return sealRecord(`${heading}\nceiling ${ceiling}\n`);
}

/** The ceiling, or undefined when a single byte is not as it was written. */
function decodeTerms(text: string): number | undefined {
  const ceiling = Number(/^ceiling (\d{1,15})$/m.exec(text)?.[1] ?? Number.NaN);
  if (!Number.isSafeInteger(ceiling) || ceiling > counterMax) return undefined;
  return text === encodeTerms(ceiling) ? ceiling : undefined;
}
