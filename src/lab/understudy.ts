/** Understudy's own daemons as the system under test: real processes, started through the command line's `run`. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Occurrence, Status } from '../api/types.ts';
import { monotonicUs } from '../linux/clock.ts';
import { configurationOf, graceMs, groupName, jiffyMs, leaseFor, type Settings } from './configuration.ts';
import { askSwitchover, followEvents, readStatus } from './control-client.ts';
import { type DaemonProcess, spawnDaemon } from './daemon-process.ts';
import { Disk, type DiskState } from './disk.ts';
import { nodesOf } from './layout.ts';
import type { LabPlan, MemberPlan, NodePlan } from './plan.ts';
import { type ProxyView, proxyViewOf, type View, viewOf } from './readiness.ts';
import type { System } from './system.ts';
import { until } from './until.ts';
import { WallClock } from './wall-clock.ts';

export interface UnderstudyOptions extends Omit<Settings, 'lease' | 'key'> {
  /** Each daemon has a wall clock that can be stepped (needs libfaketime). */
  readonly falseClocks?: boolean;
}

const directory = '/run/understudy';
const tunPath = '/dev/net/tun';
const cliPath = fileURLToPath(
  new URL(`../cli/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);
/** Several daemons that start at once on a busy machine take their time, milliseconds. */
const startTimeoutMs = 60_000;
/** Without real-time scheduling every daemon, and the capture, may be late. */
const ordinaryHearsayMs = 100;
/** A daemon that has not told its state by then is taken for frozen, milliseconds. */
const promptMs = 300;
/** The last of them says whether the daemon's terms are on its disk. */
const diskCodes = ['started', 'termsReserved', 'termsNotReserved'];

export class Understudy implements System {
  readonly name = 'understudy';
  readonly facts: System['facts'];
  readonly lingerMs: number;
  readonly hearsayMs: number;
  readonly #plan: LabPlan;
  readonly #daemons = new Map<string, DaemonProcess>();
  readonly #occurrences = new Map<string, Occurrence[]>();
  readonly #disks = new Map<string, Disk>();
  readonly #clocks = new Map<string, WallClock>();

  /** Writes every daemon's configuration. Throws, with the remedy, when this user may not make TUN devices. */
  constructor(plan: LabPlan, options: UnderstudyOptions) {
    requireTun();
    this.#plan = plan;
    const { intervalMs, misses, fifo } = options;
    const lease = leaseFor(fifo);
    const { leaseMs } = lease;
    const policy = plan.policy === 'strict' ? { policy: plan.policy } : {};
    this.facts = {
      heartbeatIntervalMs: intervalMs,
      heartbeatMisses: misses,
      leaseMs,
      realtime: fifo,
      ...policy,
    };
    this.lingerMs = leaseMs + jiffyMs;
    // The announcement may be lost on it; the heartbeats that tell the same may be, too, until silence is believed.
    this.hearsayMs = fifo ? intervalMs * misses : ordinaryHearsayMs;
    mkdirSync(directory, { recursive: true });
    const { falseClocks: _, ...usual } = options;
    const settings: Settings = { ...usual, lease, key: randomBytes(32).toString('hex') };
    for (const node of nodesOf(plan)) {
      const place = { stateDir: join(directory, node.name), control: this.controlSocket(node) };
      const configuration = configurationOf(plan, node, place, settings);
      writeFileSync(this.configPath(node), stringify(configuration), { mode: 0o600 });
      this.#occurrences.set(node.name, []);
      this.#disks.set(node.name, new Disk(place.stateDir));
      if (options.falseClocks === true)
        this.#clocks.set(node.name, new WallClock(join(directory, `${node.name}.clock`)));
    }
  }

  async start(node: NodePlan): Promise<void> {
    const former = this.#daemons.get(node.name);
    if (former !== undefined) await until(`${node.name}'s former daemon has ended`, former.ended);
    const daemon = spawnDaemon(
      node.name,
      [process.execPath, ...process.execArgv, cliPath, 'run', '-c', this.configPath(node)],
      openSync(join(directory, `${node.name}.log`), 'a'),
      this.#clocks.get(node.name)?.environment,
    );
    this.#daemons.set(node.name, daemon);
    const answers = async (): Promise<boolean> => {
      if (daemon.ended()) throw new Error(`${node.name} ended at once: ${this.lastWords(node)}`);
      return (await this.#status(node))?.pid === daemon.pid;
    };
    await until(`${node.name} answers on its control socket`, answers, startTimeoutMs);
    const occurrences = this.#occurrences.get(node.name) ?? [];
    followEvents(this.controlSocket(node), (occurrence) => occurrences.push(occurrence)).catch(
      () => undefined,
    );
  }

  target(node: NodePlan): number {
    return this.#daemons.get(node.name)?.pid ?? 0;
  }

  async view(): Promise<View> {
    const nodes = nodesOf(this.#plan);
    const statuses = await Promise.all(nodes.map((node) => this.#status(node)));
    return viewOf(this.#plan, new Map(nodes.map(({ name }, index) => [name, statuses[index]])));
  }

  async mirrored(least: number): Promise<{ readonly ready: boolean; readonly why: string }> {
    const statuses = await Promise.all(this.#plan.members.map((member) => this.#status(member)));
    const active = statuses.flatMap((status) => status?.groups ?? []).find(({ role }) => role === 'active');
    const sessions = active?.sessions;
    if (sessions === undefined || sessions === null) return { ready: false, why: 'no relay is active' };
    const { partner, mirroring, sessions: all, survivable } = sessions;
    const ready = partner === 'standby' && mirroring === 'mirrored' && survivable >= least;
    return { ready, why: `partner ${partner}, ${mirroring}, ${survivable} of ${all} sessions survivable` };
  }

  settled(): boolean {
    const graceUs = graceMs * 1000;
    return nodesOf(this.#plan).every((node) => {
      const said = this.occurrences(node);
      const ready = said.findLast(({ code }) => code === 'ready');
      // Without reserved terms it has no vote in a strict group.
      const disk = said.findLast(({ code }) => diskCodes.includes(code));
      if (disk?.code === 'termsNotReserved') return false;
      return ready !== undefined && monotonicUs() - ready.atUs > graceUs;
    });
  }

  async proxies(): Promise<Readonly<Record<string, ProxyView | null>>> {
    const views = this.#plan.proxies.map(
      async (proxy) => [proxy.name, proxyViewOf(await this.#status(proxy, promptMs))] as const,
    );
    return Object.fromEntries(await Promise.all(views));
  }

  occurrences(node: NodePlan): readonly Occurrence[] {
    return this.#occurrences.get(node.name) ?? [];
  }

  lastWords(node: NodePlan): string {
    return readFileSync(join(directory, `${node.name}.log`), 'utf8')
      .trim()
      .split('\n')
      .slice(-8)
      .join('\n');
  }

  kill(): void {
    for (const daemon of this.#daemons.values()) daemon.kill();
  }

  controlSocket(node: NodePlan): string {
    return join(directory, `${node.name}.sock`);
  }

  /** The file that its daemon is started with. */
  configPath(node: NodePlan): string {
    return join(directory, `${node.name}.yaml`);
  }

  switchover(from: MemberPlan): Promise<void> {
    return askSwitchover(this.controlSocket(from), groupName);
  }

  /** Once every daemon has ended: their disks are taken away. */
  closeDisks(): void {
    for (const disk of this.#disks.values()) disk.close();
    this.#disks.clear();
  }

  setDisk(node: NodePlan, state: DiskState): void {
    this.#disks.get(node.name)?.become(state);
  }

  /** Throws unless the daemons were given clocks of their own. */
  setClock(node: NodePlan, aheadS: number): void {
    const clock = this.#clocks.get(node.name);
    if (clock?.isWornBy(this.target(node)) !== true)
      throw new Error(`${node.name} was started with the machine's clock`);
    clock.set(aheadS);
  }

  /** What a daemon says of itself; undefined when it does not answer. */
  async #status(node: NodePlan, timeoutMs?: number): Promise<Status | undefined> {
    try {
      return await readStatus(this.controlSocket(node), timeoutMs);
    } catch {
      return undefined;
    }
  }
}

function requireTun(): void {
  try {
    accessSync(tunPath, constants.R_OK | constants.W_OK);
  } catch {
    throw new Error(
      `${tunPath} cannot be opened by this user; sudo chmod 0666 ${tunPath} (as most distributions have it; what a ` +
        'process may do with it is limited to its own network namespace), or run the lab as root',
    );
  }
}
