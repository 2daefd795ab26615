/** A cluster in a seeded world: everything that happens follows from the seed. */
import type { Report } from '../engine/effect.ts';
import type { ControlMessage, NodeId, PathId } from '../wire/control/message.ts';
import { Agenda } from './agenda.ts';
import { Checker } from './checker.ts';
import { faultNames, inject } from './faults.ts';
import { Hosts } from './hosts.ts';
import { Lan } from './lan.ts';
import { Machine } from './machine.ts';
import { Network } from './network.ts';
import { drawPlan, lanOf, nodesOf, type Plan, resumptionUs } from './plan.ts';
import { Random } from './random.ts';
import type { Pace } from './tempo.ts';
import { SimulatedTethers } from './tethers.ts';
import type { PathPlan } from './wiring.ts';

/** How often the checkers look in a brisk world, microseconds. */
const lookUs = 1_000;
const preemptCounts = 12;
const shortShare = 0.85;
/** Chosen so that the worlds of seeds that tests name stay what they were: members only, available, no standstill. */
const shapeSalt = 59;
const policySalt = 195;
const tempoSalt = 401;
const upkeepSalt = 733;
const tetherSalt = 877;
const lanSalt = 980;
const hostSalt = 1201;

export interface WorldOptions {
  readonly pace?: Pace;
  readonly log?: ((line: string) => void) | undefined;
  /** Faults, by their order of drawing, that do not happen. */
  readonly omit?: ReadonlySet<number>;
}

export interface Outcome {
  readonly seed: number;
  /** What was found wrong, first thing first; empty when all held. */
  readonly violations: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly activations: number;
  /** Activations by another member than the one that was active last. */
  readonly takeovers: number;
  readonly datagrams: number;
  /** How many faults were drawn. */
  readonly drawn: number;
  /** How long it lasted, microseconds. */
  readonly worldUs: number;
  /** How often each change of state was made: "member standby>active", "proxy idle>serving". */
  readonly transitions: Readonly<Record<string, number>>;
}

class Violation extends Error {}

export class World {
  readonly agenda: Agenda = new Agenda();
  readonly random: Random;
  readonly plan: Plan;
  readonly network: Network;
  readonly machines: readonly Machine[];
  readonly checker: Checker;
  readonly hosts: Hosts;
  readonly lan: Lan;
  readonly #seed: number;
  readonly #omit: ReadonlySet<number>;
  readonly #tethers: SimulatedTethers;
  readonly #log: ((line: string) => void) | undefined;
  readonly #faults: Record<string, number> = {};
  readonly #transitions: Record<string, number> = {};
  #drawn = 0;
  #disturbances = 0;
  #lanDisturbances = 0;
  #datagrams = 0;
  #healed = false;

  constructor(seed: number, { pace = 'brisk', log, omit = new Set() }: WorldOptions = {}) {
    this.#seed = seed;
    this.#log = log;
    this.#omit = omit;
    this.random = new Random(seed);
    this.plan = drawPlan(pace, {
      random: this.random,
      shape: new Random(seed ^ shapeSalt),
      policy: new Random(seed ^ policySalt),
      tempo: new Random(seed ^ tempoSalt),
      lan: new Random(seed ^ lanSalt),
      upkeep: new Random(seed ^ upkeepSalt),
    });
    this.lan = new Lan(this, new Random(seed ^ lanSalt ^ 1));
    this.network = new Network(this.agenda, this.random, this.plan, () => this.checker.caused());
    this.machines = nodesOf(this.plan).map((id) => new Machine(this, id));
    this.checker = new Checker(this);
    this.hosts = new Hosts(this, new Random(seed ^ hostSalt));
    this.#tethers = new SimulatedTethers(this, new Random(seed ^ tetherSalt));
  }

  run(): Outcome {
    const violations: string[] = [];
    try {
      this.#play();
    } catch (error) {
      // A broken invariant of the engine is a finding like any other.
      const what = error instanceof Error ? error.message : String(error);
      violations.push(`at ${this.agenda.now} µs: ${what}`);
      if (!(error instanceof Violation) && error instanceof Error) this.trace(0, () => error.stack ?? what);
    }
    return {
      seed: this.#seed,
      violations,
      faults: this.#faults,
      drawn: this.#drawn,
      activations: this.checker.activations,
      takeovers: this.checker.takeovers,
      worldUs: this.agenda.now,
      datagrams: this.#datagrams,
      transitions: this.#transitions,
    };
  }

  fail(what: string): never {
    throw new Violation(what);
  }

