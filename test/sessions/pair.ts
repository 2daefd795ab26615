/**
 * Two machines with real daemons and a mirrored group, an ordinary client, a switch: as `trial.ts` builds them. The daemons
 * start their relays, and decide who is active.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupStatus, Occurrence, Status } from '../../src/api/types.ts';
import { askSwitchover, followEvents, readStatus } from '../../src/lab/control-client.ts';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { ip } from '../namespace.ts';
import { type Load, mute, Process, power, type Seen, services } from './trial.ts';

const names = ['active', 'standby'] as const;
export type Name = (typeof names)[number];
const group = 'web';
const readyMs = 20_000;
/** A start is a second of computing and more: on a machine that has other things to do, more than 20 s were seen. */
const startMs = 70_000;
export const backendPort = 8081;

export interface Settings {
  readonly policy?: 'degrade' | 'wait';
  readonly encrypt?: boolean;
  /** A mirrored program answers, which connects to its relay at `programOf`; else this process's `programs.ts` does. */
  readonly program?: boolean;
  /** An ordinary server answers on each machine (`server.ts`), and the daemon checks that it is there. */
  readonly server?: boolean;
  /** A server that the test starts itself at `backendPort` of either machine's loopback answers; nobody checks it. */
  readonly backend?: boolean;
  readonly degradeAfterMs?: number;
}

/** Where the server of each machine listens. */
const place = { address: '127.0.0.1', port: backendPort } as const;
/** As `understudy lab` checks its service, and with time for a loaded machine. */
const check = { name: 'server', kind: 'tcp', ...place, intervalMs: 100, timeoutMs: 100, rise: 2, fall: 2 };

function configuration(node: Name, { program, server, backend: _, ...settings }: Settings): string {
  return JSON.stringify({
    cluster: 'sessions',
    node,
    key: '5f'.repeat(32),
    stateDir: `/run/pair/${node}`,
    control: socketOf(node),
    heartbeat: { intervalMs: 20, misses: 8 },
    lease: { leaseMs: 500, renewMs: 50 },
    realtime: { fifoPriority: 10 },
    startup: { graceMs: 200, probeMs: 0, silentPortMs: 0 },
    damping: { firstMs: 0 },
    members: { active: { id: 1 }, standby: { id: 2 } },
    paths: {
      cable: {
        ...{ id: 1, kind: 'cable', port: 7169 },
        members: {
          active: { interface: 'link0', address: '198.51.100.2' },
          standby: { interface: 'link0', address: '198.51.100.3' },
        },
      },
      lan: {
        ...{ id: 2, kind: 'lan', port: 7170 },
        members: {
          active: { interface: 'lan0', address: '192.0.2.2' },
          standby: { interface: 'lan0', address: '192.0.2.3' },
        },
      },
    },
    groups: {
      [group]: {
        interface: 'lan0',
        addresses: Object.values(services),
        members: { active: { priority: 200 }, standby: { priority: 100 } },
        ...(server === true ? { checks: [check] } : {}),
        mirror: {
          mode: 'concurrent',
          service: 7000,
          ...(program === true
            ? { program: programOf(node) }
            : { backend: `${place.address}:${place.port}` }),
          degradeAfterMs: 3000,
          ...settings,
        },
      },
    },
  });
}

/** Where a mirrored program of this machine connects. */
export function programOf(name: Name): string {
  return `/run/pair/${name}.program`;
}

function socketOf(name: Name): string {
  return `/run/pair/${name}.sock`;
}

/** One machine's daemon, with the relay that it starts. */
export class Machine {
  readonly name: Name;
  readonly events: Occurrence[] = [];
  readonly #settings: Settings;
  #child: ChildProcess | undefined;
  #server: Process | undefined;

  constructor(name: Name, settings: Settings) {
    this.name = name;
    this.#settings = settings;
    mkdirSync('/run/pair', { recursive: true });
    writeFileSync(this.#config, configuration(name, settings), { mode: 0o600 });
  }

  get #config(): string {
    return `/run/pair/${this.name}.yaml`;
  }

