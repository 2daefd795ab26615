/**
 * What must hold, judged from outside: the engine is not asked whether it is right. Time is world time, microseconds.
 *
 * A voice is who answers hosts: a member on their LAN with an open fence, or a proxy that answers with its fence open. When
 * there may be two is in rivals.ts, who may give the role up in causes.ts.
 */
import {
  type ControlMessage,
  compareTerms,
  MemberState,
  type NodeId,
  type Term,
} from '../wire/control/message.ts';
import { Causes } from './causes.ts';
import { Debuts } from './debuts.ts';
import { Knowledge, said } from './knowledge.ts';
import type { Machine } from './machine.ts';
import { longUs, placeOf } from './plan.ts';
import { Rivals } from './rivals.ts';
import { Service } from './service.ts';
import type { World } from './world.ts';

/** Every change of role follows a cause by less than this: the longest grace and time-out, twice; ten counts to preempt. */
const cause = { us: 600_000, counts: 12 };

export class Checker {
  readonly #world: World;
  readonly #knowledge: Knowledge;
  readonly #service: Service;
  readonly #causes: Causes;
  readonly #rivals: Rivals;
  #causedAt = 0;
  /** The term that each proxy served when its lease ended, and when that was. */
  readonly #lapsed = new Map<NodeId, { readonly term: Term; readonly at: number }>();
  readonly #debuts: Debuts;
  #excusedUntil = 0;
  /** Who was a voice when that was last looked at. */
  readonly #spoken = new Set<NodeId>();
  #moves = 0;

  constructor(world: World) {
    this.#world = world;
    this.#knowledge = new Knowledge(world);
    this.#service = new Service(world);
    this.#causes = new Causes(world, this.#knowledge);
    this.#rivals = new Rivals(world, this.#knowledge);
    this.#debuts = new Debuts(world);
  }

  get activations(): number {
    return this.#knowledge.activations;
  }

  get takeovers(): number {
    return this.#knowledge.takeovers;
  }

  /** How often a fence was opened, and hosts were served by somebody or no longer. */
  get moves(): number {
    return this.#moves;
  }

  /** The network or a scheduler misbehaves now. */
  disturbed(): void {
    this.#rivals.disturbed();
    this.caused();
  }

  /** Something happened that may move a role. */
  caused(): void {
    this.#causedAt = this.#now;
  }

  /** The hosts' LAN, too. */
  lanDisturbed(): void {
    this.#debuts.disturbed();
  }

  /** Until then, roles may move or stay for a reason that nothing else tells. */
  excuseUntil(us: number): void {
    this.#excusedUntil = Math.max(this.#excusedUntil, us);
  }

  /** The kernel refused to open its fence. */
  refused(machine: Machine): void {
    this.#causes.refused(machine);
    this.#debuts.over(machine);
    this.disturbed();
  }

  /** An operator wants it active whatever it finds. */
  overruled(machine: Machine): void {
    this.#debuts.over(machine);
  }

  /** An operator wants the role to move. */
  asked(): void {
    this.#causes.asked();
  }

  diskLost({ id }: Machine): void {
    this.#knowledge.diskLost(id);
  }

  started(machine: Machine): void {
    this.#knowledge.started(machine.id);
    this.#debuts.started(machine);
  }

  heard(machine: Machine, message: ControlMessage): void {
    this.#knowledge.heard(machine.id, message);
    this.#debuts.heard(machine, message);
  }

  heardAnnouncement(machine: Machine, from: NodeId): void {
    const place = this.#voices.find(({ id }) => id === from);
    // What was not true says nothing.
    if (place !== undefined) this.#service.heardAnnouncement(machine, this.#termOf(place));
  }

