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
}

/** What a request comes to. */
export interface Judgement {
  readonly code: RegistrationCode;
  /** Granted, microseconds. */
  readonly lifetimeUs: number;
  /** It was answered before: a copy on another path, or said again because the answer was lost. */
  readonly again: boolean;
}

export class Registry {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #members: readonly NodeId[];
  readonly #entries = new Map<NodeId, Entry>();
  /** The last refusal of each member: said again, it is no news. */
  readonly #refused = new Map<NodeId, RegistrationCode>();

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

  /** Judges a request and keeps what is accepted. Undefined: an old copy, no answer. `seen`: the highest term known. */
  judge(peer: PeerWatch, message: ControlMessage, seen: Term): Judgement | undefined {
    const { registration, state, term } = message;
    if (registration === undefined) return undefined;
    if (!this.#members.includes(peer.id)) return this.#refuse(peer.id, RegistrationCode.notYourProxy, seen);
    const known = this.#entries.get(peer.id);
    const former = known?.boot === peer.boot ? known.identification : 0;
    if (registration.identification < former) return undefined;
    if (this.#context.stopping && !this.#entries.has(peer.id))
      return this.#refuse(peer.id, RegistrationCode.stopping, seen);
    if (holdsRole(state) && compareTerms(term, seen) < 0)
      return this.#refuse(peer.id, RegistrationCode.lowerTerm, seen);
    this.#refused.delete(peer.id);
    const lifetimeUs = Math.min(registration.lifetimeMs * 1000, this.#context.config.registrationUs);
    if (lifetimeUs === 0) this.#end(peer.id, 'withdrawn');
    else {
      const expires = later(this.#context.now, lifetimeUs);
      const { identification } = registration;
      this.#entries.set(peer.id, { boot: peer.boot, identification, expires });
    }
    const again = registration.identification === former;
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
  revoke(member: NodeId, state: MemberState, seen: Term): void {
    const entry = this.#entries.get(member);
    if (entry === undefined) return;
    this.reply(
      member,
      entry.identification,
      this.#refuse(member, RegistrationCode.unable, seen),
      state,
      seen,
    );
  }

  reply(
    peer: NodeId,
    identification: number,
    { code, lifetimeUs }: Judgement,
    state: MemberState,
    seen: Term,
  ): void {
    this.#context.emit({
      kind: 'send',
      peer,
      type: ControlType.registered,
      group: this.#group,
      term: seen,
      state,
      target: 0,
      registration: { identification, lifetimeMs: Math.round(lifetimeUs / 1000), code },
    });
  }

  #refuse(member: NodeId, why: RegistrationCode, term: Term): Judgement {
    this.#entries.delete(member);
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
