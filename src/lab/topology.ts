/** Builds a `LabPlan` out of network namespaces, veth pairs and two bridges, with iproute2. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import {
  cableBridge,
  type HostPlan,
  type LabPlan,
  lanBridge,
  type MemberPlan,
  switchNamespace,
} from './plan.ts';

/**
 * Builds everything. Needs a network namespace and a mount namespace of its own with a writable /run. Throws when
 * `ip` is missing or refuses.
 */
export function buildTopology(plan: LabPlan): void {
  const machines = [...plan.members, ...plan.hosts].map((machine) => machine.name);
  for (const name of [switchNamespace, ...machines]) ip(['netns', 'add', name]);
  // A switch is no host: it has no addresses and says nothing of its own.
  inNamespace(switchNamespace, ['sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
  ipBatch(switchNamespace, [
    bridge(lanBridge),
    bridge(cableBridge),
    'link set lo up',
    ...plan.members.flatMap(memberLinks),
    ...plan.hosts.flatMap((host) => pair(host.lanPort, host.name, 'eth0', host.mac, lanBridge)),
  ]);
  for (const member of plan.members) ipBatch(member.name, memberAddresses(member));
  for (const host of plan.hosts) ipBatch(host.name, hostAddresses(host));
}

/**
 * Made in the switch's namespace, where lo and two bridges came first: a port's index never equals its peer's. Were
 * they equal, the kernel would report the peer's loss of carrier up to a second late (linkwatch's urgency rule).
 */
function pair(port: string, namespace: string, name: string, mac: string, master: string): string[] {
  return [
    `link add ${port} type veth peer name ${name} address ${mac} netns ${namespace}`,
    `link set ${port} master ${master} up`,
  ];
}

function bridge(name: string): string {
  return `link add ${name} up type bridge stp_state 0 forward_delay 0 mcast_snooping 0`;
}

function memberLinks(member: MemberPlan): string[] {
  const lan = pair(member.lanPort, member.name, 'lan0', member.mac, lanBridge);
  if (member.cable === undefined) return lan;
  return [...lan, ...pair(member.cable.port, member.name, 'cable0', member.cable.mac, cableBridge)];
}

function memberAddresses(member: MemberPlan): string[] {
  const lines = [
    'link set lo up',
    `addr add ${member.address4}/24 dev lan0`,
    `addr add ${member.address6}/64 dev lan0 nodad`,
    'link set lan0 up',
  ];
  if (member.cable !== undefined) {
    lines.push(`addr add ${member.cable.address}/30 dev cable0`, 'link set cable0 up');
  }
  return lines;
}

function hostAddresses(host: HostPlan): string[] {
  return [
    'link set lo up',
    `addr add ${host.address4}/24 dev eth0`,
    `addr add ${host.address6}/64 dev eth0 nodad`,
    'link set eth0 up',
  ];
}

/** What `ip` prints; throws with its own words when it fails. */
export function ip(args: readonly string[]): string {
  return run('ip', args);
}

/** Runs a short command inside a namespace of the lab. */
export function inNamespace(namespace: string, command: readonly string[]): string {
  return run('ip', ['netns', 'exec', namespace, ...command]);
}

/** Many `ip` commands in one namespace, in order. */
function ipBatch(namespace: string, lines: readonly string[]): void {
  const file = '/run/understudy-lab.batch';
  writeFileSync(file, `${lines.join('\n')}\n`);
  run('ip', ['-n', namespace, '-batch', file]);
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** One line of a host's ARP (IPv4) or neighbour (IPv6) table. */
export interface TableEntry {
  readonly address: string;
  /** Absent while unresolved. */
  readonly mac: string | null;
  readonly state: string;
}

/** The address translation table of a machine, as its kernel has it now (`ip neigh`), service address first. */
export function readTable(namespace: string): TableEntry[] {
  const parsed = JSON.parse(ip(['-n', namespace, '-j', 'neigh', 'show'])) as {
    readonly dst: string;
    readonly lladdr?: string;
    readonly state?: readonly string[];
  }[];
  return parsed
    .filter((entry) => !entry.dst.startsWith('fe80:'))
    .map((entry) => ({ address: entry.dst, mac: entry.lladdr ?? null, state: entry.state?.join(',') ?? '' }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}
