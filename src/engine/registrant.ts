/**
 * The member's side of a registration (RFC 5944 §3.3 in spirit): says to its proxy what it is, again whenever that
 * changes and before the lifetime runs out, and with growing patience while nothing answers. A member whose proxy is gone
 * reaches nobody: that is a predetermined state like a failing check.
 */
import {
  type BootNonce,
  type ControlMessage,
  ControlType,
  compareTerms,
  type MemberState,
  type NodeId,
  RegistrationCode,
  type Term,
} from '../wire/control/message.ts';
import type { Member } from './member.ts';
import type { PeerWatch } from './peer.ts';
import { type Instant, later } from './time.ts';
import type { Timer } from './timers.ts';

/** A request that nothing answers is said again after one interval, then after twice that, up to so many. */
const backOffIntervalsMax = 64;

const untold = 'the proxy has not accepted the registration yet';
const refusals: Readonly<Record<RegistrationCode, string>> = {
  [RegistrationCode.accepted]: '',
  [RegistrationCode.lowerTerm]: 'the proxy knows a higher term',
  [RegistrationCode.notYourProxy]: 'the proxy does not serve this member',
  [RegistrationCode.stopping]: 'the proxy stops',
  [RegistrationCode.unable]: 'the proxy is unable to serve',
};

export class Registrant {
  readonly #member: Member;
  readonly #proxy: NodeId;
  readonly #retry: Timer;
  readonly #renew: Timer;
  #identification = 0;
  /** The boot of the proxy that was spoken to last. */
  #boot: BootNonce = 0;
  /** What the proxy has confirmed. */
  #heard: MemberState | undefined;
  #said: { readonly state: MemberState; readonly term: Term } | undefined;
  #acceptedUntil: Instant | undefined;
  #refusal = untold;
  /** The last refusal: said again, it is no news. */
  #refused: RegistrationCode | undefined;
  /** How often in a row the proxy was unable. */
  #refusals = 0;
  #rounds = 0;
  #wasRegistered = false;

  constructor(member: Member, proxy: NodeId) {
    this.#member = member;
    this.#proxy = proxy;
    const { timers } = member.context;
    this.#retry = timers.create('register', () => this.#say());
    this.#renew = timers.create('renewRegistration', () => this.say());
  }

  /** The proxy has accepted what we are. */
  get registered(): boolean {
    return this.lack === undefined;
  }

