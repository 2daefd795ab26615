/** Runs the machines of one lab: starts them, strikes, mends, and asks the stations what they saw. */
import { monotonicUs } from '../linux/clock.ts';
import type { Deed, Fault } from './fault.ts';
import { Injector } from './injector.ts';
import { nodesOf, placeOf, proxyOf } from './layout.ts';
import type { Sessions } from './pbx/sessions.ts';
import type { LabPlan, MemberPlan, NodePlan } from './plan.ts';
import { Probes } from './probes.ts';
import type { ServiceOptions } from './service.ts';
import { Station, scriptPath } from './station.ts';
import type { Stream } from './stream.ts';
import { Switchboard } from './switchboard.ts';
import type { System } from './system.ts';
import type { Witnessed } from './timeline.ts';
import { until } from './until.ts';

export interface DirectorOptions {
  readonly plan: LabPlan;
  readonly system: System;
  /** Real-time scheduling for the stations, so that what they measure is not their own lateness. */
  readonly fifo: boolean;
  readonly pcap?: string;
  /** Flows to the active member, from one trial to the next. */
  readonly stream?: Stream;
  /** Of a host with the exchange, from one trial to the next. */
  readonly sessions?: Sessions;
  /** Between two requests of every stream, microseconds; absent: the main stream is fast, the others are slow. */
  readonly probeIntervalUs?: number;
  readonly progress: (line: string) => void;
}

/** What the capture at the switch says of a takeover. */
export interface CaptureVerdict {
  /** When the first announcement of the successor's place entered the switch after the fault, if that is another one. */
  readonly announcedUs: number | null;
  /** Frames with a service address as source that left the victim when it was fenced. */
  readonly victimFrames: number;
}

/** The service's health port on every member's loopback. */
export const healthPort = 7007;

const stationPriority = 5;
/** Of the services: a real-time thread must not wait for the runtime's helper threads, which are ordinary ones. */
const runtime: readonly string[] = ['--single-threaded'];
const readyTimeoutMs = 30_000;
/** How often a wait is explained, milliseconds. */
const patienceMs = 2000;

export class Director {
  readonly plan: LabPlan;
  readonly system: System;
  readonly progress: (line: string) => void;
  /** Up to here the daemons' reports belong to trials that are over, CLOCK_MONOTONIC microseconds. */
  judgedUntilUs = 0;
  /** What was heard at the switch. */
  readonly switchboard: Switchboard;
  readonly injector: Injector;
  readonly probes: Probes;
  readonly #options: DirectorOptions;
  readonly #services = new Map<string, Station<never>>();

  constructor(options: DirectorOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.system = options.system;
    this.progress = options.progress;
    const { pcap, plan, system, stream, sessions, probeIntervalUs: intervalUs } = options;
    const fifoPriority = options.fifo ? stationPriority : 0;
    this.probes = new Probes(plan, { fifoPriority, ...(intervalUs === undefined ? {} : { intervalUs }) });
    this.switchboard = new Switchboard(plan, { fifoPriority, ...(pcap === undefined ? {} : { pcap }) });
    this.injector = new Injector({
      ...{ plan, system, switchboard: this.switchboard, fifoPriority },
      service: ({ name }) => this.#services.get(name)?.pid,
      ...(sessions === undefined ? {} : { sessions }),
      ...(stream === undefined ? {} : { stream }),
    });
  }

  /** Starts services, daemons and probes; resolves when one member is active and every host is answered. */
  async open(): Promise<void> {
    for (const member of this.plan.members) this.#startService(member);
    const { proxies, members, witnesses } = this.plan;
    this.progress(`starting ${nodesOf(this.plan).length} daemons (${this.system.name})`);
    await Promise.all([...proxies, ...witnesses].map((node) => this.system.start(node)));
    await Promise.all(members.map((member) => this.system.start(member)));
    const active = await this.#one();
    this.progress(`${active.name} is active; the hosts use the service`);
    this.probes.start();
    await this.ready();
  }

  /** Resolves to the active member when every member is ready and every host is answered by the active one. */
  async ready(): Promise<MemberPlan> {
    let active = await this.#one();
    const agreed = async (): Promise<boolean> => {
      const answering = this.answeringMember();
      if (answering === undefined || answering === active) return answering === active;
      // The role may have moved since: a machine that stood still, for one.
      active = await this.#one();
      return answering === active;
    };
    await until(
      'every host is answered by the active member',
      agreed,
      readyTimeoutMs,
      () => `${this.probes.words}\n${this.lastWords()}`,
    );
    return active;
  }

  /** Resolves when the TCP stream, where the lab has one, flows to `member`. */
  async aimStream(member: MemberPlan): Promise<void> {
    await this.#options.stream?.aim(member);
  }

  /** Of a host with the exchange; undefined where the lab has none. */
  get sessions(): Sessions | undefined {
    return this.#options.sessions;
  }

  /** Opens the host's sessions; resolves when they are in use and, where they are mirrored, on both members. */
  async openSessions(trial: number): Promise<void> {
    if (this.sessions === undefined) return;
    await this.mirrored(0);
    await this.mirrored(await this.sessions.open(trial));
  }

  /** Resolves when a standby gets every packet, where that is wanted, and at least so many sessions are on both members. */
  async mirrored(least: number): Promise<void> {
    if (this.plan.mirrored === undefined) return;
    let why = '';
    const ready = async (): Promise<boolean> => {
      const view = await this.system.mirrored?.(least);
      why = view?.why ?? `${this.system.name} mirrors nothing`;
      return view?.ready === true;
    };
    await until(
      'the sessions are on both members',
      ready,
      readyTimeoutMs,
      () => `${why}\n${this.lastWords()}`,
    );
  }

