/**
 * This node's part as a proxy of one group (the patent's ARP proxy server 145, 155): answers for the addresses while a
 * member that is registered here is active by the highest term known, and routes to it; keeps packets while nobody is
 * active; and once another place serves the group, answers no longer and sends on what still comes.
 *
 * What it should be follows from what is known now, looked at anew after every turn (`review`); only falling silent does
 * not wait for that.
 */
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  flagElsewhere,
  flagProxy,
  type GroupId,
  type GroupRecord,
  MemberState,
  type NodeId,
  noTerm,
  RegistrationCode,
  type Term,
} from '../wire/control/message.ts';
import { Announcer } from './announcer.ts';
import type { ProxiedGroupConfig } from './config.ts';
import { type Context, slotUs } from './context.ts';
import type { ProxyStateName } from './effect.ts';
import type { PeerWatch } from './peer.ts';
import { Presence } from './presence.ts';
import { Registry } from './registry.ts';
import { holdsRole, type Standing, type Word } from './standing.ts';
import { type Instant, instant, later } from './time.ts';
import type { Timer } from './timers.ts';
import { becomeProxy } from './transitions.ts';

/** A proxy that stops in order goes on relaying for so long at most: every host was told by then, microseconds. */
const farewellUs = 100_000;

const wireStates: Readonly<Record<ProxyStateName, MemberState>> = {
  idle: MemberState.standby,
  serving: MemberState.active,
  waiting: MemberState.holding,
  relaying: MemberState.standby,
  stopped: MemberState.stopped,
};

export interface ProxySnapshot {
  readonly id: GroupId;
  readonly state: ProxyStateName;
  readonly answering: boolean;
  readonly routesTo: NodeId | 0;
  readonly term: Term;
  readonly registrations: readonly {
    readonly member: NodeId;
    readonly state: MemberState;
    readonly remainingUs: number;
  }[];
}

export class ProxyServer {
  readonly #context: Context;
  readonly #registry: Registry;
  readonly #presence: Presence;
  readonly #announcer: Announcer;
  /** Nobody became active: the waiting room is not kept for ever. */
  readonly #patience: Timer;
  /** Hosts have moved by now. */
  readonly #stragglers: Timer;
  /** After another place announced: silent until it is known who is right. */
  readonly #hush: Timer;
  readonly #expiry: Timer;
  #config: ProxiedGroupConfig;
  #state: ProxyStateName = 'idle';
  /** Whom we serve, or served last, and by which term. */
  #client: NodeId | 0 = 0;
  #term: Term = noTerm;
  /** Where stragglers are sent. */
  #place: NodeId | 0 = 0;
  /** The lease lapsed while we served: what came meanwhile may have to be sent on. */
  #lapsed = false;
  /** The fence was asked for and has not answered yet. */
  #acquiring = false;
  /** The kernel refused the fence so often in a row: it is not asked again before `notBefore`. */
  #refusals = 0;
  #notBefore: Instant = instant(0);

  constructor(context: Context, config: ProxiedGroupConfig) {
    this.#context = context;
    this.#config = config;
    this.#registry = new Registry(context, config.id, config.members);
    this.#presence = new Presence(config.id, context.emit);
    this.#announcer = new Announcer(context, config.id, () => this.#term);
    const { timers } = context;
    this.#patience = timers.create('waitingRoom', () => this.#fallIdle('nobody became active in time'));
    this.#stragglers = timers.create('stragglers', () => this.#endRelaying());
    this.#hush = timers.create('hush', () => this.#speakAgain());
    this.#expiry = timers.create('registrationExpiry', () => {});
  }

  get id(): GroupId {
    return this.#config.id;
  }

  /** Nothing is answered or sent on any more. */
  get settled(): boolean {
    return this.#state === 'stopped';
  }

