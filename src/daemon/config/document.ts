/** The YAML text and where each of its nodes stands: every problem can name a line and a column. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { ConfigProblem } from '../errors.ts';

/** Names of mapping entries and indexes of list items, from the top. */
export type ConfigPath = readonly (string | number)[];

export class ConfigDocument {
  readonly file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(file: string, text: string) {
    this.file = file;
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, stringKeys: true });
  }

  /** What is wrong with the YAML itself (syntax, a key given twice). */
  syntaxProblems(): ConfigProblem[] {
    return [...this.#document.errors, ...this.#document.warnings].map((error) =>
      this.#at(error.pos[0], syntaxWords[error.code] ?? error.message.replaceAll('\n', ' ')),
    );
  }

  /** The file as plain values. Keys made of digits only are kept as the text they were written as. */
  values(): unknown {
    const values: unknown = this.#document.toJS({ maxAliasCount: 100 });
    if (typeof values !== 'object' || values === null) return values;
    const entries = values as Record<string, unknown>;
    if (typeof entries['key'] === 'number') entries['key'] = this.#source(['key']);
    if (Array.isArray(entries['keys'])) {
      entries['keys'] = entries['keys'].map((key: unknown, index) =>
        typeof key === 'number' ? this.#source(['keys', index]) : key,
      );
    }
    return entries;
  }

  /** A problem with the value at `path`, or with the nearest node above it that exists. */
  problem(path: ConfigPath, message: string): ConfigProblem {
    return this.#at(this.#offset(path, false), message);
  }

  /** A problem with the key itself (unknown, misspelt). */
  keyProblem(path: ConfigPath, message: string): ConfigProblem {
    return this.#at(this.#offset(path, true), message);
  }

  has(path: ConfigPath): boolean {
    return this.#document.hasIn(path);
  }

  #at(offset: number, message: string): ConfigProblem {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), message: hideKeys(message) };
  }

  #source(path: ConfigPath): string {
    const node = this.#document.getIn(path, true);
    return isScalar(node) ? (node.source ?? String(node.value)) : '';
  }

  #offset(path: ConfigPath, ofKey: boolean): number {
    let node: unknown = this.#document.contents;
    let offset = start(node) ?? 0;
    for (const [depth, step] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.#document);
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) break;
        const keyOffset = start(pair.key) ?? offset;
        if (ofKey && depth === path.length - 1) return keyOffset;
        next = pair.value;
        offset = start(next) ?? keyOffset;
      } else if (isSeq(node)) {
        next = node.items[Number(step)];
        offset = start(next) ?? offset;
      }
      if (next === undefined || next === null) break;
      node = next;
    }
    return offset;
  }
}

/** What YAML's own words for the commonest mistakes leave open: what would be right. */
const syntaxWords: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this setting stands here a second time; settings must be unique: remove one',
  TAB_AS_INDENT: 'a tab stands before this setting: indent with spaces',
};

/** Wherever a key was put by mistake, it is not repeated. */
function hideKeys(message: string): string {
  return message.replaceAll(/[0-9A-Fa-f]{32,}/g, '(hidden)');
}

function start(node: unknown): number | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range?.[0];
}
