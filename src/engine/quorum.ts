/**
 * The majority behind a member of a strict group: it may be active only while more than half of the voters (members and
 * witness, itself included) have promised it the group. Each promise counts from before it was asked for, and for less than
 * it lasts at the voter: whatever the clocks do within their drift, it is over here first.
 */
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  type NodeId,
  noTerm,
  PromiseWord,
  type Term,
} from '../wire/control/message.ts';
import type { QuorumConfig } from './config.ts';
import { slotUs } from './context.ts';
import type { Member } from './member.ts';
import { type Instant, instant, later } from './time.ts';
import type { Timer } from './timers.ts';
import { driftUs, type Voter } from './voter.ts';

/** Requests whose answers still count. */
const rememberedMax = 64;
/** A promise is renewed so often in its life, where heartbeats come no more seldom. */
export const promiseRenewals = 6;
/** How often a promise is given back: the datagram may be lost, and others wait for it. */
const farewells = 3;

type Phase =
  | 'idle'
  /** It is our turn: the voters are asked until a majority has promised. */
  | 'canvassing'
  /** We have, or had, the role: what was promised is renewed. */
  | 'relying';

export class Quorum {
  readonly #member: Member;
  readonly #voter: Voter;
  readonly #lost: () => void;
  readonly #again: Timer;
  readonly #end: Timer;
  readonly #patience: Timer;
  #phase: Phase = 'idle';
  #term: Term = noTerm;
  /** Until when each voter's promise counts. */
  readonly #promises = new Map<NodeId, Instant>();
  /** When each request was made, by its number. */
  readonly #asked = new Map<number, Instant>();
  #identification = 0;
  #wanted = false;
  #farewellsLeft = 0;
  #farewell: PromiseWord = PromiseWord.giveBack;
  #said: Instant = instant(0);

  /** `lost`: we are active no longer, for want of a majority. */
  constructor(member: Member, voter: Voter, lost: () => void) {
    this.#member = member;
    this.#voter = voter;
    this.#lost = lost;
    const { timers } = member.context;
    this.#again = timers.create('promises', () => this.#round());
    this.#end = timers.create('majority', () => this.#over());
    this.#patience = timers.create('canvass', () => this.#inVain());
    voter.rivalled = (by) => this.#rivalled(by);
  }

  /** The term that was promised to us. */
  get term(): Term {
    return this.#term;
  }

