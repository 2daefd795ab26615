/**
 * Runs one check on a fixed grid of moments (start + n × interval, so that it does not drift), one run at a time, and
 * applies rise and fall. The first outcome decides at once: a machine that starts knows its state after one run.
 */
import type { CheckEntry } from '../config/format.ts';
import type { CheckOutcome, CheckRun } from './check.ts';

export interface CheckState {
  readonly healthy: boolean;
  /** What the last run said; null before the first. */
  readonly detail: string | null;
}

/** Milliseconds of a monotonic clock. */
type Clock = () => number;

export class CheckSchedule {
  readonly #entry: CheckEntry;
  readonly #run: CheckRun;
  readonly #onChange: (state: CheckState, outcome: CheckOutcome) => void;
  readonly #clock: Clock;
  #state: CheckState = { healthy: false, detail: null };
  #streak = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: AbortController | undefined;
  #stopped = true;

  /** `onChange` is called when `healthy` changes and after the first run. */
  constructor(
    entry: CheckEntry,
    run: CheckRun,
    onChange: (state: CheckState, outcome: CheckOutcome) => void,
    clock: Clock = () => performance.now(),
  ) {
    this.#entry = entry;
    this.#run = run;
    this.#onChange = onChange;
    this.#clock = clock;
  }

  get state(): CheckState {
    return this.#state;
  }

  start(): void {
    this.#stopped = false;
    void this.#round(this.#clock(), 0);
  }

  /** Also ends the run under way, whose outcome no longer counts. A stopped schedule does not start again. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#running?.abort();
  }

  async #round(startMs: number, turn: number): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    const timeout = setTimeout(() => running.abort(), this.#entry.timeoutMs);
    const outcome = await this.#run(running.signal);
    clearTimeout(timeout);
    if (this.#stopped) return;
    this.note(outcome);
    const elapsedMs = this.#clock() - startMs;
    const next = Math.max(turn + 1, Math.ceil(elapsedMs / this.#entry.intervalMs));
    const waitMs = next * this.#entry.intervalMs - elapsedMs;
    this.#timer = setTimeout(() => void this.#round(startMs, next), waitMs);
  }

  /** Counts one outcome. */
  note(outcome: CheckOutcome): void {
    const first = this.#state.detail === null;
    const { healthy } = this.#state;
    this.#streak = outcome.ok === healthy ? 0 : this.#streak + 1;
    const needed = healthy ? this.#entry.fall : this.#entry.rise;
    const turned = first ? outcome.ok : this.#streak >= needed;
    if (turned) this.#streak = 0;
    this.#state = { healthy: turned ? !healthy : healthy, detail: outcome.detail };
    if (turned || first) this.#onChange(this.#state, outcome);
  }
}