  /** Why nobody can be served through the proxy; undefined when all is well. */
  get lack(): string | undefined {
    const peer = this.#peer;
    if (peer === undefined || !peer.up) return 'the proxy is gone';
    if (this.#acceptedUntil === undefined) return this.#refusal;
    if (this.#member.context.now >= this.#acceptedUntil) return 'the registration ran out';
    return this.stops ? 'the proxy stops' : undefined;
  }

  /** The proxy was there and is not any more: what it would forward is lost, so nothing need be drained. */
  get gone(): boolean {
    return this.#wasRegistered && this.#peer?.up !== true;
  }

  /** It stops in order, and wants to be relieved while it still serves. */
  get stops(): boolean {
    return this.#peer?.standing(this.#member.id)?.relieveMe === true;
  }

  /**
   * The proxy has confirmed what we are now, or there is none to wait for: in a planned switchover nothing is given away, and
   * nothing promised, before the proxies keep what arrives.
   */
  get settled(): boolean {
    if (this.#peer?.up !== true || this.#acceptedUntil === undefined) return true;
    return this.#heard === this.#member.wireState;
  }

  /** It has never accepted anything in this life. */
  get untried(): boolean {
    return !this.#wasRegistered;
  }

  /** Our word changed, or must be renewed: one datagram now, and again until it is answered. */
  say(): void {
    this.#identification++;
    this.#rounds = 0;
    this.#say();
  }

  /** After every socket was drained, before anything is judged: does the proxy still live, and the same life? */
  look(): void {
    const peer = this.#peer;
    const boot = peer?.up ? peer.boot : 0;
    if (boot !== this.#boot) this.#changed(boot);
  }

  /** After everything was judged: is there something new to be said? */
  review(): void {
    if (this.#boot === 0) return;
    const { wireState, term } = this.#member;
    const same =
      this.#said !== undefined && this.#said.state === wireState && compareTerms(this.#said.term, term) === 0;
    if (!same) this.say();
  }

  /** The proxy's answer. Returns the term that it holds against us, when it knows a higher one. */
  answered(message: ControlMessage): Term | undefined {
    const { registration } = message;
    if (registration === undefined || this.#said === undefined) return undefined;
    // An answer to an earlier request says nothing about what we are now.
    if (registration.identification !== this.#identification) return undefined;
    this.#retry.cancel();
    const { context, id: group } = this.#member;
    const { code, lifetimeMs } = registration;
    if (code === RegistrationCode.accepted) {
      this.#accept(lifetimeMs * 1000);
      return undefined;
    }
    const proxy = this.#proxy;
    const member = context.config.self;
    if (this.#refused !== code) {
      context.report({ code: 'registrationRefused', group, member, proxy, why: code, term: message.term });
    }
    this.#refused = code;
    // What the proxy's kernel refused once it may grant soon.
    const soon = code === RegistrationCode.unable ? 2 ** this.#refusals++ : backOffIntervalsMax;
    const intervals = Math.min(soon, backOffIntervalsMax);
    this.#renew.arm(later(context.now, intervals * context.config.heartbeatIntervalUs));
    // Whoever holds a lower term has only to give it up; the proxy has not failed.
    if (code === RegistrationCode.lowerTerm) return message.term;
    this.#acceptedUntil = undefined;
    this.#refusal = refusals[code];
    return undefined;
  }

  /** The last word of a member that leaves: a lifetime of 0. Nothing more is said then. */
  withdraw(): void {
    this.#retry.cancel();
    this.#renew.cancel();
    if (this.#said === undefined) return;
    const { wireState: state, term } = this.#member;
    this.#identification++;
    if (this.#peer?.up) this.#emit({ state, term }, 0);
    this.#said = undefined;
  }

  get #peer(): PeerWatch | undefined {
    return this.#member.context.detector.peer(this.#proxy);
  }

  #accept(lifetimeUs: number): void {
    const { context, id: group } = this.#member;
    this.#acceptedUntil = later(context.now, lifetimeUs);
    this.#heard = this.#said?.state;
    this.#renew.arm(later(context.now, Math.floor(lifetimeUs / 3)));
    this.#refused = undefined;
    this.#refusals = 0;
    context.emit({ kind: 'resolve', group, node: this.#proxy });
    if (this.#wasRegistered) return;
    this.#wasRegistered = true;
    context.report({ code: 'proxyFound', group, proxy: this.#proxy, why: 'registered' });
  }

  /** Another life of the proxy, or none: what the former one accepted is void. */
  #changed(boot: BootNonce): void {
    const { context, id: group } = this.#member;
    if (this.#wasRegistered && this.#boot !== 0) {
      const why = boot === 0 ? 'the proxy is gone' : 'the proxy was started again';
      context.report({ code: 'proxyLost', group, proxy: this.#proxy, why });
    }
    this.#boot = boot;
    this.#said = undefined;
    this.#heard = undefined;
    this.#acceptedUntil = undefined;
    this.#refusal = untold;
    this.#refused = undefined;
    this.#refusals = 0;
    if (boot !== 0) this.#wasRegistered = false;
    this.#retry.cancel();
    this.#renew.cancel();
  }

  #say(): void {
    const { context, wireState: state, term } = this.#member;
    if (this.#peer?.up !== true) return;
    this.#said = { state, term };
    this.#emit(this.#said, Math.round(context.config.registrationUs / 1000));
    const intervals = Math.min(2 ** this.#rounds++, backOffIntervalsMax);
    this.#retry.arm(later(context.now, intervals * context.config.heartbeatIntervalUs));
  }

  #emit({ state, term }: { readonly state: MemberState; readonly term: Term }, lifetimeMs: number): void {
    const { context, id: group } = this.#member;
    context.emit({
      kind: 'send',
      peer: this.#proxy,
      type: ControlType.register,
      group,
      term,
      state,
      target: 0,
      registration: {
        identification: this.#identification,
        lifetimeMs,
        code: RegistrationCode.accepted,
      },
    });
  }
}