  /** A member opens its fence. */
  activated(machine: Machine, term: Term): void {
    const { id } = machine;
    this.#world.trace(id, () => `opens its fence with term ${said(term)}`);
    const objection = this.#knowledge.objection(id, term) ?? this.#debuts.objection(machine);
    if (objection !== undefined) this.#fail(objection);
    this.#moves++;
    this.#debuts.activated(machine);
    this.#knowledge.activated(id, term, term.counter <= machine.disk.ceiling);
    if (this.#uncaused) this.#fail(`member ${id} activates without a cause`);
    if (machine.pinnedAs === 'standby')
      this.#fail(`member ${id} activates, though it is pinned as a standby`);
    this.#mustBeAlone(machine);
    for (const other of this.#world.machines) {
      if (other === machine) continue;
      const rivalry = this.#isServed(other) ? this.#rivals.objection(machine, other) : undefined;
      if (rivalry !== undefined) this.#fail(rivalry);
    }
    this.caused();
    this.voicesChanged(machine);
  }

  /** A proxy opens its fence, for the member that holds the term. */
  served(machine: Machine, term: Term): void {
    const { id } = machine;
    this.#world.trace(id, () => `opens its fence for term ${said(term)}`);
    const known = this.#knowledge.servedBy(id);
    if (compareTerms(term, known) < 0)
      this.#fail(`proxy ${id} serves ${said(term)}, but heard of ${said(known)}`);
    if (placeOf(this.#world.plan, term.member) !== id)
      this.#fail(`proxy ${id} serves a member that is not its own`);
    if (compareTerms(term, this.#knowledge.lastTerm(term.member)) > 0)
      this.#fail(`proxy ${id} serves ${said(term)}, which nobody holds`);
    if (this.#uncaused) this.#fail(`proxy ${id} serves without a cause`);
    this.#judgeLapsed(machine, term);
    this.#moves++;
    this.caused();
  }

  /** Closes its fence, which was open. A pinned active member does so for a higher term only, and to stop. */
  yielded(machine: Machine): void {
    const { id, pinnedAs, stopping } = machine;
    const objection = machine.open && machine.isMember ? this.#causes.objection(machine) : undefined;
    if (objection !== undefined) this.#fail(objection);
    // In a strict group the votes may have run out.
    if (pinnedAs !== 'active' || stopping || this.#world.plan.quorum !== undefined) return;
    if (compareTerms(this.#knowledge.toldOf(id), this.#knowledge.lastTerm(id)) > 0) return;
    this.#fail(`member ${id} gives the role up, though it is pinned`);
  }

  /** Whoever runs renews in time. */
  leaseEnded(machine: Machine): void {
    const { id, isProxy, isMember, front, steadyUs } = machine;
    if (isMember && steadyUs > this.#world.plan.leaseUs && this.#causes.keepsVotes(machine))
      this.#fail(`the lease of member ${id} ends, though it has run for ${steadyUs} µs`);
    if (isProxy) this.#lapsed.set(id, { term: this.#knowledge.lastTerm(front.routesTo), at: this.#now });
  }

  /** A member that holds the role has renewed its lease. */
  renewed(machine: Machine): void {
    if (machine.isMember) this.#mustBeAlone(machine);
  }

  /** In a strict group. The kernel of one whose process is gone serves on until its lease ends. */
  #mustBeAlone(machine: Machine): void {
    if (this.#world.plan.quorum === undefined) return;
    const other = this.#world.machines.find(
      (each) => each !== machine && each.isMember && each.fence.open(this.#now),
    );
    if (other !== undefined)
      this.#fail(`members ${machine.id} and ${other.id} hold the group at one time, in a strict group`);
  }

  /** Follows how long there are two voices. */
  voicesChanged(machine: Machine): void {
    this.#debuts.voicesChanged(machine);
    if (machine.isVoice !== this.#spoken.has(machine.id)) {
      this.#moves++;
      if (machine.isVoice) this.#spoken.add(machine.id);
      else this.#spoken.delete(machine.id);
    }
    if (machine.isProxy)
      this.#world.trace(machine.id, () => (machine.isVoice ? 'is a voice' : 'is no voice'));
    this.#rivals.follow(this.#voices);
  }

  /** Called often: two voices must end soon after the disturbance that excused them, and hosts be served. */
  tick(): void {
    if (this.#now < this.#excusedUntil) this.caused();
    const lack = this.#service.lack(this.#now - this.#causedAt);
    if (lack !== undefined) this.#fail(lack);
    const overlong = this.#rivals.overlong(this.#voices);
    if (overlong !== undefined) this.#fail(overlong);
  }

  /** After a turn of its loop, a proxy that heard of a higher term at another place answers no longer. */
  turned(machine: Machine): void {
    const announced = this.#service.takeAnnounced(machine.id);
    if (!machine.isProxy || !machine.isVoice) return;
    const { id } = machine;
    const term = this.#termOf(machine);
    // An announcement names no term: of two that decided at one time the proxy hears in its next turn who is above.
    if (compareTerms(announced, term) > 0 && !this.#rivals.coincide(announced.member, term.member))
      this.#fail(`proxy ${id} answers for ${said(term)}, but heard the announcement of ${said(announced)}`);
    const objection = this.#service.objection(machine, this.#rivals.quiet);
    if (objection !== undefined) this.#fail(objection);
    const known = this.#knowledge.servedBy(id);
    if (placeOf(this.#world.plan, known.member) !== id && compareTerms(known, term) > 0)
      this.#fail(`proxy ${id} answers for ${said(term)}, but heard of ${said(known)}`);
  }

  spoke(machine: Machine, what: string): void {
    const { id } = machine;
    // What leaves a moment after the kernel closed the fence by itself is lost, and nobody's fault.
    const may = this.#world.plan.quorum === undefined ? machine.open : machine.fence.held;
    if (!may) this.#fail(`${id} ${what} with its fence closed`);
    if (machine.isProxy && !machine.front.answers) this.#fail(`proxy ${id} ${what} while it does not answer`);
  }

  /** After the faults ceased and the bound passed: one active member, known to all and reached; nothing left over. */
  settled(): void {
    const { machines, hosts } = this.#world;
    const active = machines.filter((each) => each.isMember && each.open);
    // For the reader of a failure only.
    const states = machines.map((each) => `${each.id}: ${each.state}`).join(', ');
    if (active.length !== 1) this.#fail(`${active.length} members are active (${states})`);
    const [only] = active;
    for (const machine of machines) {
      if (machine.isMember) this.#settledMember(machine, only, states);
      if (machine.front.holds) this.#fail(`${machine.id} holds packets for ever`);
    }
    const voices = this.#voices.map(({ id }) => id);
    if (voices.length !== 1) this.#fail(`${voices.length} voices: ${voices.join(', ')} (${states})`);
    for (const end of hosts.certainEnds) {
      if (end !== only)
        this.#fail(`a packet ${typeof end === 'string' ? end : `reaches ${end.id}`} (${states})`);
    }
  }

  #settledMember(machine: Machine, only: Machine | undefined, states: string): void {
    const { id } = machine;
    const word = this.#knowledge.lastWord(id);
    const { missCount, intervalUs } = this.#world.plan;
    if (only !== undefined && machine !== only) {
      const silentUs = this.#knowledge.silenceUs(only.id, id);
      if (silentUs > missCount * intervalUs)
        this.#fail(`member ${id} has not heard of member ${only.id} for ${silentUs} µs (${states})`);
    }
    const due = machine === only ? MemberState.active : MemberState.standby;
    if (word?.state !== due) this.#fail(`member ${id} says it is in state ${word?.state} (${states})`);
  }

  /** Hosts reach it: it is on their LAN, or its proxy answers for it and routes to it. */
  #isServed(member: Machine): boolean {
    if (!member.isMember || !member.open) return false;
    const place = placeOf(this.#world.plan, member.id);
    if (place === member.id) return true;
    const proxy = this.#world.machines.find(({ id }) => id === place);
    return proxy?.isVoice === true && proxy.front.routesTo === member.id && !proxy.front.holds;
  }

  /**
   * Whoever was silenced by the end of its lease listens before it serves the same term again: for the wait of one rank. What
   * it could not hear in that time, because it was cut off from all, it may hear late, as any other proxy.
   */
  #judgeLapsed(machine: Machine, term: Term): void {
    const { id } = machine;
    const lapsed = this.#lapsed.get(id);
    this.#lapsed.delete(id);
    const { missCount, intervalUs } = this.#world.plan;
    if (lapsed === undefined || compareTerms(lapsed.term, term) !== 0) return;
    if (this.#now - lapsed.at > (missCount + 1) * intervalUs) return;
    for (const voice of this.#voices) {
      const other = this.#termOf(voice);
      if (voice !== machine && compareTerms(other, term) > 0 && this.#world.network.reaches(voice.id, id))
        this.#fail(
          `proxy ${id} serves ${said(term)} again after its lease ended, and ${said(other)} is served`,
        );
    }
  }

  /** The term that a voice speaks by. */
  #termOf({ isProxy, front, id }: Machine): Term {
    return this.#knowledge.lastTerm(isProxy ? front.routesTo : id);
  }

  get #voices(): readonly Machine[] {
    return this.#world.machines.filter((each) => each.isVoice);
  }

  get #now(): number {
    return this.#world.agenda.now;
  }

  get #uncaused(): boolean {
    const { plan } = this.#world;
    const heldBackUs = plan.preempt ? plan.damping.maxUs : 0;
    return this.#now - this.#causedAt > longUs(plan, cause) + heldBackUs;
  }

  #fail(what: string): never {
    this.#world.fail(what);
  }
}
