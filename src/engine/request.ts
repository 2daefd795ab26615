/** Wishes to move the role: an operator's, on whichever member, and a preempting member's own. */
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  type NodeId,
  noTerm,
  type Term,
} from '../wire/control/message.ts';
import type { Member } from './member.ts';
import type { Switchover } from './switchover.ts';
import { type Instant, later } from './time.ts';
import type { Timer } from './timers.ts';

/** A request is said this many times, an interval apart; then the active member is taken to refuse. */
const requestRounds = 3;
/** A preempting member must have been up and healthy for this many times the full count of intervals. */
const preemptCounts = 10;

export class Requests {
  readonly #member: Member;
  readonly #switchover: Switchover;
  readonly #resend: Timer;
  readonly #limit: Timer;
  readonly #preempt: Timer;
  #target: NodeId | 0 = 0;
  #term: Term = noTerm;
  #rounds = 0;
  /** Copies of a request that was refused are not refused again before this moment. */
  #deafUntil: Instant | undefined;

  constructor(member: Member, switchover: Switchover) {
    this.#member = member;
    this.#switchover = switchover;
    const { timers } = member.context;
    this.#resend = timers.create('request', () => this.#say());
    this.#limit = timers.create('requestLimit', () => this.#unanswered());
    this.#preempt = timers.create('preempt', () => this.#wantRole());
  }

  /** The operator's wish, on this node. */
  operator(target: NodeId | 0): void {
    const member = this.#member;
    if (member.state === 'active') this.#give(target, 'switchover');
    else if (member.state === 'draining') this.#failed('a switchover is under way');
    else if (target !== member.context.config.self || !member.debut.force()) this.#ask(target);
  }

  /** A request of another member, about the term we hold. */
  message(message: ControlMessage): void {
    const member = this.#member;
    if (member.state !== 'active' || compareTerms(message.term, member.held) !== 0) return;
    const { now, config } = member.context;
    if (this.#deafUntil !== undefined && now < this.#deafUntil) return;
    if (message.target === config.self) return;
    this.#deafUntil = later(now, config.switchoverTimeoutUs);
    this.#give(message.target, 'switchover');
  }

  /** After every socket was drained: is it time to take the role back, or not any more? */
  review(): void {
    const { context } = this.#member;
    if (!this.#wantsRole) this.#preempt.cancel();
    else if (this.#preempt.at === undefined) {
      const { missCount, heartbeatIntervalUs } = context.config;
      this.#preempt.arm(later(context.now, preemptCounts * missCount * heartbeatIntervalUs));
    }
  }

  /** Looked at in every turn: whoever does not preempt, or does not stand by, is done at once. */
  get #wantsRole(): boolean {
    const member = this.#member;
    if (!member.config.preempt || member.state !== 'standby') return false;
    if (!member.healthy || member.isPinned || member.damping.heldBack || member.context.stopping)
      return false;
    const active = member.activePeer;
    if (active === undefined || active.standing(member.id)?.pinned === true) return false;
    return member.priorityOf(active.id) < member.priorityOf(member.context.config.self);
  }

  cancel(): void {
    this.#resend.cancel();
    this.#limit.cancel();
    this.#preempt.cancel();
  }

  #give(target: NodeId | 0, why: string): void {
    const { successors, isPinned } = this.#member;
    const successor = target === 0 ? successors[0] : successors.find(({ id }) => id === target);
    if (isPinned) this.#failed('the active member is in maintenance');
    else if (this.#isPinned(target)) this.#failed('the successor is in maintenance');
    else if (successor === undefined) this.#failed('no standby is able to take over');
    else this.#switchover.give(successor.id, why);
  }

  #ask(target: NodeId | 0): void {
    const { context } = this.#member;
    const active = this.#member.activePeer;
    const term = active?.standing(this.#member.id)?.term;
    if (term === undefined) {
      this.#failed('nobody is active');
      return;
    }
    if (this.#isPinned(active?.id ?? 0)) return this.#failed('the active member is in maintenance');
    if (this.#isPinned(target)) return this.#failed('the successor is in maintenance');
    this.#target = target;
    this.#term = term;
    this.#rounds = 0;
    this.#limit.arm(later(context.now, context.config.switchoverTimeoutUs));
    this.#say();
  }

  #say(): void {
    const { context, id: group, wireState: state, activePeer } = this.#member;
    if (activePeer === undefined || compareTerms(context.terms.seen(group), this.#term) !== 0) return;
    const { switchoverRequest: type } = ControlType;
    context.emit({
      kind: 'send',
      peer: activePeer.id,
      type,
      group,
      term: this.#term,
      state,
      target: this.#target,
    });
    this.#rounds++;
    if (this.#rounds < requestRounds)
      this.#resend.arm(later(context.now, context.config.heartbeatIntervalUs));
  }

  #unanswered(): void {
    const { context, id } = this.#member;
    if (compareTerms(context.terms.seen(id), this.#term) === 0)
      this.#failed('the active member did not hand over');
  }

  #wantRole(): void {
    // After a standstill of ours somebody better may have been heard in this very turn.
    if (!this.#wantsRole) return;
    const { self, switchoverTimeoutUs } = this.#member.context.config;
    this.#ask(self);
    // Asked in vain, it waits longer than one attempt may take before it asks again.
    this.#preempt.arm(later(this.#member.context.now, 2 * switchoverTimeoutUs));
  }

  #isPinned(member: NodeId | 0): boolean {
    const { context, isPinned, id } = this.#member;
    if (member === context.config.self) return isPinned;
    return context.detector.peer(member)?.standing(id)?.pinned === true;
  }

  #failed(why: string): void {
    this.#member.context.report({ code: 'switchoverFailed', group: this.#member.id, why });
  }
}
