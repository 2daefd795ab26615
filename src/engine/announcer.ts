/** Announcements while active: the first, the repetitions, and those that evidence asks for. Never after the role is lost. */
import type { GroupId, NodeId, Term } from '../wire/control/message.ts';
import { type Context, slotUs } from './context.ts';
import { type Instant, instant, later } from './time.ts';
import type { Timer } from './timers.ts';

export class Announcer {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #term: () => Term;
  readonly #repeat: Timer;
  readonly #defence: Timer;
  readonly #reclaim: Timer;
  #begun: Instant | undefined;
  #round = 0;
  #defended: Instant | undefined;
  #reclaimed: Instant | undefined;
  readonly #rivals: Set<NodeId> = new Set();
  #ask = false;

  constructor(context: Context, group: GroupId, term: () => Term) {
    this.#context = context;
    this.#group = group;
    this.#term = term;
    this.#repeat = context.timers.create('announce', () => this.#again());
    this.#defence = context.timers.create('defend', () => this.#defend());
    this.#reclaim = context.timers.create('reclaim', () => this.#takeBack());
  }

  /** The first announcement of an activation. The caller reports it by `reportFirst` when everything urgent is said. */
  begin(): void {
    this.#begun = this.#context.now;
    this.#round = 0;
    this.#defended = this.#context.now;
    this.#reclaimed = this.#context.now;
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
    this.#reclaim.cancel();
    this.#rivals.clear();
  }

  /**
   * Another node of ours speaks for the group by a lower term: it has not heard of ours yet. What it says until it has, hosts
   * hear last. One that never hears is answered as often as any other claimant.
   */
  opposed(by: NodeId): void {
    if (this.#begun === undefined) return;
    if (this.#rivals.has(by)) return this.defend(true);
    this.#rivals.add(by);
    this.#defended = this.#context.now;
    this.reclaim();
    // The sooner it hears of our term, the sooner it is silent.
    this.#context.beatDue = true;
  }

  /** That node does not speak any more. */
  unopposed(by: NodeId): void {
    if (this.#rivals.delete(by)) this.reclaim();
  }

  /**
   * Another node of ours may have spoken where we did not hear it, and is silent now: hosts that believe it are in the dark.
   * Terms decide between the two, so they cannot storm as two claimants do, and hosts need not wait for the interval of a
   * defence: once in a slot.
   */
  reclaim(): void {
    if (this.#begun === undefined) return;
    const { now, config } = this.#context;
    const next = this.#reclaimed === undefined ? now : later(this.#reclaimed, slotUs(config));
    if (next > now) this.#reclaim.arm(next);
    else this.#takeBack();
  }

  /**
   * Hosts may have been told otherwise, by whomever. At most one answer per `defendIntervalUs`; what comes sooner is answered when the
   * interval is over, so that the last word is ours and two claimants still cannot storm. Never before `afterUs`.
   */
  defend(ask: boolean, afterUs = 0): void {
    if (this.#begun === undefined) return;
    this.#ask ||= ask;
    const { now, config } = this.#context;
    const allowed = this.#defended === undefined ? now : later(this.#defended, config.defendIntervalUs);
    const next = instant(Math.max(allowed, later(now, afterUs)));
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

  #takeBack(): void {
    this.#reclaimed = this.#context.now;
    this.#context.emit({ kind: 'announce', group: this.#group, ask: true });
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