  /** Whether the kernel opens a fence that is asked for: nearly always. */
  kernelAgrees(): boolean {
    const { calm, proxies } = this.plan;
    return calm || (this.#healed && proxies.length > 0) || !this.random.chance(0.01);
  }

  reported(machine: Machine, report: Report): void {
    this.trace(machine.id, () => JSON.stringify(report));
    if (report.code !== 'transition' && report.code !== 'proxyTransition') return;
    const what = `${report.code === 'transition' ? 'member' : 'proxy'} ${report.from}>${report.to}`;
    this.#transitions[what] = (this.#transitions[what] ?? 0) + 1;
  }

  announced(machine: Machine): void {
    this.hosts.announced(machine);
    this.lan.announced(machine);
  }

  trace(member: NodeId, line: () => string): void {
    this.#log?.(
      `${String(this.agenda.now).padStart(8)} ${(member === 0 ? '' : `[${member}]`).padEnd(5)}${line()}`,
    );
  }

  /** A time between two of a brisk world's, in this one. */
  span(lowUs: number, highUs: number): number {
    return this.random.between(lowUs, highUs) * this.plan.tempo.waits;
  }

  /** How long a machine that went down stays away. In slow worlds few do for long: who is alone takes nothing over. */
  awayUs(): number {
    const short = this.plan.tempo.beats > 1 && this.random.chance(shortShare);
    return this.span(3_000, short ? 150_000 : 600_000);
  }

