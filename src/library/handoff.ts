/**
 * `handoff`: a program's own checkpoint (the patent's register values and program counter), asked for now and then, and
 * before a planned switchover, and found by the program that takes over.
 */
import type { HandoffNotice } from '../api/types.ts';
import type { MirroredCell } from './cell.ts';
import type { Control } from './control.ts';

export interface HandoffOptions<Checkpoint> {
  /** Yields the checkpoint: bytes, or anything that can be cloned. Asked only while active. */
  readonly snapshot: () => Checkpoint | Promise<Checkpoint>;
  /** How often it is asked for besides planned switchovers. Default 1000; 0: never. */
  readonly everyMs?: number;
}

/** What the handoff needs of the shadow it belongs to. */
export interface HandoffOwner {
  readonly active: boolean;
  commit(): Promise<unknown>;
  trouble(what: string): void;
}

/** How long until an unreachable daemon is asked again for its notices, milliseconds. */
const retryMs = 200;

export class Handoff<Checkpoint> {
  readonly #options: HandoffOptions<Checkpoint>;
  readonly #cell: MirroredCell<Checkpoint>;
  readonly #owner: HandoffOwner;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HandoffOptions<Checkpoint>, cell: MirroredCell<Checkpoint>, owner: HandoffOwner) {
    this.#options = options;
    this.#cell = cell;
    this.#owner = owner;
  }

  /** Asks now and then, and follows the daemon's notices until `close`. */
  async run(control: Control, group: string): Promise<void> {
    this.#schedule();
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const path = `/v1/handoff?group=${encodeURIComponent(group)}`;
        for await (const { id } of control.lines<HandoffNotice>(path, signal)) {
          // The switchover waits for the answer, so it is given in any case.
          await this.#take();
          await control.post('/v1/handoff', { group, id });
        }
      } catch {
        // The daemon does not answer: whoever follows the role says so.
      }
      await new Promise((resolve) => setTimeout(resolve, signal.aborted ? 0 : retryMs));
    }
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    const { everyMs = 1000 } = this.#options;
    if (everyMs === 0 || this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#take().then(() => this.#schedule()), everyMs);
  }

  /** Takes a checkpoint and resolves when it is committed, or will not be. */
  async #take(): Promise<void> {
    if (!this.#owner.active) return;
    try {
      const checkpoint = await this.#options.snapshot();
      if (!this.#owner.active) return;
      this.#cell.set(checkpoint);
      await this.#owner.commit();
    } catch (error) {
      if (this.#owner.active) this.#owner.trouble(`no checkpoint: ${String(error)}`);
    }
  }
}
