/**
 * This node as a proxy of one group (the patent's ARP proxy server 145, 155): answers for the addresses while a member
 * that is registered here is active by the highest term known, and routes to it; keeps packets while nobody is active;
 * and once another place serves the group, answers no longer and sends on what still comes.
 *
 * What it should be follows from what is known now, looked at anew after every turn (`review`); only falling silent does
 * not wait for that.
 */
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  type GroupId,
  type GroupRecord,
  MemberState,
  type NodeId,
  noTerm,
  RegistrationCode,
  type Term,
} from '../wire/control/message.ts';
import type { ProxiedGroupConfig } from './config.ts';
import { type Context, slotUs } from './context.ts';
import type { ProxyStateName } from './effect.ts';
import type { PeerWatch } from './peer.ts';
import { ProxyPart } from './proxy-part.ts';
import { type Header, Registry } from './registry.ts';
import { type Owed, Replies } from './replies.ts';
import { holdsRole, type Word } from './standing.ts';
import { type Instant, instant, later } from './time.ts';
import type { Timer } from './timers.ts';
import { Whereabouts } from './whereabouts.ts';

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
  readonly #whereabouts: Whereabouts;
  readonly #part: ProxyPart;
  readonly #replies: Replies;
  readonly #expiry: Timer;
  /** The fence was asked for and has not answered yet. */
  #acquiring = false;
  /** The kernel refused the fence so many times in a row, and is not asked again before this moment. */
  #refusals = 0;
  #notBefore: Instant = instant(0);
  /** Our last heartbeat said that the group is served elsewhere. */
  #saidElsewhere = false;

  constructor(context: Context, config: ProxiedGroupConfig) {
    this.#context = context;
    this.#registry = new Registry(context, config.id, config.members);
    this.#whereabouts = new Whereabouts(context, this.#registry, config);
    this.#part = new ProxyPart(context, this.#whereabouts);
    this.#replies = new Replies(context, config.id, this.#registry, () => this.#header);
    this.#expiry = context.timers.create('registrationExpiry', () => {});
  }

  get id(): GroupId {
    return this.#part.id;
  }

  /** Nothing is answered or sent on any more. */
  get settled(): boolean {
    return this.#part.state === 'stopped';
  }

  /** Whether this node says to `peer` what it is in the group, and listens to it. */
  concerns(peer: NodeId): boolean {
    return this.#whereabouts.concerns(peer);
  }

  /** Every peer that is concerned has said what it is. */
  get heardAll(): boolean {
    return this.#whereabouts.heardAll;
  }

  get record(): GroupRecord {
    return this.#part.record;
  }

  snapshot(): ProxySnapshot {
    const { id, state, presence, shownTerm } = this.#part;
    return {
      id,
      state,
      answering: presence.answers,
      routesTo: presence.routesTo,
      term: shownTerm,
      registrations: this.#registry.registered.map((member) => ({
        member,
        state: this.#whereabouts.standing(member)?.state ?? MemberState.starting,
        remainingUs: this.#registry.remainingUs(member),
      })),
    };
  }

  /** What a peer says of itself: a member, or another proxy of the group. */
  noted(peer: PeerWatch, record: Word): void {
    const part = this.#part;
    const standing = peer.standingToNote(this.id);
    this.#context.terms.note(this.id, record.term, this.#context.now);
    if (!standing.note(record) || !part.open) return;
    const order = compareTerms(record.term, part.term);
    // It spoke for a term that is over: hosts may have heard that last.
    if (!standing.holds && !standing.answers) part.announcer.unopposed(peer.id);
    else if (order < 0 && this.#whereabouts.isElsewhere(peer.id)) part.announcer.opposed(peer.id);
    if (order <= 0) return;
    // Hearsay of a higher term is no reason to fall silent, unless our own member says it, and not because we told it;
    // and one whose member is registered here will be served here.
    const ours = peer.id === part.client && !this.#registry.hasTold(peer.id, record.term);
    if ((standing.holds || ours) && !this.#registry.has(record.term.member))
      part.superseded('a higher term was heard');
  }

  /** A request of a member. */
  message(peer: PeerWatch, message: ControlMessage, graceOver: boolean): void {
    const { type, state, term, registration } = message;
    if (type !== ControlType.register || registration === undefined) return;
    const judgement = this.#registry.judge(peer, message, this.#whereabouts.seen, this.#unwilling(state));
    if (judgement === undefined) return;
    const accepted = judgement.code === RegistrationCode.accepted;
    if (accepted) this.noted(peer, { state, term, flags: 0 });
    const owed = { peer: peer.id, identification: registration.identification, judgement };
    if (accepted && holdsRole(state)) {
      // Whoever starts hears the others first: a member must not be served that was succeeded meanwhile.
      if (!graceOver) return this.#replies.giveAfterGrace(owed);
      this.#serve();
    }
    // A member that gives the role away, or is given it, goes on when it has our answer: packets are kept by then.
    const planned = state === MemberState.draining || state === MemberState.holding;
    if (accepted && planned && !this.#acquiring) this.#reviewPart();
    this.#reply(owed);
  }

  /** The fence opened, or the kernel refused. */
  acquired(ok: boolean): void {
    this.#acquiring = false;
    const owed = this.#replies.takeFenced();
    if (this.#part.open || this.settled) return;
    if (ok) {
      this.#refusals = 0;
      this.#part.speak('registered');
      if (owed !== undefined) this.#replies.give(owed);
      return;
    }
    // A process that was held up while it asked asks again soon; a kernel that cannot is not asked all the time.
    const { config, now } = this.#context;
    const pauseUs = Math.min(slotUs(config) * 2 ** this.#refusals++, config.startupGraceUs);
    this.#notBefore = later(now, pauseUs);
    this.#registry.revoke(this.#part.client, this.#header);
  }

  leaseLost(): void {
    if (this.#part.open) this.#part.leaseLost();
  }

  /** ARP or neighbour discovery of another MAC for an address. `by`: whose it is, or 0. */
  claimed(by: NodeId | 0): void {
    const { presence, announcer } = this.#part;
    if (!presence.answers) return;
    if (!this.#whereabouts.isElsewhere(by)) return announcer.contest(by);
    announcer.noteClaim(by);
    this.#part.hush();
  }

  evidence(): void {
    if (this.#part.presence.answers) this.#part.announcer.defend();
  }

  /** A peer is heard again. If it is another place, it may have spoken meanwhile, and not any more when we heard it. */
  returned(peer: NodeId): void {
    if (this.#part.presence.answers && this.#whereabouts.isElsewhere(peer)) this.#part.announcer.reclaim();
  }

  /** Our port rose and passes nothing yet; or has passed its first frame: what was announced before went nowhere. */
  port(passes: boolean): void {
    if (passes && this.#part.presence.answers) this.#part.announcer.reclaim();
  }

  reconfigure(config: ProxiedGroupConfig): void {
    this.#whereabouts.config = config;
    this.#part.announcer.reschedule();
  }

  /** After every socket was drained. */
  review(graceOver: boolean): void {
    if (this.settled) return;
    this.#registry.sweep();
    const next = this.#registry.nextExpiry;
    if (next === undefined) this.#expiry.cancel();
    else this.#expiry.arm(next);
    for (const member of this.#whereabouts.outdated) this.#registry.tell(member, this.#header);
    if (graceOver) this.#serve();
    if (graceOver) for (const owed of this.#replies.takeEarly()) this.#replyEarly(owed);
    if (this.#acquiring) return;
    this.#reviewPart();
    const elsewhere = this.#whereabouts.servedElsewhere;
    // Members wait for this word of ours, or act on it.
    if (elsewhere !== this.#saidElsewhere) this.#context.beatDue = true;
    this.#saidElsewhere = elsewhere;
  }

  /** Leave: members see that we want to be relieved; what nobody relieves us of ends with `stopNow`. */
  stop(): void {
    this.#context.beatDue = true;
    this.#part.hasten();
  }

  stopNow(): void {
    if (!this.settled) this.#end();
  }

  get #header(): Header {
    return { state: this.#part.wireState, term: this.#whereabouts.seen };
  }

  /** Why no registration is accepted from a member of this state at present. */
  #unwilling(state: MemberState): RegistrationCode | undefined {
    if (this.#part.open) return undefined;
    if (this.#context.stopping) return RegistrationCode.stopping;
    return holdsRole(state) && this.#context.now < this.#notBefore ? RegistrationCode.unable : undefined;
  }

  /** Who holds a term that was succeeded has been told so. */
  #replyEarly(owed: Owed): void {
    if (!this.#whereabouts.outdated.includes(owed.peer)) this.#reply(owed);
  }

  #reply(owed: Owed): void {
    if (this.#acquiring) this.#replies.giveAfterFence(owed);
    else this.#replies.give(owed);
  }

  /** Serves the active member, where it is not served already. */
  #serve(): void {
    const part = this.#part;
    const { active } = this.#whereabouts;
    if (active === undefined || !this.#whereabouts.isUp(active)) return;
    const standing = this.#whereabouts.standing(active);
    const term = standing?.term ?? noTerm;
    const drains = standing?.state === MemberState.draining;
    const same = active === part.client && compareTerms(term, part.term) === 0;
    if ((same && part.hushed) || part.lapsed) return;
    if (part.open) {
      if (same && (part.state === 'serving' || drains)) return;
      part.serveNext(active, term);
      part.speak(same ? 'the member is active again' : 'another member registered');
    } else if (!drains && !this.#acquiring && this.#unwilling(MemberState.active) === undefined) {
      part.serveNext(active, term);
      this.#acquiring = true;
      this.#context.emit({ kind: 'acquire', group: this.id, term });
    }
  }

  #reviewPart(): void {
    if (this.#part.open) this.#reviewOpen();
    if (!this.#part.open) this.#reviewClosed();
  }

  #reviewOpen(): void {
    const { active } = this.#whereabouts;
    const { client } = this.#part;
    if (active === undefined) {
      const expired = !this.#registry.has(client) && this.#whereabouts.standing(client)?.holds === true;
      if (expired) this.#part.fallIdle('the registration ran out');
      else this.#part.wait('no member is active');
    } else if (!this.#whereabouts.isUp(active)) this.#part.wait('the member is gone');
    else if (this.#whereabouts.standing(active)?.state === MemberState.draining)
      this.#part.wait('the member hands over');
  }

  #reviewClosed(): void {
    const part = this.#part;
    const { presence } = part;
    const { seen, servedElsewhere, receives, next } = this.#whereabouts;
    if (part.deserted && servedElsewhere && compareTerms(seen, part.term) > 0)
      part.relay('a higher term was heard');
    if (part.state === 'relaying' && servedElsewhere) part.followPlace();
    part.routeAhead(next);
    if (receives) {
      // A planned switchover to a member of ours: what the others send on to us waits for it, and its route is prepared.
      presence.forward(0);
      presence.hold();
      presence.route(next);
    } else if (part.state === 'relaying') part.sendOn();
    else presence.release('discard');
    if (part.state === 'idle' && this.#context.stopping) this.#end();
  }

  #end(): void {
    this.#expiry.cancel();
    this.#part.end();
  }
}