  /** Until when a majority's promises last; in the past when there is none. */
  get until(): Instant {
    const { voters } = this.#config;
    const ends = [...this.#promises.values()].sort((a, b) => b - a);
    return ends[Math.floor(voters.length / 2)] ?? instant(0);
  }

  /** Our turn has come, and has not passed: asked after every turn of the loop. True once a majority has promised. */
  canvass(): boolean {
    const { context } = this.#member;
    this.#wanted = true;
    if (this.#phase === 'idle' && !this.#begin()) return false;
    // What is about to run out is not worth an announcement.
    return this.until > later(context.now, this.#renewUs);
  }

  /** At the end of a turn: a canvass that nobody asked for in it is over. */
  settle(): void {
    if (this.#phase === 'canvassing' && !this.#wanted) this.#giveBack(PromiseWord.abandon);
    this.#wanted = false;
  }

  /** The fence is being opened. */
  rely(): void {
    const { context } = this.#member;
    this.#patience.cancel();
    this.#phase = 'relying';
    this.#said = this.until;
    this.#end.arm(this.until);
    this.#again.arm(later(context.now, this.#renewUs));
  }

  /** The fence is closed. */
  release(): void {
    if (this.#phase !== 'idle') this.#giveBack(PromiseWord.giveBack);
  }

  answered(from: NodeId, { promise, term }: ControlMessage): void {
    const askedAt = promise === undefined ? undefined : this.#asked.get(promise.identification);
    if (promise === undefined || askedAt === undefined || this.#phase === 'idle') return;
    if (!this.#config.voters.includes(from)) return;
    const { word, durationUs } = promise;
    if (word === PromiseWord.given) {
      this.#promised(from, later(askedAt, durationUs - driftUs(durationUs, this.#config)));
    } else if (word === PromiseWord.lowerTerm && this.#phase === 'canvassing') {
      this.#goAbove(term);
    }
  }

  get #config(): QuorumConfig {
    return this.#voter.config;
  }

  get #self(): NodeId {
    return this.#member.context.config.self;
  }

  get #renewUs(): number {
    const { heartbeatIntervalUs } = this.#member.context.config;
    return Math.max(heartbeatIntervalUs, Math.floor(this.#config.promiseUs / promiseRenewals));
  }

  #begin(): boolean {
    const { context, id, turn } = this.#member;
    const busyUntil = this.#voter.busyUntil(this.#self);
    if (busyUntil !== undefined) {
      turn.arm(busyUntil);
      return false;
    }
    const { term, reserved } = context.terms.next(id);
    // The disk must know it first; the answer wakes us.
    if (!reserved) return false;
    this.#phase = 'canvassing';
    this.#term = term;
    this.#farewellsLeft = 0;
    // Whoever was active may have been promised everything a moment ago.
    this.#patience.arm(later(context.now, this.#config.promiseUs + slotUs(context.config)));
    this.#round();
    return true;
  }

  /** Two that ask at once may each get some of the votes, and neither enough: the one behind leaves it to the other. */
  #rivalled(by: NodeId): void {
    if (this.#phase !== 'canvassing' || !this.#member.isAhead(by, this.#self)) return;
    const { members } = this.#member.config;
    const ahead = members.filter(({ id }) => id !== this.#self && this.#member.isAhead(id, this.#self));
    this.#stepBack(1 + ahead.length);
  }

  /** Whoever cannot get enough leaves it to all others for a while, also to those behind. */
  #inVain(): void {
    if (this.#phase === 'canvassing') this.#stepBack(1 + this.#member.config.members.length);
  }

  #stepBack(slots: number): void {
    this.#giveBack(PromiseWord.abandon);
    this.#member.pause(slots * slotUs(this.#member.context.config));
  }

  /** Somebody knows of a higher term, though nobody is heard to hold it. */
  #goAbove(term: Term): void {
    const { context, id } = this.#member;
    if (compareTerms(term, this.#term) <= 0) return;
    context.terms.raise(id, term);
    this.#giveBack(PromiseWord.abandon);
    this.#begin();
  }

  /** Each voter is asked; in the last phase, told that its promise is not needed any more. */
  #round(): void {
    const { context } = this.#member;
    if (this.#phase === 'idle') {
      if (this.#farewellsLeft === 0) return;
      this.#farewellsLeft--;
      this.#tell(this.#farewell, 0);
      this.#again.arm(later(context.now, context.config.heartbeatIntervalUs));
      return;
    }
    this.#tell(PromiseWord.ask, this.#config.promiseUs);
    this.#vote();
    const relying = this.#phase === 'relying';
    this.#again.arm(later(context.now, relying ? this.#renewUs : context.config.heartbeatIntervalUs));
  }

  #tell(word: PromiseWord, durationUs: number): void {
    const { context, id: group, wireState: state } = this.#member;
    this.#identification++;
    const identification = this.#identification;
    if (word === PromiseWord.ask) {
      this.#asked.set(identification, context.now);
      this.#asked.delete(identification - rememberedMax);
    }
    for (const peer of this.#config.voters) {
      if (peer === this.#self) continue;
      context.emit({
        kind: 'send',
        peer,
        type: ControlType.promiseRequest,
        group,
        term: this.#term,
        state,
        target: 0,
        promise: { identification, durationUs, word },
      });
    }
  }

  #promised(from: NodeId, until: Instant): void {
    const { context } = this.#member;
    if (until <= (this.#promises.get(from) ?? context.now)) return;
    this.#promises.set(from, until);
    this.#extend();
  }

  #vote(): void {
    const { context } = this.#member;
    const { promiseUs } = this.#config;
    if (this.#voter.ask(this.#self, this.#term) !== PromiseWord.given) return;
    this.#promises.set(this.#self, later(context.now, promiseUs - driftUs(promiseUs, this.#config)));
  }

  #extend(): void {
    const { context, id: group } = this.#member;
    const { until } = this;
    if (this.#phase !== 'relying' || until <= this.#said) return;
    this.#said = until;
    this.#end.arm(until);
    context.emit({ kind: 'extend', group, until });
  }

  #over(): void {
    if (this.#phase === 'relying') this.#lost();
  }

  #giveBack(word: PromiseWord): void {
    const { context } = this.#member;
    this.#phase = 'idle';
    this.#promises.clear();
    // What was promised in answer to them is given back, though it be on its way still.
    this.#asked.clear();
    this.#end.cancel();
    this.#patience.cancel();
    this.#voter.giveBack(this.#self, word);
    this.#farewell = word;
    this.#farewellsLeft = farewells - 1;
    this.#tell(word, 0);
    this.#again.arm(later(context.now, context.config.heartbeatIntervalUs));
  }
}
