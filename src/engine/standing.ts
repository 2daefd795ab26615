/**
 * What one peer says of itself in one group. Datagrams of several paths overtake each other, so an older word may arrive
 * after a newer one; terms tell which is which: within one boot a member's term in its records never falls, and a term
 * that was given up is never taken again.
 */
import {
  compareTerms,
  flagElsewhere,
  flagHandsOver,
  flagHeldBack,
  flagPinned,
  flagProxy,
  type GroupRecord,
  MemberState,
  type NodeId,
  noTerm,
  type Term,
} from '../wire/control/message.ts';

/** A record, or the part of it that a datagram about the group tells too. */
export type Word = Pick<GroupRecord, 'state' | 'term' | 'flags'> &
  Partial<Pick<GroupRecord, 'falls' | 'yourFalls'>>;

export class Standing {
  readonly #peer: NodeId;
  #state: MemberState = MemberState.starting;
  #term: Term = noTerm;
  /** The highest term of its own that it gave up. */
  #over: Term = noTerm;
  #flags = 0;

  constructor(peer: NodeId) {
    this.#peer = peer;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Active: the term it holds. Otherwise the highest term it has seen. */
  get term(): Term {
    return this.#term;
  }

  /** It holds the role, draining included. */
  get holds(): boolean {
    return holdsRole(this.#state);
  }

  /** It hands the role over, or waits to hear its chosen successor active. */
  get handsOver(): boolean {
    return (this.#flags & flagHandsOver) !== 0;
  }

  /** It lets other able members go before it. */
  get heldBack(): boolean {
    return (this.#flags & flagHeldBack) !== 0;
  }

  /** An operator has pinned its role: it does not give it away; not holding it, it does not take it. */
  get pinned(): boolean {
    return (this.#flags & flagPinned) !== 0;
  }

  /** What it says with its flags beside the step of a switchover that a datagram is about. */
  get lastingFlags(): number {
    return this.#flags & (flagHeldBack | flagPinned);
  }

  /** A proxy's word: the group is served by this term, by itself or at another place. */
  get served(): boolean {
    if ((this.#flags & flagProxy) === 0) return false;
    return this.#state === MemberState.active || (this.#flags & flagElsewhere) !== 0;
  }

  /** A proxy's word: it answers hosts, for somebody or because packets wait. */
  get answers(): boolean {
    return (this.#flags & flagProxy) !== 0 && (this.holds || this.#state === MemberState.holding);
  }

  /** A proxy's word: it still answers, but stops in order. */
  get relieveMe(): boolean {
    return (this.#flags & flagProxy) !== 0 && this.#state === MemberState.draining;
  }

  /** False: an older word than the one we have, nothing was changed. */
  note(record: Word): boolean {
    if (compareTerms(record.term, this.#term) < 0) return false;
    if (holdsRole(record.state)) {
      if (this.#over.counter > 0 && compareTerms(record.term, this.#over) <= 0) return false;
    } else if (record.term.member === this.#peer) {
      this.#over = record.term;
    }
    this.#flags = record.flags;
    this.#state = record.state;
    this.#term = record.term;
    return true;
  }
}

export function holdsRole(state: MemberState): boolean {
  return state === MemberState.active || state === MemberState.draining;
}
