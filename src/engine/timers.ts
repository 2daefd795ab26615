/** Named timers: the engine's only way to be woken. They never fire by themselves; `fire` is told the time. */
import type { Instant } from './time.ts';

export class Timer {
  readonly name: string;
  readonly #onDue: (now: Instant) => void;
  #at: Instant | undefined;

  constructor(name: string, onDue: (now: Instant) => void) {
    this.name = name;
    this.#onDue = onDue;
  }

  get at(): Instant | undefined {
    return this.#at;
  }

  arm(at: Instant): void {
    this.#at = at;
  }

  cancel(): void {
    this.#at = undefined;
  }

  fire(now: Instant): void {
    if (this.#at === undefined || this.#at > now) return;
    this.#at = undefined;
    this.#onDue(now);
  }
}

export class Timers {
  readonly #all: Timer[] = [];

  create(name: string, onDue: (now: Instant) => void): Timer {
    const timer = new Timer(name, onDue);
    this.#all.push(timer);
    return timer;
  }

  /** The earliest armed deadline. There are a few timers per group, so a scan costs less than keeping a heap. */
  next(): Instant | undefined {
    let next: Instant | undefined;
    for (const { at } of this.#all) if (at !== undefined && (next === undefined || at < next)) next = at;
    return next;
  }

  /** Each due timer once, in the order of creation; one re-armed for a past moment waits for the next turn. */
  fire(now: Instant): void {
    for (const timer of this.#all) timer.fire(now);
  }
}