  /** The machine that the fault is done to while `victim` is active; throws when there is none. */
  struck(fault: Fault, victim: MemberPlan): NodePlan {
    const struck = fault.at === 'proxy' ? proxyOf(victim, this.plan) : victim;
    if (struck === undefined) throw new Error(`${victim.name} has no proxy`);
    return struck;
  }

  /** Does the fault while `victim` is active; resolves to its instant, microseconds. */
  async strike(fault: Fault, victim: MemberPlan): Promise<number> {
    const struck = this.struck(fault, victim);
    const deeds = fault.strike(struck, this.plan);
    if (deeds.length > 0) return await this.act(deeds, struck);
    const atUs = monotonicUs();
    await this.switchOver(victim);
    return atUs;
  }

  /** A planned switchover away from `from`; resolves when it was begun. */
  async switchOver(from: MemberPlan): Promise<void> {
    if (this.system.switchover === undefined)
      throw new Error(`${this.system.name} has no planned switchover`);
    await this.system.switchover(from);
  }

  /** Undoes the fault and starts again what died; resolves to the instant of the first, microseconds. */
  async mend(fault: Fault, victim: MemberPlan): Promise<number> {
    const struck = this.struck(fault, victim);
    const deeds = fault.mend(struck, this.plan);
    const atUs = deeds.length > 0 ? await this.act(deeds, struck) : monotonicUs();
    if (fault.dead === 'nothing') return atUs;
    this.progress(
      `${struck.name} is ${fault.dead === 'machine' ? 'repaired and switched on' : 'started'} again`,
    );
    if (fault.dead === 'exchange') {
      this.sessions?.startOn(victim);
      return atUs;
    }
    if (fault.dead === 'machine' && struck === victim) this.#startService(victim);
    await this.system.start(struck);
    return atUs;
  }

  /** What is undone only when everything is ready again. */
  async mendLater(fault: Fault, victim: MemberPlan): Promise<void> {
    const struck = this.struck(fault, victim);
    await this.act(fault.later?.(struck, this.plan) ?? [], struck);
  }

  /** The member that answers every stream now, or undefined when they differ or none does. */
  answeringMember(): MemberPlan | undefined {
    const name = this.probes.answering;
    return this.plan.members.find((member) => member.name === name);
  }

  /** What entered the switch from the successor and, after its first answer, still from the victim. */
  async judgeCapture(o: {
    readonly faultAt: number;
    readonly victim: MemberPlan;
    readonly successor: MemberPlan | undefined;
    readonly firstAnswer: number | null;
    readonly fencedUs: number;
    /** From here on the victim may speak again. */
    readonly untilUs: number;
  }): Promise<CaptureVerdict> {
    const { successor, victim, untilUs } = o;
    if (successor === undefined || successor === victim) return { announcedUs: null, victimFrames: 0 };
    const sinceUs = Math.max(o.firstAnswer ?? o.faultAt, o.fencedUs);
    const place = placeOf(successor, this.plan);
    const moved = place !== placeOf(victim, this.plan);
    return {
      announcedUs: moved ? await this.switchboard.firstClaim(place, o.faultAt) : null,
      victimFrames: await this.switchboard.voices(victim, { sinceUs, untilUs }),
    };
  }

  /** Every report of every daemon so far. */
  occurrences(): Witnessed[] {
    return nodesOf(this.plan).flatMap((node) =>
      this.system.occurrences(node).map((occurrence) => ({ member: node.name, occurrence })),
    );
  }

  lastWords(): string {
    return nodesOf(this.plan)
      .map((node) => `${node.name}: ${this.system.lastWords(node) || 'said nothing'}`)
      .join('\n');
  }

  /** Ends the daemons, and the stations so that the capture file is complete. */
  async close(): Promise<void> {
    this.#options.stream?.close();
    this.system.kill();
    for (const service of this.#services.values()) service.close();
    this.sessions?.close();
    this.probes.close();
    this.injector.close();
    await this.switchboard.close();
  }

  async #one(): Promise<MemberPlan> {
    let view = await this.system.view();
    let patience = performance.now() + patienceMs;
    const ready = async (): Promise<boolean> => {
      view = await this.system.view();
      if (!view.ready && performance.now() > patience) {
        patience += patienceMs;
        this.progress(`waiting: ${view.why}`);
      }
      return view.ready;
    };
    await until('every member is ready', ready, readyTimeoutMs, () => `${view.why}\n${this.lastWords()}`);
    const active = this.plan.members.find((member) => member.name === view.active[0]);
    if (active === undefined) throw new Error('a member is active that the plan does not know');
    return active;
  }

  /** Does deeds to a machine; resolves to the instant just before the first, microseconds. */
  act(deeds: readonly Deed[], struck: NodePlan): Promise<number> {
    return this.injector.act(deeds, struck);
  }

  #startService(member: MemberPlan): void {
    this.sessions?.startOn(member);
    const options: ServiceOptions = {
      member: member.name,
      addresses: [this.plan.service4, this.plan.service6],
      port: this.plan.servicePort,
      healthPort,
      fifoPriority: this.fifo ? stationPriority : 0,
    };
    const station = { namespace: member.name, script: scriptPath('service'), options, runtime };
    this.#services.set(member.name, Station.start<never>(station));
  }

  /** The stations run under real-time scheduling. */
  get fifo(): boolean {
    return this.#options.fifo;
  }
}
