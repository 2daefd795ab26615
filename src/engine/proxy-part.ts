/** This node's part as a proxy of one group: its state, whom it serves by which term, and the steps decisions are made of. */
import {
  flagElsewhere,
  flagProxy,
  type GroupId,
  type GroupRecord,
  MemberState,
  type NodeId,
  noTerm,
  type Term,
} from '../wire/control/message.ts';
import { Announcer } from './announcer.ts';
import { type Context, slotUs } from './context.ts';
import type { ProxyStateName } from './effect.ts';
import { Presence } from './presence.ts';
import { later } from './time.ts';
import type { Timer } from './timers.ts';
import { becomeProxy } from './transitions.ts';
import type { Whereabouts } from './whereabouts.ts';

/** A proxy that stops in order goes on relaying for so long at most: every host was told by then, microseconds. */
const farewellUs = 100_000;

const wireStates: Readonly<Record<ProxyStateName, MemberState>> = {
  idle: MemberState.standby,
  serving: MemberState.active,
  waiting: MemberState.holding,
  relaying: MemberState.standby,
  stopped: MemberState.stopped,
};

export class ProxyPart {
  readonly announcer: Announcer;
  readonly presence: Presence;
  readonly #context: Context;
  readonly #whereabouts: Whereabouts;
  /** Nobody became active: the waiting room is not kept for ever. */
  readonly #patience: Timer;
  /** Hosts have moved by now. */
  readonly #stragglers: Timer;
  /** Silent until it is known who is right: another place announced, or the lease lapsed and we listen first. */
  readonly #hush: Timer;
  #state: ProxyStateName = 'idle';
  #client: NodeId | 0 = 0;
  #term: Term = noTerm;
  /** Where stragglers are sent. */
  #place: NodeId | 0 = 0;
  #deserted = false;
  #lapsed = false;

