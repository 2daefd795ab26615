/**
 * Terms: which counter the next activation gets, and when more counters must be reserved on disk. Counters are reserved
 * in blocks ahead of need, so that an activation writes nothing.
 */
import { compareTerms, type GroupId, type NodeId, noTerm, type Term } from '../wire/control/message.ts';
import type { Instant } from './time.ts';

export class Terms {
  readonly #self: NodeId;
  readonly #floor: number;
  readonly #seen = new Map<GroupId, { readonly term: Term; readonly since: Instant }>();
  /** Strict groups: the highest counter that was promised to anybody, or that a voter held against us. */
  readonly #raised = new Map<GroupId, number>();
  #block: number;
  #ceiling: number;
  #requested: number;
  #highest: number;

  /** `floor`: counters up to it may have been used by an earlier life of this member. */
  constructor(start: { self: NodeId; block: number; ceiling: number; floor: number }) {
    this.#self = start.self;
    this.#floor = start.floor;
    this.#block = start.block;
    this.#ceiling = start.ceiling;
    this.#requested = start.ceiling;
    this.#highest = start.floor;
  }

  /** The highest term seen for the group, from whomever; `noTerm` if none. */
  seen(group: GroupId): Term {
    return this.#seen.get(group)?.term ?? noTerm;
  }

  /** When that one was heard of; undefined: none was. */
  seenSince(group: GroupId): Instant | undefined {
    return this.#seen.get(group)?.since;
  }

  /** True when it is higher than every one seen before. */
  note(group: GroupId, term: Term, now: Instant): boolean {
    if (compareTerms(term, this.seen(group)) <= 0) return false;
    this.#seen.set(group, { term, since: now });
    this.#highest = Math.max(this.#highest, term.counter);
    return true;
  }

  /**
   * A term above every one seen, for an activation of ours; `reserved` is false when the disk does not know it. It counts
   * as seen when the activation succeeds or fails: to name it before would be to give it up.
   */
  next(group: GroupId): { readonly term: Term; readonly reserved: boolean } {
    const counter = Math.max(this.seen(group).counter, this.#raised.get(group) ?? 0, this.#floor) + 1;
    const term: Term = { counter, member: this.#self };
    return { term, reserved: this.covers(term) };
  }

  /** The term may come into use, though nobody was seen to hold it: our next one goes above. */
  raise(group: GroupId, { counter }: Term): void {
    this.#raised.set(group, Math.max(this.#raised.get(group) ?? 0, counter));
    this.#highest = Math.max(this.#highest, counter);
  }

  /** The disk knows of it: a later life of ours begins above it. */
  covers({ counter }: Term): boolean {
    return counter <= this.#ceiling;
  }

  reserved(ceiling: number): void {
    this.#ceiling = Math.max(this.#ceiling, ceiling);
    this.#requested = Math.max(this.#requested, this.#ceiling);
  }

  resize(block: number): void {
    this.#block = block;
  }

  /** The ceiling to ask the disk for, once, when less than half a block is left; else undefined. */
  shortfall(): number | undefined {
    if (this.#requested - this.#highest >= this.#block / 2) return undefined;
    this.#requested = this.#highest + this.#block;
    return this.#requested;
  }
}
