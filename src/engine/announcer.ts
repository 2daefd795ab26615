/** Announcements while active: the first, the repetitions, and those that evidence asks for. Never after the role is lost. */
import type { GroupId, Term } from '../wire/control/message.ts';
import type { Context } from './context.ts';
import { type Instant, later } from './time.ts';
import type { Timer } from './timers.ts';

export class Announcer {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #term: () => Term;
  readonly #repeat: Timer;
  readonly #defence: Timer;
  #begun: Instant | undefined;
  #round = 0;
  #defended: Instant | undefined;
  #ask = false;

  constructor(context: Context, group: GroupId, term: () => Term) {
    this.#context = context;
    this.#group = group;
    this.#term = term;
    this.#repeat = context.timers.create('announce', () => this.#again());
    this.#defence = context.timers.create('defend', () => this.#defend());
  }

  /** The first announcement of an activation. The caller reports it by `reportFirst` when everything urgent is said. */
  begin(): void {
    this.#begun = this.#context.now;
    this.#round = 0;
    this.#defended = this.#context.now;
    this.#context.emit({ kind: 'announce', group: this.#group, ask: true });
    this.#arm();
  }

  reportFirst(): void {
    this.#report();
  }

  cancel(): void {
    this.#begun = undefined;
    this.#repeat.cancel();
    this.#defence.cancel();
  }

  /**
   * Hosts may have been told otherwise. At most one answer per `defendIntervalUs`; what comes sooner is answered when the
   * interval is over, so that the last word is ours and two claimants still cannot storm.
   */
  defend(ask: boolean): void {
    if (this.#begun === undefined) return;
    this.#ask ||= ask;
    const { now, config } = this.#context;
    const next = this.#defended === undefined ? now : later(this.#defended, config.defendIntervalUs);
    if (next > now) this.#defence.arm(next);
    else this.#defend();
  }

  /** The schedule changed: what is still to come follows the new one. */
  reschedule(): void {
    if (this.#begun !== undefined) this.#arm();
  }

  #again(): void {
    this.#round++;
    this.#context.emit({ kind: 'announce', group: this.#group, ask: true });
    this.#report();
    this.#arm();
  }

  #defend(): void {
    this.#defended = this.#context.now;
    this.#context.emit({ kind: 'announce', group: this.#group, ask: this.#ask });
    this.#ask = false;
    this.#report();
  }

  #arm(): void {
    const afterUs = this.#context.config.announceScheduleUs[this.#round];
    if (this.#begun === undefined || afterUs === undefined) this.#repeat.cancel();
    else this.#repeat.arm(later(this.#begun, afterUs));
  }

  #report(): void {
    this.#context.report({ code: 'announced', group: this.#group, term: this.#term(), round: this.#round });
  }
}