  constructor(context: Context, whereabouts: Whereabouts) {
    this.#context = context;
    this.#whereabouts = whereabouts;
    this.presence = new Presence(this.id, context.emit);
    this.announcer = new Announcer(context, this.id, () => this.#term);
    const { timers } = context;
    this.#patience = timers.create('waitingRoom', () => this.fallIdle('nobody became active in time'));
    this.#stragglers = timers.create('stragglers', () => this.#endRelaying());
    this.#hush = timers.create('hush', () => this.#speakAgain());
  }

  get id(): GroupId {
    return this.#whereabouts.config.id;
  }

  get state(): ProxyStateName {
    return this.#state;
  }

  get wireState(): MemberState {
    return wireStates[this.#state];
  }

  /** The fence is open: replies of our member leave by this machine. */
  get open(): boolean {
    return this.#state === 'serving' || this.#state === 'waiting';
  }

  /** Whom we serve, or served last; 0: nobody yet. */
  get client(): NodeId | 0 {
    return this.#client;
  }

  /** By which term. */
  get term(): Term {
    return this.#term;
  }

  /** Silent while it is in doubt whether another place has taken over. */
  get hushed(): boolean {
    return this.#hush.at !== undefined;
  }

  /** Silent since the kernel ended our lease: what is read now may have waited for as long as we stood still. */
  get lapsed(): boolean {
    return this.hushed && this.#lapsed;
  }

  /** We fell silent with nobody in our place yet: what hosts still send here is sent on when somebody takes over. */
  get deserted(): boolean {
    return this.#deserted;
  }

  /** What an outsider calls the term: the one we serve by, otherwise the highest seen. */
  get shownTerm(): Term {
    return this.open ? this.#term : this.#whereabouts.seen;
  }

  get record(): GroupRecord {
    const leaving = this.#context.stopping && this.open;
    return {
      group: this.id,
      state: leaving ? MemberState.draining : this.wireState,
      priority: 0,
      flags: flagProxy | (this.#whereabouts.servedElsewhere ? flagElsewhere : 0),
      falls: 0,
      yourFalls: 0,
      term: this.shownTerm,
    };
  }

  /** Whose packets these are from now on. The fence is open, or asked for. */
  serveNext(client: NodeId, term: Term): void {
    this.#client = client;
    this.#term = term;
  }

  /** Route first, then answers, then what waited, then everybody is told. One proxy for both members tells nobody. */
  speak(why: string): void {
    const from = this.#state;
    this.#state = becomeProxy(from, 'serving');
    const first = !this.presence.answers;
    this.#deserted = false;
    for (const timer of [this.#patience, this.#stragglers, this.#hush]) timer.cancel();
    this.presence.forward(0);
    this.presence.route(this.#client);
    this.presence.answer(true);
    this.presence.release('deliver');
    if (first) this.announcer.begin(this.#whereabouts.succeeded);
    this.#context.beatAll();
    this.#report(from, why);
    if (first) this.announcer.reportFirst();
  }

  /** Answers go on, packets wait. */
  wait(why: string): void {
    if (this.#state === 'waiting') return;
    this.presence.hold();
    this.#become('waiting', why);
    this.#patience.arm(later(this.#context.now, this.#context.config.registrationUs));
  }

  /** Another place may have taken over and its word to us be late: two must not answer. If it has not, we go on. */
  hush(): void {
    this.#lapsed = false;
    this.announcer.cancel();
    this.presence.answer(false);
    this.#hush.arm(later(this.#context.now, slotUs(this.#context.config)));
  }

  /** Falls silent at once, then sends on what still comes. */
  superseded(why: string): void {
    this.#silence();
    this.relay(why);
  }

  /** The kernel has silenced us already. We listen for as long as it takes to hear from whoever took over meanwhile. */
  leaseLost(): void {
    this.#context.report({ code: 'leaseLost', group: this.id });
    this.#silence();
    this.#desert('leaseLost');
    this.#lapsed = true;
    this.#hush.arm(later(this.#context.now, slotUs(this.#context.config)));
  }

  fallIdle(why: string): void {
    if (!this.open) return;
    this.#silence();
    this.#desert(why);
  }

  /** To the place of whoever holds the highest term known. */
  relay(why: string): void {
    this.#place = this.#whereabouts.placeOf(this.#whereabouts.seen);
    if (this.#place === 0) return this.#state === 'idle' ? undefined : this.#desert(why);
    this.#deserted = false;
    this.#become('relaying', why);
    const { stopping, config, now } = this.#context;
    const us = stopping ? Math.min(farewellUs, config.stragglersUs) : config.stragglersUs;
    this.#stragglers.arm(later(now, us));
    this.sendOn();
  }

  /** While relaying: the role may have moved on to a third place. */
  followPlace(): void {
    this.#place = this.#whereabouts.placeOf(this.#whereabouts.seen) || this.#place;
  }

  sendOn(): void {
    this.presence.forward(this.#place);
    this.presence.route(this.#place);
    this.presence.release('deliver');
  }

  /** While idle: in advance, to the member that would be served next. */
  routeAhead(next: NodeId | 0): void {
    if (this.#state === 'idle') this.presence.route(next);
  }

  /** A proxy that stops while it relays has not much time left for that. */
  hasten(): void {
    if (this.#state === 'relaying') this.#stragglers.arm(later(this.#context.now, farewellUs));
  }

  end(): void {
    if (this.open) this.#silence();
    for (const timer of [this.#stragglers, this.#hush]) timer.cancel();
    this.presence.release('discard');
    this.presence.forward(0);
    this.presence.route(0);
    this.#become('stopped', 'stop');
  }

  /** The fence first of all. */
  #silence(): void {
    for (const each of [this.announcer, this.#hush, this.#patience]) each.cancel();
    this.#context.emit({ kind: 'yield', group: this.id });
    this.presence.answer(false);
  }

  #desert(why: string): void {
    this.#deserted = true;
    this.presence.release('discard');
    this.#become('idle', why);
  }

  #endRelaying(): void {
    if (this.#state !== 'relaying') return;
    this.presence.forward(0);
    this.#become('idle', 'the hosts have moved');
  }

  /**
   * Nobody else was heard to serve. With nobody to serve ourselves, an announcement is not contradicted; after a lapsed
   * lease the fence is asked for anew, by `ProxyServer`.
   */
  #speakAgain(): void {
    if (this.#state !== 'serving') return;
    this.presence.answer(true);
    this.announcer.begin(this.#whereabouts.succeeded);
    this.announcer.reportFirst();
  }

  #become(to: ProxyStateName, why: string): void {
    const from = this.#state;
    this.#state = becomeProxy(from, to);
    this.#context.beatDue = true;
    this.#report(from, why);
  }

  #report(from: ProxyStateName, why: string): void {
    const to = this.#state;
    const member = this.open ? this.#client : to === 'relaying' ? this.#place : 0;
    const term = this.shownTerm;
    this.#context.report({ code: 'proxyTransition', group: this.id, from, to, member, term, why });
  }
}
