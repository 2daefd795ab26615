/**
 * One vote in a strict group: promises it to one member at a time, for a duration on our own clock, never by date. A
 * promise is kept whatever happens to us: a later life waits until the longest one it may have given has run out.
 */
import {
  type BootNonce,
  type ControlMessage,
  ControlType,
  compareTerms,
  type GroupId,
  MemberState,
  type NodeId,
  noTerm,
  PromiseWord,
  type Term,
} from '../wire/control/message.ts';
import type { QuorumConfig } from './config.ts';
import type { Context } from './context.ts';
import type { PeerWatch } from './peer.ts';
import { type Instant, instant, later } from './time.ts';

/** The last request that was answered: datagrams of several paths overtake each other. */
interface Heard {
  readonly boot: BootNonce;
  readonly identification: number;
}

export interface VoteSnapshot {
  readonly id: GroupId;
  /** 0: to nobody. */
  readonly promisedTo: NodeId | 0;
  readonly remainingUs: number;
}

export class Voter {
  config: QuorumConfig;
  /** Another one asks while we may be asking, too: set by our own part in the group. */
  rivalled: (by: NodeId) => void = () => {};
  readonly #context: Context;
  readonly #group: GroupId;
  /** Before it we promise nothing. */
  readonly #quietUntil: Instant;
  readonly #heard = new Map<NodeId, Heard>();
  #to: NodeId | 0 = 0;
  #until: Instant = instant(0);
  /** The highest term that was promised, and what it was before the present promise. */
  #highest: Term = noTerm;
  #before: Term = noTerm;

  constructor(context: Context, group: GroupId, config: QuorumConfig) {
    this.#context = context;
    this.#group = group;
    this.config = config;
    this.#quietUntil = later(context.now, config.promiseUs + driftUs(config.promiseUs, config));
  }

  /** Until when nobody but `member` can get the vote; undefined: it is free for it. */
  busyUntil(member: NodeId): Instant | undefined {
    const { now } = this.#context;
    if (now < this.#quietUntil) return this.#quietUntil;
    return this.#to !== member && now < this.#until ? this.#until : undefined;
  }

  /** Asked by a member, ourselves included. `given`: until now + `promiseUs`. */
  ask(from: NodeId, term: Term): PromiseWord {
    const { terms, now } = this.#context;
    if (this.busyUntil(from) !== undefined)
      return now < this.#quietUntil ? PromiseWord.unable : PromiseWord.taken;
    if (compareTerms(term, this.#known) < 0) return PromiseWord.lowerTerm;
    terms.raise(this.#group, term);
    // After a restart nothing lower may be promised: the disk must know it first.
    if (!terms.covers(term)) return PromiseWord.unable;
    if (this.#to !== from) this.#before = this.#highest;
    this.#to = from;
    this.#until = later(now, this.config.promiseUs);
    this.#highest = term;
    return PromiseWord.given;
  }

  giveBack(from: NodeId, word: PromiseWord): void {
    if (this.#to !== from) return;
    this.#to = 0;
    this.#until = instant(0);
    if (word === PromiseWord.abandon) this.#highest = this.#before;
  }

  request(peer: PeerWatch, message: ControlMessage): void {
    const { promise, term, senderBoot: boot } = message;
    if (promise === undefined || !this.config.members.includes(peer.id)) return;
    const { identification } = promise;
    const last = this.#heard.get(peer.id);
    if (last !== undefined && last.boot === boot && identification < last.identification) return;
    this.#heard.set(peer.id, { boot, identification });
    if (promise.word !== PromiseWord.ask) return this.giveBack(peer.id, promise.word);
    this.rivalled(peer.id);
    const word = this.ask(peer.id, term);
    const durationUs = word === PromiseWord.given ? this.config.promiseUs : 0;
    this.#context.emit({
      kind: 'send',
      peer: peer.id,
      type: ControlType.promise,
      group: this.#group,
      term: this.#known,
      state: MemberState.starting,
      target: 0,
      promise: { identification, durationUs, word },
    });
  }

  /** Whom the group is promised to now, and how much longer. */
  snapshot(): VoteSnapshot {
    const { now } = this.#context;
    const promised = now < this.#until;
    return {
      id: this.#group,
      promisedTo: promised ? this.#to : 0,
      remainingUs: promised ? this.#until - now : 0,
    };
  }

  get #known(): Term {
    const seen = this.#context.terms.seen(this.#group);
    return compareTerms(seen, this.#highest) > 0 ? seen : this.#highest;
  }
}

/**
 * What two clocks may differ by over a duration, microseconds: each runs too fast or too slow by up to `driftPpm`. Whoever
 * was promised something relies on it for so much less, counted from before it asked.
 */
export function driftUs(durationUs: number, { driftPpm }: QuorumConfig): number {
  return Math.ceil((durationUs * 2 * driftPpm) / 1_000_000) + 1;
}
