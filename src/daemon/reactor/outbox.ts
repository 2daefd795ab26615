/** What the reactor has to say to the other thread: what others wait for after this turn, reports a little later. */
import type { Report } from '../../engine/effect.ts';
import { monotonicUs } from '../../linux/clock.ts';
import type { FromReactor, ReactorReport } from '../bridge.ts';

/**
 * Reports wait for so long, microseconds: by then a takeover is over. Until then the other thread would compete with the
 * kernel's own threads, which tell us of a lost carrier, and copying the reports would make the turn longer.
 */
const reportDelayUs = 20_000;

export class Outbox {
  readonly #send: (message: FromReactor) => void;
  readonly #urgent: FromReactor[] = [];
  readonly #reports: FromReactor[] = [];
  #dueUs = Number.POSITIVE_INFINITY;

  constructor(send: (message: FromReactor) => void) {
    this.#send = send;
  }

  /** When reports must be sent. */
  get dueUs(): number {
    return this.#dueUs;
  }

  /** Goes out at the end of the turn. */
  push(message: FromReactor): void {
    this.#urgent.push(message);
  }

  /** Stamped now. */
  report(report: Report | ReactorReport): void {
    const atUs = monotonicUs();
    this.#reports.push({ kind: 'report', atUs, report });
    this.#dueUs = Math.min(this.#dueUs, atUs + reportDelayUs);
  }

  /** The end of a turn. */
  proceed(nowUs: number): void {
    if (nowUs >= this.#dueUs) this.sendReports();
    this.#empty(this.#urgent);
  }

  sendReports(): void {
    this.#dueUs = Number.POSITIVE_INFINITY;
    this.#empty(this.#reports);
  }

  #empty(messages: FromReactor[]): void {
    for (const message of messages) this.#send(message);
    messages.length = 0;
  }
}
