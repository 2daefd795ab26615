/** Lines over a connection, or over the pipes of a program that has one: asked for one at a time, kept until asked for. */
import type { Readable, Writable } from 'node:stream';

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** A host gives a session up that is silent for so long, milliseconds. */
export const patienceMs = 5000;

export class Dialogue {
  readonly #output: Writable;
  readonly #lines: string[] = [];
  #rest = '';
  #waiting: Waiting | undefined;
  #over: Error | undefined;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    input.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    input.on('end', () => this.#end(new Error('ended by the exchange')));
    input.on('close', () => this.#end(new Error('closed')));
    for (const stream of [input, output]) stream.on('error', (error: Error) => this.#end(error));
  }

  say(line: string): void {
    this.#output.write(`${line}\n`);
  }

  /** Resolves to the next line, without its end; rejects when the connection is over or silent for `patienceMs`. */
  line(): Promise<string> {
    return new Promise((resolve, reject) => {
      const line = this.#lines.shift();
      if (line !== undefined) return resolve(line);
      if (this.#over !== undefined) return reject(this.#over);
      const silence = setTimeout(() => {
        this.#waiting = undefined;
        reject(new Error(`silent for ${patienceMs / 1000} s`));
      }, patienceMs);
      const settled = (): void => {
        clearTimeout(silence);
        this.#waiting = undefined;
      };
      this.#waiting = {
        resolve: (text) => {
          settled();
          resolve(text);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
    });
  }

  /** Says no more; resolves when the other side has ended in order, and rejects when it says more or breaks off. */
  async ended(): Promise<void> {
    // nc ends when both sides have.
    this.#output.end();
    try {
      const more = await this.line();
      throw new Error(`said more: '${more}'`);
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'ended by the exchange') throw error;
    }
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (this.#waiting === undefined) this.#lines.push(line);
      else this.#waiting.resolve(line);
    }
  }

  #end(why: Error): void {
    this.#over ??= why;
    this.#waiting?.reject(this.#over);
  }
}
