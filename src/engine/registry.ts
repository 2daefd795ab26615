/**
 * Who is registered with this proxy for one group, and how each request is answered (RFC 5944 §3.8 in spirit). What a
 * member is, it also says in every heartbeat; a registration is the right to be served, for a limited time.
 */
import {
  type BootNonce,
  type ControlMessage,
  ControlType,
  compareTerms,
  type GroupId,
  type MemberState,
  type NodeId,
  RegistrationCode,
  type Term,
} from '../wire/control/message.ts';
import type { Context } from './context.ts';
import type { PeerWatch } from './peer.ts';
import { holdsRole } from './standing.ts';
import { type Instant, later } from './time.ts';

interface Entry {
  readonly boot: BootNonce;
  readonly identification: number;
  readonly expires: Instant;
  readonly state: MemberState;
  readonly term: Term;
}

/** What a request comes to. */
export interface Judgement {
  readonly code: RegistrationCode;
  /** Granted, microseconds. */
  readonly lifetimeUs: number;
  /** It was answered before: a copy on another path, or said again because the answer was lost. */
  readonly again: boolean;
}

/** What every reply says beside the judgement: the proxy's own state, and the highest term it knows. */
export interface Header {
  readonly state: MemberState;
  readonly term: Term;
}

export class Registry {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #members: readonly NodeId[];
  readonly #entries = new Map<NodeId, Entry>();
  /** The last request of each member's present boot, accepted or not: what has a lower number is an old copy. */
  readonly #latest = new Map<NodeId, { readonly boot: BootNonce; readonly identification: number }>();
  /** The last refusal of each member: said again, it is no news. */
  readonly #refused = new Map<NodeId, RegistrationCode>();
  /** The highest term each member was told of by a refusal. */
  readonly #told = new Map<NodeId, Term>();

  constructor(context: Context, group: GroupId, members: readonly NodeId[]) {
    this.#context = context;
    this.#group = group;
    this.#members = members;
  }

  /** The members registered here, in the order of the configuration. */
  get registered(): readonly NodeId[] {
    return this.#members.filter((id) => this.#entries.has(id));
  }

  has(member: NodeId): boolean {
    return this.#entries.has(member);
  }

  /** Until it runs out, microseconds. */
  remainingUs(member: NodeId): number {
    const entry = this.#entries.get(member);
    return entry === undefined ? 0 : Math.max(0, entry.expires - this.#context.now);
  }

  /** When the next one runs out. */
  get nextExpiry(): Instant | undefined {
    let next: Instant | undefined;
    for (const { expires } of this.#entries.values())
      if (next === undefined || expires < next) next = expires;
    return next;
  }

  /**
   * Judges a request and keeps what is accepted. Undefined: an old copy, no answer. `seen`: the highest term known;
   * `unwilling`: why nobody new can be served at present.
   */
  judge(
    peer: PeerWatch,
    message: ControlMessage,
    seen: Term,
    unwilling: RegistrationCode | undefined,
  ): Judgement | undefined {
    const { registration, state, term } = message;
    if (registration === undefined) return undefined;
    if (!this.#members.includes(peer.id)) return this.#refuse(peer.id, RegistrationCode.notYourProxy, seen);
    const { identification, lifetimeMs } = registration;
    const latest = this.#latest.get(peer.id);
    const former = latest?.boot === peer.boot ? latest.identification : 0;
    if (identification < former) return undefined;
    this.#latest.set(peer.id, { boot: peer.boot, identification });
    const again = identification === former;
    if (lifetimeMs === 0) {
      this.#end(peer.id, 'withdrawn');
      return { code: RegistrationCode.accepted, lifetimeUs: 0, again };
    }
    if (unwilling !== undefined) return this.#refuse(peer.id, unwilling, seen);
    if (holdsRole(state) && compareTerms(term, seen) < 0)
      return this.#refuse(peer.id, RegistrationCode.lowerTerm, seen);
    const lifetimeUs = Math.min(lifetimeMs * 1000, this.#context.config.registrationUs);
    const expires = later(this.#context.now, lifetimeUs);
    this.#keep(peer.id, { boot: peer.boot, identification, expires, state, term });
    return { code: RegistrationCode.accepted, lifetimeUs, again };
  }

  /** Forgets what ran out, and what a former life of a member had asked for. */
  sweep(): void {
    for (const [member, { boot, expires }] of this.#entries) {
      const peer = this.#context.detector.peer(member);
      if (peer?.boot !== boot) this.#entries.delete(member);
      else if (this.#context.now >= expires) this.#end(member, 'expired');
    }
  }

  /** What was accepted cannot be kept: the kernel refused. */
  revoke(member: NodeId, header: Header): void {
    const entry = this.#entries.get(member);
    if (entry === undefined) return;
    const judgement = this.#refuse(member, RegistrationCode.unable, header.term);
    this.reply(member, entry.identification, judgement, header);
  }

  /** A registered member does not know of the term in the header: it is told once, and stays registered. */
  tell(member: NodeId, header: Header): void {
    const entry = this.#entries.get(member);
    if (entry === undefined || this.hasTold(member, header.term)) return;
    const judgement = this.#refuse(member, RegistrationCode.lowerTerm, header.term);
    this.reply(member, entry.identification, judgement, header);
  }

  hasTold(member: NodeId, term: Term): boolean {
    const told = this.#told.get(member);
    return told !== undefined && compareTerms(told, term) >= 0;
  }

  reply(peer: NodeId, identification: number, { code, lifetimeUs }: Judgement, header: Header): void {
    this.#context.emit({
      kind: 'send',
      peer,
      type: ControlType.registered,
      group: this.#group,
      term: header.term,
      state: header.state,
      target: 0,
      registration: { identification, lifetimeMs: Math.round(lifetimeUs / 1000), code },
    });
  }

  #keep(member: NodeId, entry: Entry): void {
    const before = this.#entries.get(member);
    this.#entries.set(member, entry);
    this.#refused.delete(member);
    const { boot, state, term } = entry;
    if (before?.boot === boot && before.state === state && compareTerms(before.term, term) === 0) return;
    this.#context.report({ code: 'registered', group: this.#group, member, state, term });
  }

  /** Whoever holds a lower term stays registered: it gives the role up when it hears the answer, and says so. */
  #refuse(member: NodeId, why: RegistrationCode, term: Term): Judgement {
    if (why === RegistrationCode.lowerTerm) this.#told.set(member, term);
    else this.#entries.delete(member);
    if (this.#refused.get(member) !== why) {
      this.#refused.set(member, why);
      const proxy = this.#context.config.self;
      this.#context.report({ code: 'registrationRefused', group: this.#group, member, proxy, why, term });
    }
    return { code: why, lifetimeUs: 0, again: false };
  }

  #end(member: NodeId, why: 'expired' | 'withdrawn'): void {
    if (!this.#entries.delete(member)) return;
    this.#context.report({ code: 'registrationEnded', group: this.#group, member, why });
  }
}
