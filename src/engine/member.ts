/** This node's part in one group: its state, its term, and the small steps that every decision is made of. */
import {
  compareTerms,
  flagHeldBack,
  flagPinned,
  flagUnreserved,
  type GroupId,
  type GroupRecord,
  MemberState,
  type NodeId,
  noTerm,
  type Term,
} from '../wire/control/message.ts';
import { Announcer } from './announcer.ts';
import type { GroupConfig } from './config.ts';
import type { Context } from './context.ts';
import { Damping } from './damping.ts';
import { Debut } from './debut.ts';
import type { MemberStateName } from './effect.ts';
import type { PeerWatch } from './peer.ts';
import { Pin, type PinnedRole } from './pin.ts';
import type { Quorum } from './quorum.ts';
import { Registrant } from './registrant.ts';
import { holdsRole } from './standing.ts';
import { type Instant, instant, later } from './time.ts';
import type { Timer } from './timers.ts';
import { become } from './transitions.ts';

const wireStates: Record<MemberStateName, MemberState> = {
  starting: MemberState.starting,
  standby: MemberState.standby,
  acquiring: MemberState.standby,
  active: MemberState.active,
  draining: MemberState.draining,
  holding: MemberState.holding,
  faulted: MemberState.faulted,
  stopped: MemberState.stopped,
};

export class Member {
  readonly context: Context;
  readonly announcer: Announcer;
  /** What our first activation waits for. */
  readonly debut: Debut;
  readonly damping: Damping;
  readonly pin: Pin;
  /** Our part towards our proxy; undefined without one. */
  readonly registrant: Registrant | undefined;
  /** Wakes the loop when our turn may come; `elect` does the rest at the end of that turn. */
  readonly turn: Timer;
  /** The group's other members. */
  readonly peers: readonly PeerWatch[];
  /** Strict: the majority behind us; set by our group. */
  quorum: Quorum | undefined;
  config: GroupConfig;
  healthy = true;
  healthReason = '';
  /** The term we hold, while we hold the role or acquire it. */
  held: Term = noTerm;
  /** Who was last believed active; 0 before anyone was. */
  lastActive: NodeId | 0 = 0;
  /** Since when nobody is active, as far as we know. */
  vacantSince: Instant | undefined;
  /** We do not acquire before this moment: a lost lease, a refused fence, a role just handed over. */
  notBefore: Instant = instant(0);
  /** Ranks are counted from this moment at the earliest. */
  ranksFrom: Instant = instant(0);
  /** How long our rank lets us wait in the present vacancy, as reckoned last, microseconds. */
  waitUs = 0;
  /** Why we acquire. */
  why = '';
  /** Packets are held for us: deliver them when the fence opens. */
  holdsPackets = false;
  #state: MemberStateName = 'starting';
  #unreserved = false;

  /** `pinned`: what an operator had pinned in an earlier life. */
  constructor(context: Context, config: GroupConfig, pinned: PinnedRole | undefined) {
    this.context = context;
    this.config = config;
    this.peers = context.detector.peers.filter(({ id }) => config.members.some((member) => member.id === id));
    this.announcer = new Announcer(context, config.id, () => this.held);
    this.debut = new Debut(context, config.id);
    this.damping = new Damping(context, config.id);
    this.pin = new Pin(context, config.id, pinned);
    this.turn = context.timers.create('turn', () => {});
    this.registrant = config.proxy === 0 ? undefined : new Registrant(this, config.proxy);
  }

  get id(): GroupId {
    return this.config.id;
  }

  get state(): MemberStateName {
    return this.#state;
  }

