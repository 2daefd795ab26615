/**
 * The machines of one figure, as the lab builds them: namespaces, real daemons, the service. What can be done to them, and
 * what their daemons say.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Occurrence, Status } from '../../src/api/types.ts';
import { readStatus } from '../../src/lab/control-client.ts';
import { healthPort } from '../../src/lab/director.ts';
import { darkPorts, machinesOf, nodesOf, nodesOnLan } from '../../src/lab/layout.ts';
import { type LabPlan, type MemberPlan, type NodePlan, switchNamespace } from '../../src/lab/plan.ts';
import { type PortChange, Ports } from '../../src/lab/ports.ts';
import type { ServiceOptions } from '../../src/lab/service.ts';
import { Station, scriptPath } from '../../src/lab/station.ts';
import { buildTopology, ip } from '../../src/lab/topology.ts';
import { Understudy } from '../../src/lab/understudy.ts';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { interfaceIndex } from '../../src/linux/interfaces.ts';
import { inPeer } from '../namespace.ts';
import { Capture } from './capture.ts';
import { claimMs } from './host.ts';
import { type Details, fits, lastReports } from './reports.ts';

/** A heartbeat that a test machine with other things to do can hold; how fast a takeover is, is measured elsewhere. */
const calm = { intervalMs: 10, misses: 6, fifo: false } as const;

export class Machines {
  readonly plan: LabPlan;
  readonly system: Understudy;
  readonly #ports: Ports;
  readonly #services = new Map<string, Station<never>>();
  readonly #started = new Set<NodePlan>();
  readonly #captures: Capture[] = [];
  /** What undoes the faults. */
  readonly #mends: (() => void)[] = [];

  constructor(plan: LabPlan) {
    this.plan = plan;
    buildTopology(plan);
    this.system = new Understudy(plan, calm);
    this.#ports = inPeer(switchNamespace, () => new Ports());
    for (const member of plan.members) this.#serve(member);
  }

  /** Its daemon does, frozen or not. */
  runs(node: NodePlan): boolean {
    return this.#started.has(node) && lives(this.system.target(node));
  }

  /** Starts the daemon of a machine. */
  async start(node: NodePlan): Promise<void> {
    this.#started.add(node);
    await this.system.start(node);
  }

  /** The daemon's process ends at once (SIGKILL). Returns the instant just before, microseconds. */
  kill(node: NodePlan): number {
    const atUs = monotonicUs();
    process.kill(-this.system.target(node), 'SIGKILL');
    this.#started.delete(node);
    return atUs;
  }

  /** The machine's processor stands still, as far as the daemon can tell: from now on it does nothing. */
  freeze(node: NodePlan): number {
    const atUs = monotonicUs();
    process.kill(this.system.target(node), 'SIGSTOP');
    this.#mends.push(() => this.thaw(node));
    return atUs;
  }

  thaw(node: NodePlan): void {
    if (this.runs(node)) process.kill(this.system.target(node), 'SIGCONT');
  }

  /** The machine loses its power: its links have no carrier, all its processes end. */
  powerOff(member: MemberPlan): number {
    const ports = darkPorts(member, this.plan);
    const down = this.#prepare('links', false, ports);
    const atUs = monotonicUs();
    down();
    this.kill(member);
    const service = this.#services.get(member.name)?.pid;
    if (service !== undefined) process.kill(-service, 'SIGKILL');
    this.#mends.push(() => {
      this.#prepare('links', true, ports)();
      this.#serve(member);
    });
    return atUs;
  }

  /** The LAN passes nothing between daemons; hosts reach all. */
  part(): void {
    const ports = nodesOnLan(this.plan).map(({ lanPort }) => lanPort);
    this.#prepare('part', true, ports)();
    this.#mends.push(this.#prepare('part', false, ports));
  }

  /** What enters the network at this port: all that the machine on the other side sends. Until the next `mend`. */
  listen(port: string): Capture {
    const capture = new Capture(switchNamespace, port);
    this.#captures.push(capture);
    return capture;
  }

  status(node: NodePlan): Promise<Status> {
    return readStatus(this.system.controlSocket(node));
  }

  /** Resolves when the daemon has read and answered everything that had reached it before. */
  async turn(node: NodePlan): Promise<void> {
    // Its answer comes at the end of a turn in which it looked at every socket.
    for (let turns = 0; turns < 2; turns++) await this.status(node);
  }

  /** The first report of a machine's daemon after `sinceUs` with this code and these details, or undefined. */
  report(node: NodePlan, sinceUs: number, code: string, detail: Details = {}): Occurrence | undefined {
    return this.system.occurrences(node).find((one) => one.atUs > sinceUs && fits(one, code, detail));
  }

  /** Resolves to that report as soon as it was made. */
  async reported(node: NodePlan, sinceUs: number, code: string, detail: Details = {}): Promise<Occurrence> {
    const wanted = `${node.name} reports ${code} ${JSON.stringify(detail)}`;
    await this.until(wanted, () => this.report(node, sinceUs, code, detail) !== undefined);
    return this.report(node, sinceUs, code, detail) as Occurrence;
  }

  /** Waits as long as a claim may take; a failure tells what the daemons said last. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    return until(what, holds, claimMs, () => this.told());
  }

  /** Undoes every fault, the last one first; daemons that were killed stay dead. */
  mend(): void {
    for (const undo of this.#mends.splice(0).reverse()) undo();
    for (const capture of this.#captures.splice(0)) capture.close();
  }

  /** Everything ends and is taken away: others may be built. */
  async close(): Promise<void> {
    const pids = [...this.#started].map((node) => this.system.target(node));
    this.system.kill();
    const services = [...this.#services.values()];
    for (const service of services) service.close();
    await Promise.all(services.map((service) => service.ended));
    await until('every daemon has ended', () => !pids.some(lives));
    for (const name of [switchNamespace, ...machinesOf(this.plan).map((machine) => machine.name)]) {
      ip(['netns', 'del', name]);
    }
    this.system.closeDisks();
    rmSync(dirname(this.system.controlSocket(nodesOf(this.plan)[0] as NodePlan)), { recursive: true });
  }

  /** What the daemons said last, for a failure. */
  told(): string {
    const nodes = nodesOf(this.plan);
    const reports = lastReports(new Map(nodes.map((node) => [node.name, this.system.occurrences(node)])));
    const fallen = [...this.#started].filter((node) => !this.runs(node));
    const words = fallen.map((node) => `${node.name} has ended: ${this.system.lastWords(node)}`);
    return [reports, ...words].join('\n');
  }

  #serve(member: MemberPlan): void {
    const options: ServiceOptions = {
      member: member.name,
      addresses: [this.plan.service4, this.plan.service6],
      port: this.plan.servicePort,
      healthPort,
      fifoPriority: 0,
    };
    const station = { namespace: member.name, script: scriptPath('service'), options };
    this.#services.set(member.name, Station.start<never>(station));
  }

  #prepare(change: PortChange, on: boolean, ports: readonly string[]): () => void {
    const indices = inPeer(switchNamespace, () => ports.map(interfaceIndex));
    return this.#ports.prepare(change, on, indices);
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
