/**
 * The director's side of the helper processes (probe, switch, service): starts one in a namespace, sends commands,
 * awaits answers, passes events on. See loop.ts for the lines they exchange.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Where the script of a station is: TypeScript in the source tree, JavaScript in the built package. */
export function scriptPath(name: string): string {
  return fileURLToPath(new URL(`./${name}.${extension}`, import.meta.url));
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Line {
  readonly id?: number;
  readonly done?: unknown;
  readonly failed?: string;
}

export class Station<Command extends object, Event extends object = never> {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  #nextId = 1;
  #complaint = '';

  private constructor(name: string, child: ChildProcess, onEvent: (event: Event) => void) {
    this.name = name;
    this.#child = child;
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (text) => this.#take(text, onEvent));
    }
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-4000);
    });
    child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
    child.on('exit', (code, signal) =>
      this.#fail(`${name} ended (${signal ?? code}): ${this.#complaint.trim()}`),
    );
  }

  /** Starts the script at path `script` in `namespace`, with `options` as its one argument (JSON); `runtime`: flags of Node's. */
  static start<Command extends object, Event extends object = never>(o: {
    readonly namespace: string;
    readonly script: string;
    readonly options: object;
    readonly runtime?: readonly string[];
    readonly onEvent?: (event: Event) => void;
  }): Station<Command, Event> {
    const command = [...process.execArgv, ...(o.runtime ?? []), o.script, JSON.stringify(o.options)];
    const child = spawn('ip', ['netns', 'exec', o.namespace, process.execPath, ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own: a power loss kills all of a machine's processes by their groups.
      detached: true,
    });
    return new Station<Command, Event>(
      `${basename(o.script)} in ${o.namespace}`,
      child,
      o.onEvent ?? (() => undefined),
    );
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a command; resolves with what the station answers, rejects with its reason or when it ends. */
  ask<Answer>(command: Command): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise<Answer>((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`${this.name} has ended: ${this.#complaint.trim()}`));
        return;
      }
      this.#waiting.set(id, { resolve: (value) => resolve(value as Answer), reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  }

  /** Ends the process by closing its input. */
  close(): void {
    this.#child.stdin?.end();
  }

  #take(text: string, onEvent: (event: Event) => void): void {
    const line = JSON.parse(text) as Line;
    if (line.id === undefined) {
      onEvent(line as Event);
      return;
    }
    const waiting = this.#waiting.get(line.id);
    this.#waiting.delete(line.id);
    if (line.failed === undefined) waiting?.resolve(line.done);
    else waiting?.reject(new Error(`${this.name}: ${line.failed}`));
  }

  #fail(why: string): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new Error(why));
    this.#waiting.clear();
  }
}
