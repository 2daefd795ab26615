/** What each living machine can know, by what it heard and did: the highest term, who was heard when, and who serves. */
import {
  type ControlMessage,
  compareTerms,
  flagElsewhere,
  flagProxy,
  type GroupRecord,
  MemberState,
  type NodeId,
  noTerm,
  type PathId,
  type Term,
} from '../wire/control/message.ts';
import type { World } from './world.ts';

interface Activation {
  readonly member: NodeId;
  readonly term: Term;
  /** The disk knows of it. */
  readonly written: boolean;
  readonly at: number;
}

export class Knowledge {
  readonly #world: World;
  /** When `to` last believed a word of `from`, or of a proxy that `from` is served. */
  readonly #heard = new Map<number, number>();
  /** Whom each has heard since it was started. */
  readonly #met = new Map<NodeId, Set<NodeId>>();
  readonly #said = new Map<NodeId, GroupRecord>();
  readonly #known = new Map<NodeId, Term>();
  /** The highest term that somebody was heard to hold or to serve. */
  readonly #servedBy = new Map<NodeId, Term>();
  /** The highest term in anything that was heard. */
  readonly #toldOf = new Map<NodeId, Term>();
  readonly #activations: Activation[] = [];
  /** When each lost its disk last. */
  readonly #lostAt = new Map<NodeId, number>();
  /** When `to` last heard `from`, by path. */
  readonly #heardOn = new Map<number, Map<PathId, number>>();
  /** When `to` last heard `from` itself say that it is active, and by which term. */
  readonly #heardActive = new Map<number, { readonly at: number; readonly term: Term }>();

  constructor(world: World) {
    this.#world = world;
  }

  get activations(): number {
    return this.#activations.length;
  }

  /** How often another member became active than the one before. */
  get takeovers(): number {
    return this.#activations.filter(({ member }, index) => {
      const before = this.#activations[index - 1];
      return before !== undefined && before.member !== member;
    }).length;
  }

  diskLost(id: NodeId): void {
    this.#lostAt.set(id, this.#world.agenda.now);
  }

  /** What it heard in its former life is forgotten; what it did itself is on its disk, unless that was lost since. */
  started(id: NodeId): void {
    this.#known.delete(id);
    this.#servedBy.delete(id);
    this.#met.delete(id);
    for (const met of this.#met.values()) met.delete(id);
    for (const { id: other } of this.#world.machines) {
      this.#heardOn.delete(pair(id, other));
      this.#heardOn.delete(pair(other, id));
    }
    this.#toldOf.delete(id);
    for (const activation of this.#activations)
      if (activation.member === id && this.#isOnDisk(activation)) this.#learn(id, activation.term);
  }

  heard(id: NodeId, message: ControlMessage): void {
    this.#heardOf(message.sender, id);
    this.#note(message, id);
    this.#meet(id, message.sender);
    raise(this.#toldOf, id, message.term);
    for (const record of message.groups) {
      this.#said.set(message.sender, record);
      raise(this.#toldOf, id, record.term);
      if (record.state === MemberState.active) this.#learn(id, record.term);
      if (record.state === MemberState.active || record.state === MemberState.draining)
        raise(this.#servedBy, id, record.term);
      if (tellsOfService(record)) this.#heardOf(record.term.member, id);
      if (record.state === MemberState.active && record.term.member === message.sender)
        this.#heardActive.set(pair(message.sender, id), { at: this.#world.agenda.now, term: record.term });
    }
  }

  /** Why this activation cannot be, or undefined. `written`: the disk knows of the term. */
  objection(id: NodeId, term: Term): string | undefined {
    const known = this.#known.get(id) ?? noTerm;
    if (compareTerms(term, known) <= 0)
      return `member ${id} activates with ${said(term)}, but knows of ${said(known)}`;
    const twice = this.#activations.some(
      (other) => compareTerms(term, other.term) === 0 && this.#isOnDisk(other),
    );
    return twice ? `term ${said(term)} is used twice` : undefined;
  }

  activated(id: NodeId, term: Term, written: boolean): void {
    this.#activations.push({ member: id, term, written, at: this.#world.agenda.now });
    this.#learn(id, term);
  }

  /** The term of the member's last activation. */
  lastTerm(member: NodeId): Term {
    return this.#last(member)?.term ?? noTerm;
  }

  activatedAt(member: NodeId): number {
    return this.#last(member)?.at ?? Number.NEGATIVE_INFINITY;
  }

  servedBy(id: NodeId): Term {
    return this.#servedBy.get(id) ?? noTerm;
  }

  /** Whether `one` has heard `other` in its present life. */
  hasMet(one: NodeId, other: NodeId): boolean {
    return this.#met.get(one)?.has(other) === true;
  }

  /** What it said of the group last, that anybody heard. */
  lastWord(id: NodeId): GroupRecord | undefined {
    return this.#said.get(id);
  }

  /** The highest term in anything that it heard in its present life. */
  toldOf(id: NodeId): Term {
    return this.#toldOf.get(id) ?? noTerm;
  }

  silenceUs(from: NodeId, to: NodeId): number {
    return this.#world.agenda.now - (this.#heard.get(pair(from, to)) ?? Number.NEGATIVE_INFINITY);
  }

  /** When `to` last heard `from` on the path, both in their present lives. */
  heardOnAt(path: PathId, from: NodeId, to: NodeId): number {
    return this.#heardOn.get(pair(from, to))?.get(path) ?? Number.NEGATIVE_INFINITY;
  }

  /** How long ago `from` itself told `to` that it is active by its present term. */
  activeHeardUs(from: NodeId, to: NodeId): number {
    const heard = this.#heardActive.get(pair(from, to));
    if (heard === undefined || compareTerms(heard.term, this.lastTerm(from)) !== 0)
      return Number.POSITIVE_INFINITY;
    return this.#world.agenda.now - heard.at;
  }

  /** Of the member that made it. */
  #isOnDisk({ member, written, at }: Activation): boolean {
    return written && at > (this.#lostAt.get(member) ?? Number.NEGATIVE_INFINITY);
  }

  #last(member: NodeId): Activation | undefined {
    return this.#activations.findLast((each) => each.member === member);
  }

  #meet(one: NodeId, other: NodeId): void {
    const met = this.#met.get(one);
    if (met === undefined) this.#met.set(one, new Set([other]));
    else met.add(other);
  }

  #note({ sender, path }: ControlMessage, to: NodeId): void {
    const key = pair(sender, to);
    const paths = this.#heardOn.get(key) ?? new Map<PathId, number>();
    this.#heardOn.set(key, paths.set(path, this.#world.agenda.now));
  }

  #heardOf(from: NodeId, to: NodeId): void {
    this.#heard.set(pair(from, to), this.#world.agenda.now);
  }

  #learn(id: NodeId, term: Term): void {
    raise(this.#known, id, term);
  }
}

/** Node numbers of simulated worlds are below 64. */
function pair(from: NodeId, to: NodeId): number {
  return from * 64 + to;
}

export function said(term: Term): string {
  return `${term.counter}.${term.member}`;
}

/** A proxy's word that the member of this term is served, by itself or at another place. */
function tellsOfService({ flags, state }: GroupRecord): boolean {
  if ((flags & flagProxy) === 0) return false;
  return state === MemberState.active || (flags & flagElsewhere) !== 0;
}

function raise(terms: Map<NodeId, Term>, id: NodeId, term: Term): void {
  if (compareTerms(term, terms.get(id) ?? noTerm) > 0) terms.set(id, term);
}
