/**
 * The child side of a station: one thread that waits in epoll for its sockets, for its deadline and for commands of
 * the director, and never runs Node's own event loop. Commands arrive on standard input, one JSON object per line:
 * `{"id": 1, "do": ..., ...}`; each is answered on standard output by `{"id": 1, "done": ...}` or
 * `{"id": 1, "failed": "why"}`. Events are lines without an id. End of input ends the process: nothing outlives
 * the director.
 */
import { readSync, writeSync } from 'node:fs';
import { monotonicUs } from '../linux/clock.ts';
import { EPOLLIN, Epoll } from '../linux/epoll.ts';

const inputToken = 0;

export class StationLoop<Command> {
  readonly #epoll = Epoll.open();
  readonly #readers: (() => void)[] = [() => this.#readCommands()];
  readonly #obey: (command: Command) => unknown;
  readonly #buffer = Buffer.alloc(65_536);
  #text = '';
  #ended = false;

  constructor(obey: (command: Command) => unknown) {
    this.#obey = obey;
    this.#epoll.add(0, inputToken, EPOLLIN);
  }

  /** Calls `read` whenever the descriptor is readable. */
  watch(fd: number, read: () => void): void {
    this.#epoll.add(fd, this.#readers.length, EPOLLIN);
    this.#readers.push(read);
  }

  /** Runs until the input ends. `due` does what is due and returns the next deadline (µs), or undefined for none. */
  run(due: (nowUs: number) => number | undefined): void {
    while (!this.#ended) {
      const deadline = due(monotonicUs());
      const timeout = deadline === undefined ? -1 : Math.max(0, deadline - monotonicUs());
      const count = this.#epoll.wait(timeout);
      for (let i = 0; i < count; i++) this.#readers[this.#epoll.token(i)]?.();
    }
  }

  #readCommands(): void {
    const length = readSync(0, this.#buffer);
    if (length === 0) {
      this.#ended = true;
      return;
    }
    const lines = (this.#text + this.#buffer.toString('utf8', 0, length)).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) this.#answer(line);
  }

  #answer(line: string): void {
    const { id, ...command } = JSON.parse(line) as { readonly id: number };
    try {
      say({ id, done: this.#obey(command as Command) ?? null });
    } catch (error) {
      say({ id, failed: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** One line to the director. */
export function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