  get #log(): string {
    return `/run/pair/${this.name}.log`;
  }

  /** What does not run of the machine is started. */
  async start(): Promise<void> {
    await this.#serve();
    if (!this.#runs) await this.#startDaemon();
  }

  get #runs(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async #serve(): Promise<void> {
    if (this.#settings.server !== true || this.#server !== undefined) return;
    this.#server = new Process(this.name, 'server.ts', place.address, String(place.port));
    await this.#server.report();
  }

  async #startDaemon(): Promise<void> {
    const log = openSync(this.#log, 'a');
    const main = join(import.meta.dirname, '../../src/cli/main.ts');
    const program = join(import.meta.dirname, 'programs.ts');
    const command = [process.execPath, main, 'run', '--config', this.#config];
    const { program: own, server, backend } = this.#settings;
    const isOwn = own === true || server === true || backend === true;
    // A group of its own: a power loss ends all of a machine's processes.
    this.#child = spawn('ip', ['netns', 'exec', this.name, 'setpriv', '--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', log, log],
      detached: true,
      env: {
        ...process.env,
        ...(isOwn ? {} : { UNDERSTUDY_RELAY_PROGRAM: program }),
      },
    });
    await until(
      `${this.name} answers`,
      async () => {
        if (!this.#runs) throw new Error(`the daemon ended (${this.told()})`);
        return (await this.status().catch(() => undefined)) !== undefined;
      },
      startMs,
      () => this.told(),
    );
    followEvents(socketOf(this.name), (event) => this.events.push(event)).catch(() => undefined);
  }

  async status(): Promise<Status> {
    return await readStatus(socketOf(this.name));
  }

  async group(): Promise<GroupStatus> {
    const found = (await this.status()).groups.find(({ name }) => name === group);
    if (found === undefined) throw new Error('no such group');
    return found;
  }

  async switchover(): Promise<void> {
    await askSwitchover(socketOf(this.name), group);
  }

  /**
   * SIGKILL to the daemon, to its relay, to the server behind that, or to all of the machine. Resolves to the instant just
   * before, CLOCK_MONOTONIC microseconds.
   */
  async kill(what: 'daemon' | 'relay' | 'server' | 'all'): Promise<number> {
    const relay = what === 'relay' ? (await this.group()).sessions : null;
    if (what === 'relay' && relay === null) throw new Error(`${this.name} has no relay to kill`);
    const atUs = monotonicUs();
    if (relay !== null) process.kill(relay.pid, 'SIGKILL');
    const ends: Promise<unknown>[] = [];
    const child = this.#child;
    if ((what === 'daemon' || what === 'all') && child?.pid !== undefined && this.#runs) {
      ends.push(once(child, 'exit'));
      process.kill(what === 'all' ? -child.pid : child.pid, 'SIGKILL');
    }
    if ((what === 'server' || what === 'all') && this.#server !== undefined) {
      ends.push(this.#server.kill());
      this.#server = undefined;
    }
    await Promise.all(ends);
    return atUs;
  }

  told(): string {
    return `${this.name}: ${readFileSync(this.#log, 'utf8').split('\n').slice(-40).join('\n')}`;
  }
}

export class Pair {
  readonly machines: Readonly<Record<Name, Machine>>;
  #client: Process | undefined;
  #first: Name = 'active';

  constructor(settings: Settings = {}) {
    this.machines = { active: new Machine('active', settings), standby: new Machine('standby', settings) };
  }

  /** Both run, one is active, and the other one's relay is its standby. */
  async start(): Promise<void> {
    ip('-n client neigh flush all');
    await Promise.all(names.map((name) => this.machines[name].start()));
    await this.until('one is active', async () => (await this.active()) !== undefined);
    this.#first = (await this.active()) ?? this.#first;
    await this.mirrored(0);
  }

  /** Who is active; undefined: nobody, or both. */
  async active(): Promise<Name | undefined> {
    const roles = await Promise.all(
      names.map(async (name) => (await this.machines[name].group().catch(() => undefined))?.role),
    );
    const serving = names.filter((_, index) => roles[index] === 'active');
    return serving.length === 1 ? serving[0] : undefined;
  }

  /** At least so many connections, and all of them on both machines. */
  async mirrored(least: number): Promise<void> {
    let counts: GroupStatus['sessions'] | null = null;
    const holds = async (): Promise<boolean> => {
      const name = await this.active();
      counts = name === undefined ? null : (await this.machines[name].group()).sessions;
      return (
        counts !== null &&
        counts.partner === 'standby' &&
        counts.mirroring === 'mirrored' &&
        counts.sessions >= least &&
        counts.survivable === counts.sessions
      );
    };
    await this.until(`${least} connections on both machines`, holds, () => JSON.stringify(counts));
  }

  /** Clients begin to work. */
  async begin(family: keyof typeof services, load: Load): Promise<void> {
    await this.#client?.kill();
    this.#client = new Process('client', 'client.ts', services[family], JSON.stringify(load));
  }

  /** Clients work, and every connection that is to stay is on both machines. */
  async load(family: keyof typeof services, load: Load): Promise<void> {
    await this.begin(family, load);
    await this.mirrored(load.echo + load.idle);
  }

  /** The clients finish what they began. */
  async finish(): Promise<Seen> {
    if (this.#client === undefined) throw new Error('nobody works');
    this.#client.endInput();
    return (await this.#client.report()) as unknown as Seen;
  }

  other(name: Name): Name {
    return name === 'active' ? 'standby' : 'active';
  }

  /** A machine without power: no process, no carrier. Resolves to the instant of it, like `Machine.kill`. */
  async cut(name: Name): Promise<number> {
    const dead = this.machines[name].kill('all');
    power(false, name);
    return await dead;
  }

  /** What was done to a machine is undone, and what does not run of it is started. */
  async mend(name: Name): Promise<void> {
    power(true, name);
    mute(false, name);
    await this.machines[name].start();
  }

  /** `seen`: what was found last, where that tells why it was in vain. */
  async until(what: string, holds: () => Promise<boolean>, seen = (): string => ''): Promise<void> {
    const told = (): string => [seen(), ...names.map((name) => this.machines[name].told())].join('\n');
    await until(what, holds, readyMs, told);
  }

  async close(): Promise<void> {
    await this.#client?.kill();
    for (const name of names) {
      await this.machines[name].kill('all');
      power(true, name);
      mute(false, name);
    }
    await sleep(0);
  }
}
