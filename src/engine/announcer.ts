/**
 * Announcements while active: the first, the repetitions, those that evidence asks for, and those against somebody else's
 * claim. Never after the role is lost.
 *
 * Claims are answered by RFC 5227 §2.4 (c), which gives nothing up, with a bound of its own: a claim that comes within
 * `defendIntervalUs` of our last word is answered when that is over, so that hosts do not keep the other's word; and in a
 * contest that goes on, the interval doubles with each answer, up to `contestMax` of them. So two machines that both defend
 * an address for ever exchange one announcement each per `contestMax` intervals in the end.
 */
import type { GroupId, NodeId, Term } from '../wire/control/message.ts';
import { type Context, slotUs } from './context.ts';
import { type Instant, instant, later } from './time.ts';
import type { Timer } from './timers.ts';

/**
 * The longest interval between two answers of a contest, in `defendIntervalUs`: hosts that believe the other stay dark for as
 * long, so with 1 s it is just under RFC 5227's DEFEND_INTERVAL of 10 s. A rest of two intervals ends a contest.
 */
const contestMax = 8;

export class Announcer {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #term: () => Term;
  readonly #repeat: Timer;
  readonly #defence: Timer;
  readonly #contest: Timer;
  readonly #reclaim: Timer;
  #begun: Instant | undefined;
  #round = 0;
  #defended: Instant | undefined;
  /** The last claim of the contest, and the interval in `defendIntervalUs` that its next answer keeps. */
  #claimed: Instant | undefined;
  #contestIntervals = 1;
  #noted: Instant | undefined;
  #reclaimed: Instant | undefined;
  /** Nodes of ours that speak by a lower term. */
  readonly #rivals: Set<NodeId> = new Set();

  constructor(context: Context, group: GroupId, term: () => Term) {
    this.#context = context;
    this.#group = group;
    this.#term = term;
    this.#repeat = context.timers.create('announce', () => this.#again());
    this.#defence = context.timers.create('defend', () => this.#defend());
    this.#contest = context.timers.create('contest', () => this.#answer());
    this.#reclaim = context.timers.create('reclaim', () => this.#takeBack());
  }

  /**
   * The first announcement of an activation. The caller reports it by `reportFirst` when everything urgent is said. `rivals`: nodes
   * of ours that spoke by a lower term when they were last heard.
   */
  begin(rivals: readonly NodeId[] = []): void {
    for (const rival of rivals) this.#rivals.add(rival);
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
    this.#claimed = undefined;
    for (const timer of [this.#repeat, this.#defence, this.#contest, this.#reclaim]) timer.cancel();
    this.#rivals.clear();
  }

  /**
   * Another node of ours speaks for the group by a lower term: it has not heard of ours yet. What it says until it has, hosts
   * hear last. One that never hears is answered as seldom as hosts are told anything again.
   */
  opposed(by: NodeId): void {
    if (this.#begun === undefined) return;
    if (this.#rivals.has(by)) return this.defend();
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

  /** Hosts may have been told otherwise: all is said again, at most once per `defendIntervalUs`. */
  defend(): void {
    if (this.#begun === undefined) return;
    const next = this.#after(1);
    if (next > this.#context.now) this.#defence.arm(next);
    else this.#defend();
  }

  /** Somebody else claims an address. `by`: another place of the group, or 0. Answered not before `afterUs`. */
  contest(by: NodeId | 0, afterUs = 0): void {
    this.noteClaim(by);
    if (this.#begun === undefined) return;
    const { now, config } = this.#context;
    const restUs = 2 * this.#contestIntervals * config.defendIntervalUs;
    if (this.#claimed === undefined || now - this.#claimed > restUs) this.#contestIntervals = 1;
    this.#claimed = now;
    const next = instant(Math.max(this.#after(this.#contestIntervals), later(now, afterUs)));
    if (next > now) this.#contest.arm(next);
    else this.#answer();
  }

  /** Another place's claim is reported at most once per `defendIntervalUs`. */
  noteClaim(by: NodeId | 0): void {
    const { now, config } = this.#context;
    if (by === 0 || (this.#noted !== undefined && now < later(this.#noted, config.defendIntervalUs))) return;
    this.#noted = now;
    this.#context.report({ code: 'claimed', group: this.#group, member: by });
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
    this.#defence.cancel();
    this.#contest.cancel();
    this.#context.emit({ kind: 'announce', group: this.#group, ask: true });
    this.#report();
  }

  #answer(): void {
    this.#defended = this.#context.now;
    this.#contestIntervals = Math.min(2 * this.#contestIntervals, contestMax);
    this.#contest.cancel();
    this.#context.emit({ kind: 'announce', group: this.#group, ask: false });
    this.#report();
  }

  /** All of it anew: one announcement alone may be lost, and nobody would say it again. */
  #takeBack(): void {
    this.#reclaimed = this.#context.now;
    this.#begun = this.#context.now;
    this.#round = 0;
    this.#context.emit({ kind: 'announce', group: this.#group, ask: true });
    this.#report();
    this.#arm();
  }

  /** So many intervals after our last defence. */
  #after(intervals: number): Instant {
    const { now, config } = this.#context;
    return this.#defended === undefined ? now : later(this.#defended, intervals * config.defendIntervalUs);
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
