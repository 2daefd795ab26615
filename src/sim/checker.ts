/**
 * What must hold, judged from outside: the engine is not asked whether it is right. Time is world time, microseconds.
 *
 * Two open fences are excused when the second one had not heard the first for more than an interval (it had reason to
 * believe it dead), or when the network or a scheduler misbehaved a moment ago; even then they must end soon.
 */
import {
  type ControlMessage,
  compareTerms,
  MemberState,
  type NodeId,
  noTerm,
  type Term,
} from '../wire/control/message.ts';
import type { Machine } from './machine.ts';
import { group, leaseUs } from './plan.ts';
import type { World } from './world.ts';

/** After a disturbance, for so long, two open fences are excused: longer than any patience or wait of the engine. */
const excuseUs = 400_000;
/** Every change of role follows a cause by less than this: the longest grace and time-out of the plan, twice. */
const causeUs = 1_000_000;

export class Checker {
  readonly #world: World;
  /** When `to` last believed a word of `from`: "from>to". */
  readonly #heard = new Map<string, number>();
  /** The highest term each living member can know of. */
  readonly #known = new Map<NodeId, Term>();
  readonly #activations: { readonly member: NodeId; readonly term: Term; readonly written: boolean }[] = [];
  #disturbedAt = Number.NEGATIVE_INFINITY;
  #causedAt = 0;
  #overlapSince: number | undefined;
  #memoryLost = false;

  constructor(world: World) {
    this.#world = world;
  }

  get activations(): number {
    return this.#activations.length;
  }

  /** The network or a scheduler misbehaves now. */
  disturbed(): void {
    this.#disturbedAt = this.#now;
    this.caused();
  }

  /** Something happened that may move a role. */
  caused(): void {
    this.#causedAt = this.#now;
  }

  diskLost(): void {
    this.#memoryLost = true;
  }

  /** What it heard in its former life is forgotten; what it did itself is on its disk, unless that is lost. */
  started(machine: Machine): void {
    this.#known.delete(machine.id);
    if (this.#memoryLost) return;
    for (const { member, term, written } of this.#activations) {
      if (member === machine.id && written) this.#learn(member, term);
    }
  }

  heard(machine: Machine, message: ControlMessage): void {
    this.#heard.set(`${message.sender}>${machine.id}`, this.#now);
    for (const record of message.groups) {
      if (record.state === MemberState.active) this.#learn(machine.id, record.term);
    }
  }

  activated(machine: Machine, term: Term): void {
    const { id } = machine;
    this.#world.trace(id, () => `opens its fence with term ${term.counter}.${term.member}`);
    const known = this.#known.get(id) ?? noTerm;
    if (compareTerms(term, known) <= 0) {
      this.#fail(`member ${id} activates with ${said(term)}, but knows of ${said(known)}`);
    }
    for (const other of this.#activations) {
      const order = compareTerms(term, other.term);
      if (order === 0 && other.written && !this.#memoryLost) this.#fail(`term ${said(term)} is used twice`);
    }
    this.#activations.push({ member: id, term, written: term.counter <= machine.ceiling });
    this.#learn(id, term);
    if (this.#now - this.#causedAt > causeUs) this.#fail(`member ${id} activates without a cause`);
    for (const other of this.#world.machines)
      if (other !== machine && other.open) this.#judge(machine, other);
    this.fenceChanged(machine);
  }

  /** Follows how long two fences are open. */
  fenceChanged(machine: Machine): void {
    const open = this.#world.machines.filter((each) => each.open);
    if (open.length < 2) this.#overlapSince = undefined;
    else this.#overlapSince ??= this.#now;
    if (machine.open) this.caused();
  }

  /** Called often: an overlap must end soon after the disturbance that excused it. */
  tick(): void {
    const open = this.#world.machines.filter((each) => each.open);
    if (open.length < 2) {
      this.#overlapSince = undefined;
      return;
    }
    this.#overlapSince ??= this.#now;
    const since = Math.max(this.#overlapSince, this.#disturbedAt);
    const { intervalUs, missCount } = this.#world.plan;
    // One that is frozen keeps its lease for so long; then both must hear each other once.
    const boundUs = leaseUs + (missCount + 10) * intervalUs;
    if (this.#now - since > boundUs) {
      const names = open.map(({ id }) => id).join(' and ');
      this.#fail(`members ${names} speak both for ${this.#now - since} µs`);
    }
  }

  spoke(machine: Machine, what: string): void {
    if (!machine.open) this.#fail(`member ${machine.id} ${what} with its fence closed`);
  }

  /** After the faults ceased and the bound passed: one active member, known to all, and nothing left over. */
  settled(): void {
    const { machines } = this.#world;
    const active = machines.filter((each) => each.state === 'active' && each.open);
    const states = machines.map((each) => `${each.id}: ${each.state}`).join(', ');
    if (active.length !== 1) this.#fail(`${active.length} members are active (${states})`);
    const [only] = active;
    for (const machine of machines) {
      if (machine !== only && machine.open) this.#fail(`member ${machine.id} has its fence open (${states})`);
      const seen = machine.engine?.snapshot().groups.find(({ id }) => id === group)?.active;
      if (only !== undefined && seen !== only.id) {
        this.#fail(`member ${machine.id} believes ${seen} active, not ${only.id} (${states})`);
      }
      if (machine.holdsPackets) this.#fail(`member ${machine.id} holds packets for ever`);
    }
  }

  #judge(machine: Machine, holder: Machine): void {
    const silentUs = this.#silenceUs(holder, machine);
    const excused = silentUs >= 1.3 * this.#world.plan.intervalUs;
    if (excused && !this.#world.plan.calm) return;
    if (this.#now - this.#disturbedAt < excuseUs) return;
    this.#fail(
      `member ${machine.id} opens its fence while member ${holder.id} has its open, heard ${silentUs} µs ago`,
    );
  }

  #silenceUs(from: Machine, to: Machine): number {
    return this.#now - (this.#heard.get(`${from.id}>${to.id}`) ?? Number.NEGATIVE_INFINITY);
  }

  #learn(id: NodeId, term: Term): void {
    if (compareTerms(term, this.#known.get(id) ?? noTerm) > 0) this.#known.set(id, term);
  }

  get #now(): number {
    return this.#world.agenda.now;
  }

  #fail(what: string): void {
    this.#world.fail(what);
  }
}

function said(term: Term): string {
  return `${term.counter}.${term.member}`;
}