  /** Unless the faults have ceased meanwhile. */
  after(us: number, run: () => void): void {
    this.agenda.after(us, () => {
      if (!this.#healed) run();
    });
  }

  /**
   * A disturbance of the network or of scheduling: it excuses two voices while it lasts and a moment longer. `spared`: the
   * hosts' LAN is as it was. `begin` returns what ends it.
   */
  disturb(us: number, begin: () => () => void, spared: 'lan' | 'nothing' = 'nothing'): void {
    const lan = spared === 'lan' ? 0 : 1;
    this.#disturbances++;
    this.#lanDisturbances += lan;
    this.#disturbed();
    const end = begin();
    this.agenda.after(us, () => {
      this.#disturbed();
      this.#disturbances--;
      this.#lanDisturbances -= lan;
      if (!this.#healed) end();
      this.trace(0, () => 'a disturbance ends');
    });
  }

  /** Returns what takes it back. */
  cut(path: PathId): () => void {
    const mend = this.network.cut(path);
    this.#carriersChanged();
    return () => {
      mend();
      this.#carriersChanged();
    };
  }

  /** The interface that a machine serves on has carrier. In a world of members only nobody looks. */
  serves(id: NodeId): boolean {
    const { plan, network } = this;
    if (plan.proxies.length === 0) return true;
    const proxy = plan.proxyOf.get(id);
    const path =
      proxy === undefined
        ? lanOf(plan)
        : plan.paths.find(({ cable, members }) => cable && members.includes(id) && members.includes(proxy));
    return path === undefined || network.carrier(path, id);
  }

  down(machine: Machine, how: 'process' | 'power'): void {
    machine.end(how);
    if (how === 'process') this.#tethers.died(machine);
    else {
      this.network.power(machine.id, false);
      this.#carriersChanged();
    }
    this.checker.voicesChanged(machine);
  }

  up(machine: Machine): void {
    if (machine.alive) return;
    this.checker.caused();
    this.checker.started(machine);
    const dark = machine.boot === 0 || !this.network.isPowered(machine.id);
    this.network.power(machine.id, true);
    this.trace(machine.id, () => 'starts');
    machine.start();
    if (dark && !this.#healed) this.lan.rose(machine);
    this.lan.started(machine);
    this.#carriersChanged();
  }

  /** It left in order; the operator starts it again some time later. */
  stopped(machine: Machine): void {
    this.trace(machine.id, () => 'stopped');
    if (machine.open) this.fail(`member ${machine.id} stops with its fence open`);
    this.down(machine, 'process');
    // Nobody stays away from a world that has been healed: it is to settle in time.
    this.agenda.after(this.#healed ? lookUs : this.awayUs(), () => this.up(machine));
  }

  transmit(path: PathPlan, from: NodeId, to: NodeId, message: ControlMessage): void {
    this.#datagrams++;
    const receiver = this.machines.find(({ id }) => id === to);
    this.network.send(path, from, to, () => receiver?.hear(path.id, message));
  }

  #play(): void {
    const { plan, random } = this;
    const lists = { priorities: [...plan.priorities], proxyOf: [...plan.proxyOf] };
    this.trace(0, () => JSON.stringify({ ...plan, ...lists, paths: undefined }));
    for (const { legs, ...path } of plan.paths)
      this.trace(0, () => JSON.stringify({ ...path, routed: legs !== undefined }));
    for (const machine of this.machines) {
      this.agenda.after(random.chance(0.5) ? random.between(0, 3_000) : this.span(0, 500_000), () =>
        this.up(machine),
      );
    }
    this.#tethers.begin();
    this.hosts.begin();
    this.#watch();
    this.#scheduleFaults();
    const { troubleUs, calmUs } = plan.tempo;
    // Whoever preempts waits until it is not held back, then for ten counts of missed heartbeats, and then takes a moment.
    const patienceUs = plan.damping.maxUs + preemptCounts * plan.missCount * plan.intervalUs;
    // Each of the others may do so after the one before.
    const rounds = plan.preempt ? plan.members.length - 1 : 0;
    const resumeUs = plan.takeOverOn.processDeath ? 0 : resumptionUs * plan.tempo.waits;
    const settleUs = plan.tempo.settleUs + rounds * patienceUs + resumeUs;
    this.agenda.runUntil(troubleUs);
    this.#heal();
    if (this.#settlesBefore(troubleUs + settleUs)) return;
    this.agenda.runUntil(troubleUs + settleUs);
    this.checker.settled();
    const { moves } = this.checker;
    this.agenda.runUntil(troubleUs + settleUs + calmUs);
    this.checker.settled();
    this.#mustStay(moves);
  }

  /** Most worlds settle long before the bound, and from then on cost heartbeats that change nothing. */
  #settlesBefore(boundUs: number): boolean {
    const { troubleUs, calmUs, leastUs } = this.plan.tempo;
    let moves: number | undefined;
    for (let at = troubleUs + calmUs; at < boundUs; at += calmUs) {
      this.agenda.runUntil(at);
      const before = moves;
      moves = this.#isSettled() && this.#canVote() ? this.checker.moves : undefined;
      if (before !== undefined && this.#mustStay(before) && moves !== undefined && at >= leastUs) return true;
    }
    return false;
  }

  /** Who is started anew promises nothing for as long as a promise lasts, and a majority may be lost by that. */
  #canVote(): boolean {
    const { quorum, missCount, intervalUs } = this.plan;
    if (quorum === undefined) return true;
    const leastUs = quorum.promiseUs + missCount * intervalUs;
    return this.machines.every(({ id, steadyUs }) => !quorum.voters.includes(id) || steadyUs > leastUs);
  }

  /** Nothing moves once it has settled, unless somebody takes a role back. Whether it stayed. */
  #mustStay(moves: number): boolean {
    if (this.checker.moves === moves) return true;
    if (!this.plan.preempt) this.fail('the role moved after everything had settled');
    return false;
  }

  #isSettled(): boolean {
    try {
      this.checker.settled();
      return true;
    } catch (error) {
      if (error instanceof Violation) return false;
      throw error;
    }
  }

  #scheduleFaults(): void {
    const names = faultNames(this.plan);
    const { faults, troubleUs } = this.plan.tempo;
    const count = this.random.between(...faults);
    this.#drawn = count;
    for (let index = 0; index < count; index++) {
      const name = this.random.pick(names);
      const us = this.random.between(0, troubleUs - 1);
      if (this.#omit.has(index)) continue;
      this.#faults[name] = (this.#faults[name] ?? 0) + 1;
      this.agenda.after(us, () => inject(this, name));
    }
  }

  #heal(): void {
    this.#healed = true;
    this.trace(0, () => 'all faults cease');
    this.checker.disturbed();
    this.network.healAll();
    this.lan.heal();
    this.network.lossless = true;
    // All of them first: whoever is asked how it is sees the carrier that the others give it.
    for (const { id } of this.machines) this.network.power(id, true);
    for (const machine of this.machines) {
      machine.frozenUntil = Math.min(machine.frozenUntil, this.agenda.now);
      machine.disk.mend();
      machine.slowAnswer = undefined;
      if (machine.alive) machine.check(true);
      else this.up(machine);
      machine.pin(false);
    }
    this.#carriersChanged();
  }

  #watch(): void {
    const { beats, waits } = this.plan.tempo;
    this.agenda.after(lookUs * waits * (beats > 1 ? 2 : 1), () => {
      this.#disturbed();
      this.checker.tick();
      this.#watch();
    });
  }

  #disturbed(): void {
    if (this.#disturbances > 0) this.checker.disturbed();
    if (this.#lanDisturbances > 0) this.checker.lanDisturbed();
  }

  #carriersChanged(): void {
    const us = this.random.between(50, 800);
    this.agenda.after(us, () => {
      for (const machine of this.machines) if (machine.alive) machine.carriersChanged();
    });
  }
}
