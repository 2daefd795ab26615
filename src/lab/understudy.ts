/** Understudy's own daemons as the system under test: real processes, started through the command line's `run`. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Occurrence, Status } from '../api/types.ts';
import { askSwitchover, followEvents, readStatus } from './control-client.ts';
import { type DaemonProcess, spawnDaemon } from './daemon-process.ts';
import type { LabPlan, MemberPlan } from './plan.ts';
import type { System, View } from './system.ts';
import { until } from './until.ts';

export interface UnderstudyOptions {
  readonly intervalMs: number;
  readonly misses: number;
  readonly fifo: boolean;
  /** Check the service's health port. */
  readonly checked: boolean;
  readonly healthPort: number;
}

const directory = '/run/understudy';
const tunPath = '/dev/net/tun';
const cliPath = fileURLToPath(
  new URL(`../cli/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);
/** One jiffy at HZ=250 and the lateness of the reactor: see the lease's rule in docs/CONFIGURATION.md. */
const latenessMarginMs = { fifo: 4, ordinary: 40 };
const jiffyMs = 4;

export class Understudy implements System {
  readonly name = 'understudy';
  readonly facts: System['facts'];
  readonly lingerMs: number;
  readonly #plan: LabPlan;
  readonly #options: UnderstudyOptions;
  readonly #key = randomBytes(32).toString('hex');
  readonly #daemons = new Map<string, DaemonProcess>();
  readonly #occurrences = new Map<string, Occurrence[]>();

  /** Throws, with the remedy, when this user may not make TUN devices. */
  constructor(plan: LabPlan, options: UnderstudyOptions) {
    requireTun();
    this.#plan = plan;
    this.#options = options;
    this.facts = {
      heartbeatIntervalMs: options.intervalMs,
      heartbeatMisses: options.misses,
      leaseMs: this.#lease().leaseMs,
      realtime: options.fifo,
    };
    this.lingerMs = this.#lease().leaseMs + jiffyMs;
    mkdirSync(directory, { recursive: true });
    for (const member of plan.members) {
      writeFileSync(join(directory, `${member.name}.yaml`), stringify(this.#configuration(member)), {
        mode: 0o600,
      });
      this.#occurrences.set(member.name, []);
    }
  }

  async start(member: MemberPlan): Promise<void> {
    const former = this.#daemons.get(member.name);
    if (former !== undefined) await until(`${member.name}'s former daemon has ended`, former.ended);
    const daemon = spawnDaemon(
      member.name,
      [process.execPath, ...process.execArgv, cliPath, 'run', '-c', join(directory, `${member.name}.yaml`)],
      openSync(join(directory, `${member.name}.log`), 'a'),
    );
    this.#daemons.set(member.name, daemon);
    await until(`${member.name} answers on its control socket`, async () => {
      if (daemon.ended()) throw new Error(`${member.name} ended at once: ${this.lastWords(member)}`);
      return (await this.#status(member))?.pid === daemon.pid;
    });
    const occurrences = this.#occurrences.get(member.name) ?? [];
    followEvents(this.controlSocket(member), (occurrence) => occurrences.push(occurrence)).catch(
      () => undefined,
    );
  }

  target(member: MemberPlan): number {
    return this.#daemons.get(member.name)?.pid ?? 0;
  }

  async view(): Promise<View> {
    const statuses = await Promise.all(this.#plan.members.map((member) => this.#status(member)));
    const active: string[] = [];
    const missing: string[] = [];
    for (const [index, status] of statuses.entries()) {
      const name = this.#plan.members[index]?.name ?? '';
      if (status?.groups[0]?.role === 'active') active.push(name);
      const lack = status === undefined ? 'does not answer' : shortcoming(status);
      if (lack !== undefined) missing.push(`${name} ${lack}`);
    }
    if (active.length !== 1) missing.unshift(`active: ${active.join(' and ') || 'nobody'}`);
    return { active, ready: missing.length === 0, why: missing.join('; ') };
  }

  occurrences(member: MemberPlan): readonly Occurrence[] {
    return this.#occurrences.get(member.name) ?? [];
  }

  lastWords(member: MemberPlan): string {
    return readFileSync(join(directory, `${member.name}.log`), 'utf8')
      .trim()
      .split('\n')
      .slice(-8)
      .join('\n');
  }

  controlSocket(member: MemberPlan): string {
    return join(directory, `${member.name}.sock`);
  }

  switchover(from: MemberPlan): Promise<void> {
    return askSwitchover(this.controlSocket(from), 'web');
  }

  async #status(member: MemberPlan): Promise<Status | undefined> {
    try {
      return await readStatus(this.controlSocket(member));
    } catch {
      return undefined;
    }
  }

  #lease(): { readonly leaseMs: number; readonly renewMs: number } {
    const margin = this.#options.fifo ? latenessMarginMs.fifo : latenessMarginMs.ordinary;
    const renewMs = 4;
    return { leaseMs: Math.max(20, renewMs + jiffyMs + margin + 12), renewMs };
  }

  #configuration(member: MemberPlan): object {
    const o = this.#options;
    const members = this.#plan.members;
    return {
      cluster: 'lab',
      node: member.name,
      key: this.#key,
      stateDir: join(directory, member.name),
      control: this.controlSocket(member),
      heartbeat: { intervalMs: o.intervalMs, misses: o.misses },
      lease: this.#lease(),
      // A trial begins half a second after the start: members must have settled by then.
      startup: { graceMs: 400 },
      realtime: o.fifo ? { fifoPriority: 10 } : false,
      members: Object.fromEntries(members.map((m) => [m.name, { id: m.id }])),
      paths: this.#paths(),
      groups: {
        web: {
          interface: 'lan0',
          addresses: [this.#plan.service4, this.#plan.service6],
          members: Object.fromEntries(members.map((m) => [m.name, membership(m)])),
          preempt: false,
          standbyAddress: 'present',
          ...(o.checked ? { checks: [this.#check()] } : {}),
        },
      },
    };
  }

  #paths(): object {
    const members = this.#plan.members;
    const ends = (of: (m: MemberPlan) => object | undefined): object =>
      Object.fromEntries(members.flatMap((m) => (of(m) === undefined ? [] : [[m.name, of(m)]])));
    return {
      cable: {
        id: 1,
        kind: 'cable',
        port: 7169,
        members: ends((m) => m.cable && { interface: 'cable0', address: m.cable.address }),
      },
      lan: {
        id: 2,
        kind: 'lan',
        port: 7170,
        members: ends((m) => ({ interface: 'lan0', address: m.address4 })),
      },
    };
  }

  #check(): object {
    const port = this.#options.healthPort;
    return {
      name: 'service',
      kind: 'tcp',
      address: '127.0.0.1',
      port,
      intervalMs: 50,
      timeoutMs: 40,
      rise: 2,
      fall: 2,
    };
  }
}

/** Both families' addresses on the LAN: in a planned switchover packets of both are forwarded to the successor. */
function membership(member: MemberPlan): object {
  return { priority: 250 - 50 * member.id, lanAddresses: [member.address4, member.address6] };
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

/** Why a member is not ready for the next fault, or undefined when it is. */
function shortcoming(status: Status): string | undefined {
  const role = status.groups[0]?.role;
  if (role !== 'active' && role !== 'standby') return `is ${role ?? 'without a group'}`;
  for (const peer of status.peers) {
    if (!peer.up) return `does not hear ${peer.name}`;
    const path = peer.paths.find((p) => !p.up || (p.name === 'cable' && !p.tether));
    if (path !== undefined) return `lacks the ${path.up ? 'tether' : 'path'} ${path.name} to ${peer.name}`;
  }
  return undefined;
}
