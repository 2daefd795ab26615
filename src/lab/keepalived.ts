/** keepalived (VRRPv3, advertisements as fast as it allows) as the system under test, for comparison. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Occurrence } from '../api/types.ts';
import { type DaemonProcess, spawnDaemon } from './daemon-process.ts';
import type { LabPlan, MemberPlan, NodePlan } from './plan.ts';
import type { View } from './readiness.ts';
import type { System } from './system.ts';
import { inNamespace, ip } from './topology.ts';
import { until } from './until.ts';

export interface KeepalivedOptions {
  readonly intervalMs: number;
  readonly misses: number;
  readonly fifo: boolean;
  readonly checkedPort?: number;
}

const directory = '/run/keepalived-lab';
/** VRRPv3 counts in hundredths of a second (RFC 5798 §5.2.7). */
const shortestIntervalMs = 10;

export class Keepalived implements System {
  readonly name = 'keepalived';
  readonly facts: System['facts'];
  /** Nothing ends it, so nothing is granted. */
  readonly lingerMs = 0;
  readonly hearsayMs = 0;
  readonly #plan: LabPlan;
  readonly #intervalMs: number;
  readonly #options: KeepalivedOptions;
  readonly #daemons = new Map<string, DaemonProcess>();

  /** Throws, with the remedy, when keepalived is not installed. */
  constructor(plan: LabPlan, options: KeepalivedOptions) {
    const version = spawnSync('keepalived', ['--version'], { encoding: 'utf8' });
    if (version.error !== undefined) throw new Error('keepalived is not installed; apt install keepalived');
    this.#plan = plan;
    this.#options = options;
    this.#intervalMs = Math.max(shortestIntervalMs, Math.ceil(options.intervalMs / 10) * 10);
    this.facts = {
      version: version.stderr.match(/v[0-9.]+/)?.[0] ?? 'unknown',
      advertisementMs: this.#intervalMs,
      realtime: options.fifo,
    };
    mkdirSync(directory, { recursive: true });
    for (const member of plan.members) {
      writeFileSync(join(directory, `${member.name}.conf`), this.#configuration(member));
      // The service must be able to bind before the address is there, as VRRP's users arrange it.
      for (const path of ['net.ipv4.ip_nonlocal_bind', 'net.ipv6.ip_nonlocal_bind']) {
        inNamespace(member.name, ['sysctl', '-qw', `${path}=1`]);
      }
    }
  }

  async start(member: NodePlan): Promise<void> {
    const file = (suffix: string): string => join(directory, `${member.name}.${suffix}`);
    const former = this.#daemons.get(member.name);
    if (former !== undefined) await until(`${member.name}'s former daemon has ended`, former.ended);
    // What a machine finds in /run when it starts: nothing. It would believe it runs already.
    for (const suffix of ['pid', 'vrrp.pid']) rmSync(file(suffix), { force: true });
    this.#daemons.set(
      member.name,
      spawnDaemon(
        member.name,
        [
          ...['keepalived', '--dont-fork', '--log-console', '--log-detail', '--vrrp'],
          ...['-f', file('conf'), '-p', file('pid'), '-r', file('vrrp.pid')],
        ],
        openSync(file('log'), 'a'),
      ),
    );
  }

  /** Its group: a parent that only watches, and the process that speaks VRRP. */
  target(member: NodePlan): number {
    return -(this.#daemons.get(member.name)?.pid ?? 0);
  }

  async view(): Promise<View> {
    const missing: string[] = [];
    const active: string[] = [];
    for (const member of this.#plan.members) {
      if (this.#daemons.get(member.name)?.ended() !== false) missing.push(`${member.name} does not run`);
      const addresses = ip(['-n', member.name, '-o', 'addr', 'show', 'dev', 'lan0']);
      const holds = [this.#plan.service4, this.#plan.service6].filter((a) => addresses.includes(` ${a}/`));
      if (holds.length === 2) active.push(member.name);
      else if (holds.length === 1) missing.push(`${member.name} holds only ${holds[0]}`);
    }
    if (active.length !== 1) missing.unshift(`active: ${active.join(' and ') || 'nobody'}`);
    return { active, ready: missing.length === 0, why: missing.join('; ') };
  }

  occurrences(): readonly Occurrence[] {
    return [];
  }

  lastWords(member: NodePlan): string {
    return readFileSync(join(directory, `${member.name}.log`), 'utf8')
      .trim()
      .split('\n')
      .slice(-5)
      .join('\n');
  }

  kill(): void {
    for (const daemon of this.#daemons.values()) daemon.kill();
  }

  #configuration(member: MemberPlan): string {
    // Its own limit for real-time processes (10 ms of computing) would kill it while it announces.
    const realtime = this.#options.fifo
      ? '  vrrp_rt_priority 10\n  vrrp_rlimit_rttime 1000000\n  vrrp_no_swap\n'
      : '';
    const instance = (family: 4 | 6): string => {
      const address =
        family === 4 ? `${this.#plan.service4}/32` : `${this.#plan.service6}/128 preferred_lft 0`;
      return `
vrrp_instance web${family} {
  state BACKUP
  nopreempt
  interface lan0
  virtual_router_id 51
  priority ${250 - 50 * member.id}
  advert_int ${this.#intervalMs / 1000}
  version 3
  ${this.#options.checkedPort !== undefined ? 'track_script { service }' : ''}
  virtual_ipaddress { ${address} dev lan0 }
}
`;
    };
    const check =
      this.#options.checkedPort !== undefined
        ? `vrrp_script service {
  script "/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/${this.#options.checkedPort}'"
  interval 1
  fall 2
  rise 2
  user root
}
`
        : '';
    return `global_defs {\n  router_id ${member.name}\n  vrrp_version 3\n${realtime}}\n${check}${instance(4)}${instance(6)}`;
  }
}
