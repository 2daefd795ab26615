/** Starts a relay for each mirrored group, and another one when it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface SupervisorListener {
  /** What the process said before it ended, and how that was. */
  ended(group: string, how: string): void;
}

/** Pauses before the next start, milliseconds: longer each time, unless the relay lived for `goodMs`. */
const pause = { firstMs: 100, mostMs: 5000, goodMs: 10_000 } as const;
const lastWordsMax = 2000;
const niceness = -10;

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const commandLine = fileURLToPath(new URL(`../../cli/main.${extension}`, import.meta.url));

export class RelaySupervisor {
  readonly #socket: string;
  readonly #listener: SupervisorListener;
  readonly #children = new Map<string, ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #restarts = new Map<string, number>();
  #stopped = false;

  /** `socket`: the daemon's control socket. */
  constructor(socket: string, listener: SupervisorListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  start(group: string, pauseMs: number = pause.firstMs): void {
    if (this.#stopped) return;
    const startedMs = performance.now();
    const args = [...process.execArgv, commandLine, 'relay', group, '--socket', this.#socket];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.set(group, child);
    // Every packet of the service waits for it. Behind the daemon's own threads, all the same.
    if (child.pid !== undefined) attemptPriority(child.pid);
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-lastWordsMax);
    });
    let over = false;
    const ended = (how: string): void => {
      if (over) return;
      over = true;
      this.#children.delete(group);
      if (this.#stopped) return;
      this.#listener.ended(group, words.trim() === '' ? how : `${how}: ${words.trim()}`);
      const good = performance.now() - startedMs >= pause.goodMs;
      const next = good ? pause.firstMs : pauseMs;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#restarts.set(group, this.restarts(group) + 1);
        this.start(group, Math.min(next * 2, pause.mostMs));
      }, next);
      this.#timers.add(timer);
    };
    child.once('error', (error) => ended(error.message));
    child.once('close', (code, signal) => ended(`it ended with ${code ?? signal}`));
  }

  /** How often the group's relay was started again. */
  restarts(group: string): number {
    return this.#restarts.get(group) ?? 0;
  }

  /** No relay is started any more. */
  hold(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Those that still run are ended at once. */
  end(): void {
    this.hold();
    for (const child of this.#children.values()) child.kill('SIGKILL');
  }
}

/** Where the kernel shares time among sessions first (sched(7), autogroup), it is the session's niceness that counts. */
function attemptPriority(pid: number): void {
  try {
    setPriority(pid, niceness);
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch {
    // It ended already: 'close' tells. Or there are no such groups.
  }
}