  /** Whether this node says to `peer` what it is in the group, and listens to it. */
  concerns(peer: NodeId): boolean {
    const { members, elsewhere } = this.#config;
    return members.includes(peer) || elsewhere.some(({ member, place }) => member === peer || place === peer);
  }

  /** Every peer that is concerned has said what it is. */
  get heardAll(): boolean {
    return this.#context.detector.peers.every(
      (peer) => !this.concerns(peer.id) || peer.standing(this.id) !== undefined,
    );
  }

  get record(): GroupRecord {
    const leaving = this.#context.stopping && this.#open;
    return {
      group: this.id,
      state: leaving ? MemberState.draining : wireStates[this.#state],
      priority: 0,
      flags: flagProxy | (this.#servedElsewhere ? flagElsewhere : 0),
      term: this.#shownTerm,
    };
  }

  snapshot(): ProxySnapshot {
    return {
      id: this.id,
      state: this.#state,
      answering: this.#presence.answers,
      routesTo: this.#presence.routesTo,
      term: this.#shownTerm,
      registrations: this.#registry.registered.map((member) => ({
        member,
        state: this.#standing(member)?.state ?? MemberState.starting,
        remainingUs: this.#registry.remainingUs(member),
      })),
    };
  }

  /** What a peer says of itself: a member, or another proxy of the group. */
  noted(peer: PeerWatch, record: Word): void {
    const standing = peer.standingToNote(this.id);
    this.#context.terms.note(this.id, record.term);
    if (!standing.note(record) || !this.#open || compareTerms(record.term, this.#term) <= 0) return;
    // Hearsay of a higher term is no reason to fall silent, unless our own member says it.
    const told = holdsRole(record.state) ? !this.#registry.has(peer.id) : peer.id === this.#client;
    if (told) this.#superseded('a higher term was heard');
  }

  /** A request of a member. */
  message(peer: PeerWatch, message: ControlMessage, graceOver: boolean): void {
    const { type, state, term, registration } = message;
    if (type !== ControlType.register || registration === undefined) return;
    // Whoever starts hears the others first: a member must not be served that was succeeded meanwhile.
    if (holdsRole(state) && !graceOver) return;
    const before = this.#registry.has(peer.id) ? this.#standing(peer.id)?.state : undefined;
    const judgement = this.#registry.judge(peer, message, this.#seen);
    if (judgement === undefined) return;
    const { code, lifetimeUs, again } = judgement;
    if (code === RegistrationCode.accepted) {
      this.noted(peer, { state, term, flags: 0 });
      if (holdsRole(state)) this.#serve();
      if (before !== state && lifetimeUs > 0)
        this.#context.report({ code: 'registered', group: this.id, member: peer.id, state, term });
      if (!again) this.#context.emit({ kind: 'resolve', group: this.id, node: peer.id });
    }
    const { identification } = registration;
    this.#registry.reply(peer.id, identification, judgement, wireStates[this.#state], this.#seen);
  }

  /** The fence opened, or the kernel refused. */
  acquired(ok: boolean): void {
    this.#acquiring = false;
    if (this.#open || this.#state === 'stopped') return;
    if (ok) {
      this.#refusals = 0;
      this.#become('serving', 'registered');
      this.#speak();
      return;
    }
    // A process that was held up while it asked asks again soon; a kernel that cannot is not asked all the time.
    const { config, now } = this.#context;
    const pauseUs = Math.min(slotUs(config) * 2 ** this.#refusals++, config.startupGraceUs);
    this.#notBefore = later(now, pauseUs);
    this.#registry.revoke(this.#client, wireStates[this.#state], this.#seen);
  }

  leaseLost(): void {
    if (!this.#open) return;
    this.#context.report({ code: 'leaseLost', group: this.id });
    this.#silence();
    this.#lapsed = true;
    this.#presence.release('discard');
    this.#become('idle', 'leaseLost');
  }

  /** ARP or neighbour discovery of another MAC for an address. `by`: whose it is, or 0. */
  claimed(by: NodeId | 0): void {
    this.#context.report({ code: 'claimed', group: this.id, member: by });
    if (!this.#presence.answers) return;
    const isPlace = this.#config.elsewhere.some(({ member, place }) => place === by || member === by);
    if (!isPlace) return this.#announcer.defend(false);
    // It may have taken over and its word to us be late: two must not answer. If it has not, we go on.
    this.#presence.answer(false);
    this.#hush.arm(later(this.#context.now, slotUs(this.#context.config)));
  }

  evidence(): void {
    if (this.#presence.answers) this.#announcer.defend(true);
  }

  reconfigure(config: ProxiedGroupConfig): void {
    this.#config = config;
    this.#announcer.reschedule();
  }

  /** After every socket was drained. */
  review(graceOver: boolean): void {
    if (this.#state === 'stopped') return;
    this.#registry.sweep();
    const next = this.#registry.nextExpiry;
    if (next === undefined) this.#expiry.cancel();
    else this.#expiry.arm(next);
    if (graceOver) this.#serve();
    if (this.#acquiring) return;
    if (this.#open) this.#reviewOpen();
    else this.#reviewClosed();
    this.#route();
  }

  /** Leave: members see that we want to be relieved; what nobody relieves us of ends with `stopNow`. */
  stop(): void {
    this.#context.beatDue = true;
    if (this.#state === 'relaying') this.#stragglers.arm(later(this.#context.now, farewellUs));
  }

  stopNow(): void {
    if (this.#state !== 'stopped') this.#end();
  }

  /** The fence is open: replies of our member leave by this machine. */
  get #open(): boolean {
    return this.#state === 'serving' || this.#state === 'waiting';
  }

  get #seen(): Term {
    return this.#context.terms.seen(this.id);
  }

  get #shownTerm(): Term {
    return this.#open ? this.#term : this.#seen;
  }

  #standing(node: NodeId): Standing | undefined {
    return this.#context.detector.peer(node)?.standing(this.id);
  }

  #isUp(node: NodeId): boolean {
    return this.#context.detector.peer(node)?.up === true;
  }

  /** The registered member that holds the role by the highest term known, alive or not. */
  get #active(): NodeId | undefined {
    return this.#registry.registered.find((id) => {
      const standing = this.#standing(id);
      return standing?.holds && compareTerms(standing.term, this.#seen) >= 0;
    });
  }

  /** A place that is not ours says that it serves, by the highest term known. */
  get #servedElsewhere(): boolean {
    return this.#config.elsewhere.some(({ member, place }) =>
      [member, place].some((id) => {
        const standing = this.#standing(id);
        return this.#isUp(id) && standing?.holds && compareTerms(standing.term, this.#seen) >= 0;
      }),
    );
  }

  /** Serves the active member, where it is not served already. */
  #serve(): void {
    const active = this.#active;
    if (active === undefined || !this.#isUp(active) || this.#hush.at !== undefined) return;
    const standing = this.#standing(active);
    const term = standing?.term ?? noTerm;
    const drains = standing?.state === MemberState.draining;
    const same = active === this.#client && compareTerms(term, this.#term) === 0;
    if (this.#open ? same && (this.#state === 'serving' || drains) : drains) return;
    if (!this.#open && (this.#acquiring || this.#context.now < this.#notBefore)) return;
    this.#client = active;
    this.#term = term;
    this.#lapsed = false;
    if (!this.#open) {
      this.#acquiring = true;
      this.#context.emit({ kind: 'acquire', group: this.id, term });
      return;
    }
    this.#become('serving', same ? 'the member is active again' : 'another member registered');
    this.#speak();
  }

  /** Route first, then answers, then what waited, then everybody is told. One proxy for both members tells nobody. */
  #speak(): void {
    const first = !this.#presence.answers;
    this.#patience.cancel();
    this.#stragglers.cancel();
    this.#presence.forward(0);
    this.#route();
    this.#presence.answer(true);
    this.#presence.release('deliver');
    if (first) this.#announcer.begin();
    this.#context.beatAll();
    if (first) this.#announcer.reportFirst();
  }

  #reviewOpen(): void {
    const active = this.#active;
    if (active === undefined) {
      const expired = !this.#registry.has(this.#client) && this.#standing(this.#client)?.holds;
      if (expired) this.#fallIdle('the registration ran out');
      else this.#wait('no member is active');
    } else if (!this.#isUp(active)) this.#wait('the member is gone');
    else if (this.#standing(active)?.state === MemberState.draining) this.#wait('the member hands over');
  }

  #reviewClosed(): void {
    const receives = this.#registry.registered.some(
      (id) => this.#isUp(id) && this.#standing(id)?.state === MemberState.holding,
    );
    if (receives) {
      // A planned switchover to a member of ours: what the others send on to us waits for it.
      this.#presence.forward(0);
      this.#presence.hold();
    } else this.#presence.release('discard');
    const superseded = compareTerms(this.#seen, this.#term) > 0 && this.#servedElsewhere;
    if (this.#lapsed && superseded) this.#relay('a higher term was heard');
    if (this.#state === 'idle' && this.#context.stopping) this.#end();
  }

  /** Falls silent at once, then sends on what still comes. */
  #superseded(why: string): void {
    this.#silence();
    this.#relay(why);
  }

  #relay(why: string): void {
    this.#lapsed = false;
    const { member } = this.#seen;
    this.#place = this.#config.elsewhere.find((other) => other.member === member)?.place ?? 0;
    if (this.#place === 0) {
      this.#presence.release('discard');
      if (this.#state !== 'idle') this.#become('idle', why);
      return;
    }
    this.#become('relaying', why);
    const { stopping, config, now } = this.#context;
    const us = stopping ? Math.min(farewellUs, config.stragglersUs) : config.stragglersUs;
    this.#stragglers.arm(later(now, us));
    this.#presence.forward(this.#place);
    this.#route();
    this.#presence.release('deliver');
  }

  #wait(why: string): void {
    if (this.#state === 'waiting') return;
    this.#become('waiting', why);
    this.#patience.arm(later(this.#context.now, this.#context.config.registrationUs));
    this.#presence.hold();
  }

  #fallIdle(why: string): void {
    if (!this.#open) return;
    this.#silence();
    this.#presence.release('discard');
    this.#become('idle', why);
  }

  #endRelaying(): void {
    if (this.#state !== 'relaying') return;
    this.#presence.forward(0);
    this.#become('idle', 'the hosts have moved');
  }

  #end(): void {
    if (this.#open) this.#silence();
    for (const timer of [this.#stragglers, this.#expiry]) timer.cancel();
    this.#presence.release('discard');
    this.#presence.forward(0);
    this.#become('stopped', 'stop');
  }

  #speakAgain(): void {
    if (!this.#open) return;
    this.#presence.answer(true);
    this.#announcer.defend(true);
  }

  /** The fence first of all. */
  #silence(): void {
    for (const each of [this.#announcer, this.#hush, this.#patience]) each.cancel();
    this.#context.emit({ kind: 'yield', group: this.id });
    this.#presence.answer(false);
  }

  /** To whom we serve, to the place that took over; or, in advance, to the member that would be served next. */
  #route(): void {
    const next = (): NodeId | 0 => this.#registry.registered.find((id) => this.#isUp(id)) ?? 0;
    this.#presence.route(this.#open ? this.#client : this.#state === 'relaying' ? this.#place : next());
  }

  #become(to: ProxyStateName, why: string): void {
    const from = this.#state;
    this.#state = becomeProxy(from, to);
    this.#context.beatDue = true;
    const member = this.#open ? this.#client : this.#place;
    const term = this.#shownTerm;
    this.#context.report({ code: 'proxyTransition', group: this.id, from, to, member, term, why });
  }
}
