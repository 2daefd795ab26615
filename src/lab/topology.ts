/** Builds a `LabPlan` out of network namespaces, veth pairs and two bridges, with iproute2. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { machinesOf, wiresOf } from './layout.ts';
import { type LabPlan, switchNamespace, type Wire } from './plan.ts';

/**
 * Builds everything. Needs a network namespace and a mount namespace of its own with a writable /run. Throws when
 * `ip` is missing or refuses.
 */
export function buildTopology(plan: LabPlan): void {
  const machines = machinesOf(plan).map((machine) => ({ name: machine.name, wires: wiresOf(machine) }));
  for (const name of [switchNamespace, ...machines.map((machine) => machine.name)])
    ip(['netns', 'add', name]);
  // A switch is no host: it has no addresses and says nothing of its own.
  inNamespace(switchNamespace, ['sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
  const bridges = new Set(machines.flatMap(({ wires }) => wires.map((wire) => wire.bridge)));
  ipBatch(switchNamespace, [
    ...[...bridges].map(bridge),
    'link set lo up',
    ...machines.flatMap(({ name, wires }) => wires.flatMap((wire) => pair(name, wire))),
  ]);
  for (const { name, wires } of machines) {
    const routes = plan.routes.filter(({ machine }) => machine === name);
    ipBatch(name, [
      'link set lo up',
      ...wires.flatMap(addresses),
      ...routes.map(({ to, via }) => `route add ${to} via ${via}`),
    ]);
  }
}

/**
 * Made in the switch's namespace, where lo and a bridge for each of the machine's wires came first: a port's index never
 * equals its peer's. Were they equal, the kernel would report the peer's loss of carrier up to a second late (linkwatch's
 * urgency rule).
 */
function pair(machine: string, wire: Wire): string[] {
  return [
    `link add ${wire.port} type veth peer name ${wire.interface} address ${wire.mac} netns ${machine}`,
    `link set ${wire.port} master ${wire.bridge} up`,
  ];
}

function bridge(name: string): string {
  return `link add ${name} up type bridge stp_state 0 forward_delay 0 mcast_snooping 0`;
}

function addresses({ interface: device, address4, prefix4, address6 }: Wire): string[] {
  return [
    `addr add ${address4}/${prefix4} dev ${device}`,
    ...(address6 === undefined ? [] : [`addr add ${address6}/64 dev ${device} nodad`]),
    `link set ${device} up`,
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
