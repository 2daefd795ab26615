/**
 * Programs that want to be told before a planned switchover, so that they can hand their state over first. Each follows
 * its group's notices and answers each; nobody waits for one longer than `handoffMs`, or for one that has gone.
 */
import type { HandoffNotice } from '../api/types.ts';

/** A program's connection. */
export interface HandoffFollower {
  notice(notice: HandoffNotice): void;
  /** No more notices will come. */
  end(): void;
}

/** A notice that is not answered yet. */
interface Open {
  readonly group: string;
  readonly follower: HandoffFollower;
  readonly answered: () => void;
}

export class HandoffDesk {
  readonly #followers = new Map<HandoffFollower, string>();
  readonly #open = new Map<number, Open>();
  #last = 0;

  get followed(): boolean {
    return this.#followers.size > 0;
  }

  /** Returns what ends the following. */
  follow(group: string, follower: HandoffFollower): () => void {
    this.#followers.set(follower, group);
    return () => {
      this.#followers.delete(follower);
      for (const open of this.#open.values()) if (open.follower === follower) open.answered();
    };
  }

  /** A program has handed over. False: nobody waits for this answer (any more). */
  done(group: string, id: number): boolean {
    const open = this.#open.get(id);
    if (open?.group !== group) return false;
    open.answered();
    return true;
  }

  /**
   * Tells the group's programs, and resolves when each has answered or gone: to true, or to false after `withinMs`. At once
   * when there are none.
   */
  async prepare(group: string, to: string | null, withinMs: number): Promise<boolean> {
    const told = [...this.#followers].filter(([, of]) => of === group).map(([follower]) => follower);
    if (told.length === 0 || withinMs === 0) return true;
    const first = this.#last + 1;
    const answers = told.map((follower) => this.#tell(follower, group, to, withinMs));
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), withinMs);
    const ready = await Promise.race([Promise.all(answers).then(() => true), late.promise]);
    clearTimeout(timer);
    for (let id = first; id < first + told.length; id++) this.#open.delete(id);
    return ready;
  }

  end(): void {
    for (const follower of this.#followers.keys()) follower.end();
  }

  #tell(follower: HandoffFollower, group: string, to: string | null, withinMs: number): Promise<void> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      const answered = (): void => {
        this.#open.delete(id);
        resolve();
      };
      this.#open.set(id, { group, follower, answered });
      follower.notice({ id, group, to, withinMs });
    });
  }
}
