/**
 * What hosts get, judged from where their packets end and from who lives since when: a proxy keeps packets whose member is
 * dead, believes announcements, and whoever can be served is served.
 */
import { type NodeId, noTerm, type Term } from '../wire/control/message.ts';
import type { Machine } from './machine.ts';
import { longUs, placeOf, resumptionUs } from './plan.ts';
import type { World } from './world.ts';

/** Beyond the count of missed heartbeats: a young engine's patience, and what a turn takes. */
const settlingIntervals = 12;
const turnUs = 5_000;
/** A machine that has lived unharmed for so long is past its grace, and has registered. */
const steady = { us: 1_000_000, counts: 0 };
/** After the last event that may move a role, for so long, hosts may go without service. */
const unrest = { us: 350_000, counts: 5 };
/** And where an active member that starts anew is waited for. */
const resumption = { us: unrest.us + resumptionUs, counts: unrest.counts };
/** Later too, for so long: a member that takes the role back in order lets packets wait. */
const pause = { us: 50_000, counts: 0 };

export class Service {
  readonly #world: World;
  /** The announcement that a proxy has heard in this turn: the term behind it. */
  readonly #announced = new Map<NodeId, Term>();
  #unservedSince: number | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** `term`: of whom the other place answers for. */
  heardAnnouncement(machine: Machine, term: Term): void {
    this.#announced.set(machine.id, term);
  }

  /** The term behind what it heard announced in this turn. */
  takeAnnounced(id: NodeId): Term {
    const announced = this.#announced.get(id) ?? noTerm;
    this.#announced.delete(id);
    return announced;
  }

  /** After a turn of a proxy that answers: what is wrong with that, or undefined. `quiet`: nothing excuses it. */
  objection(machine: Machine, quiet: boolean): string | undefined {
    const { id, front } = machine;
    const { intervalUs, missCount } = this.#world.plan;
    const deadUs =
      this.#now - (this.#machine(front.routesTo)?.condition.deadSince ?? Number.POSITIVE_INFINITY);
    if (!quiet || front.holds || deadUs < (missCount + settlingIntervals) * intervalUs + turnUs)
      return undefined;
    return `proxy ${id} sends packets to member ${front.routesTo}, dead for ${deadUs} µs`;
  }

  /** Why hosts get nothing in a calm world in which nothing has happened for `quietUs`, and should; or undefined. */
  lack(quietUs: number): string | undefined {
    const { plan, machines } = this.#world;
    // A strict group may be without a majority for as long as the faults last.
    if (plan.quorum !== undefined) return this.#served();
    const { processDeath, status } = plan.takeOverOn;
    if (!plan.calm || !status || quietUs < longUs(plan, processDeath ? unrest : resumption))
      return this.#served();
    // Nor where somebody may not serve, or may not give it away.
    if (machines.some(({ pinnedAs }) => pinnedAs !== undefined)) return this.#served();
    const able = machines.find((machine) => machine.isMember && this.#isAble(machine));
    const end = this.#world.hosts.ends.find((each) => typeof each === 'string' || !each.open);
    if (able === undefined || end === undefined) return this.#served();
    this.#unservedSince ??= this.#now;
    if (this.#now - this.#unservedSince < longUs(this.#world.plan, pause)) return undefined;
    const fate = typeof end === 'string' ? end : `reaches ${end.id}, which is silent`;
    return `a packet ${fate}, though member ${able.id} could be served`;
  }

  #served(): undefined {
    this.#unservedSince = undefined;
  }

  #isAble(member: Machine): boolean {
    const place = this.#machine(placeOf(this.#world.plan, member.id));
    return [member, place].every(
      (each) =>
        each !== undefined && this.#now - each.condition.steadySince >= longUs(this.#world.plan, steady),
    );
  }

  #machine(id: NodeId): Machine | undefined {
    return this.#world.machines.find((machine) => machine.id === id);
  }

  get #now(): number {
    return this.#world.agenda.now;
  }
}
