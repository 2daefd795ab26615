/**
 * Why a member may give the role up, judged from how it is, what it has heard, what was asked for, and who can reach it.
 * Whoever has none of these causes keeps it: no takeover begins with a member that is well.
 */
import { compareTerms, type NodeId } from '../wire/control/message.ts';
import { contactUs } from './contact.ts';
import type { Knowledge } from './knowledge.ts';
import type { Machine } from './machine.ts';
import { longUs, placeOf } from './plan.ts';
import type { World } from './world.ts';

/** A wish, a check or a proxy may be the cause for so long: until a switchover that it begins has ended. */
const matter = { us: 400_000, counts: 2 };

export class Causes {
  readonly #world: World;
  readonly #knowledge: Knowledge;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** When the kernel last refused a machine its fence. */
  readonly #refusedAt = new Map<NodeId, number>();

  constructor(world: World, knowledge: Knowledge) {
    this.#world = world;
    this.#knowledge = knowledge;
  }

  /** Somebody has heard an operator's wish that the role move. */
  asked(): void {
    this.#askedAt = this.#now;
  }

  refused({ id }: Machine): void {
    this.#refusedAt.set(id, this.#now);
  }

  /** Why the member must not give the role up, or undefined. */
  objection(machine: Machine): string | undefined {
    const { id } = machine;
    const { takeOverOn, preempt, quorum } = this.#world.plan;
    if (machine.stopping) return undefined;
    if (compareTerms(this.#knowledge.toldOf(id), this.#knowledge.lastTerm(id)) > 0) return undefined;
    if (
      takeOverOn.status &&
      (this.#isFresh(machine.condition.sickUntil(this.#now)) || !this.#hasProxy(machine))
    )
      return undefined;
    if (this.#isFresh(this.#askedAt) || (preempt && this.#hasBetter(machine))) return undefined;
    if (quorum !== undefined && !this.keepsVotes(machine)) return undefined;
    return `member ${id} gives the role up, and has no cause`;
  }

  #isFresh(at: number): boolean {
    return this.#now - at < this.#matterUs;
  }

  /** Its proxy, if it has one, has been well for so long that it serves it. */
  #hasProxy(member: Machine): boolean {
    const place = placeOf(this.#world.plan, member.id);
    const proxy = this.#world.machines.find(({ id }) => id === place);
    if (proxy === undefined || proxy === member) return true;
    const refusedAt = this.#refusedAt.get(proxy.id) ?? Number.NEGATIVE_INFINITY;
    return !proxy.stopping && !this.#isFresh(refusedAt) && this.#reachUs(member, proxy) >= this.#matterUs;
  }

  #hasBetter({ id }: Machine): boolean {
    const { priorities } = this.#world.plan;
    const own = priorities.get(id) ?? 0;
    return this.#world.machines.some(
      (other) => other.isMember && other.alive && (priorities.get(other.id) ?? 0) > own,
    );
  }

  /** A majority of those that vote could hear it, and answer, for longer than any of their promises lasts. */
  keepsVotes(member: Machine): boolean {
    const { quorum, missCount, intervalUs } = this.#world.plan;
    if (quorum === undefined) return true;
    const enoughUs = quorum.promiseUs + 2 * missCount * intervalUs;
    const votes = this.#world.machines.filter(({ id }) => quorum.voters.includes(id));
    const sure = votes.filter((voter) => this.#reachUs(member, voter) >= enoughUs);
    return 2 * sure.length > votes.length;
  }

  #reachUs(one: Machine, other: Machine): number {
    return contactUs(this.#world, one, other) ?? 0;
  }

  get #matterUs(): number {
    return longUs(this.#world.plan, matter);
  }

  get #now(): number {
    return this.#world.agenda.now;
  }
}
