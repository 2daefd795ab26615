/** A host's program at work: it opens sessions one after the other, or a single one, and uses each until it is told to stop. */
import { SessionLog } from './session-log.ts';

export type UsageName = 'administration' | 'calls' | 'feed' | 'download';

/**
 * Uses one session until it is over, or ends it in order once `stop` is aborted. Rejects, with the reason, when it is lost.
 */
export type Work = (log: SessionLog, stop: AbortSignal) => Promise<void>;

export class Usage {
  readonly name: UsageName;
  /** The program that has the connection. */
  readonly by: 'node' | 'nc' | 'curl';
  readonly sessions: SessionLog[] = [];
  readonly #work: Work;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(o: { readonly name: UsageName; readonly by: Usage['by']; readonly work: Work }) {
    this.name = o.name;
    this.by = o.by;
    this.#work = o.work;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** The session in use: whether something that it awaited from `sinceUs` on has come; undefined when it is lost. */
  provenSince(sinceUs: number): boolean | undefined {
    const log = this.sessions.at(-1);
    if (log?.lost !== undefined) return undefined;
    return log !== undefined && log.provenUs >= sinceUs;
  }

  /** Resolves when the last session has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /** Who lost a session opens no other one: it would hide the loss. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const log = new SessionLog();
      this.sessions.push(log);
      try {
        await this.#work(log, signal);
        log.end();
      } catch (error) {
        log.lose(error instanceof Error ? error.message : String(error));
        return;
      }
    }
  }
}