  get wireState(): MemberState {
    return wireStates[this.#state];
  }

  /** We hold the role and the fence is open. */
  get holds(): boolean {
    return this.#state === 'active' || this.#state === 'draining';
  }

  /** What an outsider calls the term: ours while we hold the role, otherwise the highest seen. */
  get term(): Term {
    return this.holds ? this.held : this.context.terms.seen(this.id);
  }

  /** We do not move: holding the role we give it to nobody who asks, else we take it from nobody. */
  get isPinned(): boolean {
    const { role } = this.pin;
    // A pinned active without the role is as able to take it as any other.
    return role === 'standby' || (role === 'active' && (this.holds || this.#state === 'acquiring'));
  }

  /** What we say to that peer. */
  recordFor(peer: NodeId): GroupRecord {
    return {
      group: this.id,
      state: this.wireState,
      priority: this.priorityOf(this.context.config.self),
      flags: this.#flags,
      falls: this.damping.falls,
      yourFalls: this.damping.toldTo(peer),
      term: this.term,
    };
  }

  priorityOf(member: NodeId): number {
    return this.config.members.find(({ id }) => id === member)?.priority ?? 0;
  }

  /** Whoever is not held back goes first, then the higher priority, then the lower number. */
  isAhead(one: NodeId, other: NodeId): boolean {
    const heldBack = this.#isHeldBack(one);
    if (heldBack !== this.#isHeldBack(other)) return !heldBack;
    const difference = this.priorityOf(one) - this.priorityOf(other);
    return difference !== 0 ? difference > 0 : one < other;
  }

  /** The living peer that holds the role by the highest term, if any. */
  get activePeer(): PeerWatch | undefined {
    let found: PeerWatch | undefined;
    for (const peer of this.peers) {
      const standing = peer.standing(this.id);
      if (!peer.up || standing === undefined || !standing.holds) continue;
      const best = found?.standing(this.id)?.term ?? noTerm;
      if (found === undefined || standing.term.counter > best.counter) found = peer;
      else if (standing.term.counter === best.counter && standing.term.member > best.member) found = peer;
    }
    return found;
  }

  /**
   * By which term another member serves, as the proxies tell: whoever cannot hear it itself leaves it the role all the
   * same. What that member says of itself, or the proof of its end, comes sooner and counts more.
   */
  get servedBy(): Term | undefined {
    const { detector, terms, config } = this.context;
    for (const id of this.config.proxies) {
      const proxy = detector.peer(id);
      const standing = proxy?.standing(this.id);
      if (!proxy?.up || !standing?.served || standing.term.member === config.self) continue;
      if (compareTerms(standing.term, terms.seen(this.id)) < 0) continue;
      if (!this.#isOver(standing.term)) return standing.term;
    }
    return undefined;
  }

  /**
   * Whoever holds the highest term known, this one, says, or its end has proven, that it does no more. A life that ended or
   * began before the term was heard of proves nothing: it may be an earlier one, or the one in which it took the role.
   */
  #isOver(term: Term): boolean {
    const holder = this.context.detector.peer(term.member);
    if (holder === undefined) return false;
    const since = this.context.terms.seenSince(this.id) ?? this.context.now;
    const isLater = (at: Instant | undefined): boolean => at !== undefined && at >= since;
    if (!holder.up) return holder.boot !== 0 && holder.deadBoot === holder.boot && isLater(holder.deadAt);
    const standing = holder.standing(this.id);
    if (standing === undefined || standing.holds) return false;
    if (compareTerms(standing.term, term) >= 0) return true;
    return standing.state === MemberState.starting && isLater(holder.bornAt);
  }

  /** Living peers that could take the role now, the best first. */
  get successors(): readonly PeerWatch[] {
    const able = this.peers.filter((peer) => {
      const standing = peer.standing(this.id);
      if (!peer.up || standing === undefined || standing.pinned) return false;
      return standing.state === MemberState.standby || standing.state === MemberState.holding;
    });
    return able.sort((one, other) => (this.isAhead(one.id, other.id) ? -1 : 1));
  }

  enter(to: MemberStateName, why: string): void {
    const from = this.#state;
    this.#state = become(from, to);
    // Nobody heard of the term, but the fence may have been open by it.
    if (from === 'acquiring') this.context.terms.note(this.id, this.held, this.context.now);
    if (holdsRole(wireStates[to])) this.vacantSince = undefined;
    if (wireStates[from] !== wireStates[to]) this.context.beatDue = true;
    this.context.report({ code: 'transition', group: this.id, from, to, term: this.#termOf(from, to), why });
  }

  /** It is our turn. False: a majority has yet to promise us the group; to be asked again after every turn. */
  get entitled(): boolean {
    return this.quorum === undefined || this.quorum.canvass();
  }

  acquire(why: string): void {
    const { quorum } = this;
    const { term, reserved } =
      quorum === undefined ? this.context.terms.next(this.id) : { term: quorum.term, reserved: true };
    this.held = term;
    this.why = why;
    this.#unreserved = !reserved;
    this.turn.cancel();
    this.enter('acquiring', why);
    if (!reserved) this.context.report({ code: 'unreservedTerm', group: this.id, term });
    const limit = quorum === undefined ? {} : { until: quorum.until };
    // From now on the fence may be open, whenever the kernel's answer comes.
    quorum?.rely();
    this.context.emit({ kind: 'acquire', group: this.id, term, ...limit });
  }

  /** The fence is open: speak. */
  activate(): void {
    const { context, id } = this;
    context.emit({ kind: 'answer', group: id, on: true });
    if (this.holdsPackets) context.emit({ kind: 'hold', group: id, action: 'deliver' });
    this.holdsPackets = false;
    context.terms.note(id, this.held, context.now);
    this.lastActive = context.config.self;
    const why = this.why;
    this.#state = become(this.#state, 'active');
    this.vacantSince = undefined;
    this.registrant?.say();
    this.announcer.begin();
    context.beatAll();
    const term = this.held;
    context.report({ code: 'transition', group: id, from: 'acquiring', to: 'active', term, why });
    this.announcer.reportFirst();
  }

  /** What was held for us is not ours to deliver. */
  forgetPackets(): void {
    if (!this.holdsPackets) return;
    this.holdsPackets = false;
    this.context.emit({ kind: 'hold', group: this.id, action: 'discard' });
  }

  /** Closes the fence first of all, then stops answering; the caller says which state follows. */
  closeFence(): void {
    this.announcer.cancel();
    this.context.emit({ kind: 'yield', group: this.id });
    this.context.emit({ kind: 'answer', group: this.id, on: false });
    // Only what cannot speak any more may leave the role to others.
    this.quorum?.release();
  }

  get #flags(): number {
    const unreserved = this.#unreserved && this.holds ? flagUnreserved : 0;
    return unreserved | (this.damping.heldBack ? flagHeldBack : 0) | (this.isPinned ? flagPinned : 0);
  }

  #isHeldBack(member: NodeId): boolean {
    if (member === this.context.config.self) return this.damping.heldBack;
    return this.peers.find(({ id }) => id === member)?.standing(this.id)?.heldBack === true;
  }

  #termOf(from: MemberStateName, to: MemberStateName): Term {
    const ours = [from, to].some((state) => state === 'acquiring' || holdsRole(wireStates[state]));
    return ours ? this.held : this.context.terms.seen(this.id);
  }

  /** No acquiring for this long from now. */
  pause(us: number): void {
    const until = later(this.context.now, us);
    if (until > this.notBefore) this.notBefore = until;
  }
}
