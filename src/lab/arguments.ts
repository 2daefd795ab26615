/** The command line of the lab. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  exchangeFaultNames,
  type FaultName,
  faultByName,
  faultNames,
  isFaultName,
  proxyFaultNames,
} from './fault.ts';
import type { Policy } from './plan.ts';
import { type Topology, topologies } from './plan-fig1b.ts';
import { isScenarioName, type ScenarioName, scenarioSummaries } from './scenario/registry.ts';

/** Plain data: it travels to the process inside the namespaces as JSON. */
export interface LabOptions {
  readonly scenario: ScenarioName;
  /** Played in this order. */
  readonly faults: readonly FaultName[];
  /** Of each fault. */
  readonly trials: number;
  readonly json: boolean;
  readonly keep: boolean;
  readonly pcap?: string;
  /** fig1a: 2 or 3. */
  readonly members: number;
  /** fig1a: of the group. */
  readonly policy: Policy;
  /** fig1b, pbx: who is behind a proxy. */
  readonly topology: Topology;
  /** fig1b, pbx: link 141 exists. */
  readonly link: boolean;
  /** pbx: the exchange is mirrored. */
  readonly mirrored: boolean;
  /** Heartbeat interval in milliseconds and how many may be missed; absent: what the scheduling allows. */
  readonly intervalMs?: number;
  readonly misses?: number;
  readonly system: 'understudy' | 'keepalived';
  /** A TCP stream to the active member's own address meanwhile; its rate as iperf3 takes it, absent for no limit. */
  readonly stream: boolean;
  readonly streamRate?: string;
}

/** Something on the command line is wrong; the message says what and what is possible. */
export class UsageError extends Error {}

export const usage: string = `usage: understudy lab SCENARIO [options]

Builds a network of namespaces, runs the real daemons in it, breaks something, and shows what the hosts saw.
Needs no root; with root the daemons get real-time scheduling and a faster heartbeat. Touches nothing outside.

scenarios
${Object.entries(scenarioSummaries)
  .map(([name, summary]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}

options
  --fault NAMES   what to break (power); several, with commas between, are played one after the other:
${faultLines(faultNames)}
                  and with proxies (fig1b, pbx):
${faultLines(proxyFaultNames)}
                  and in pbx:
${faultLines(exchangeFaultNames)}
  --trials N      each fault so many times, one after the other (1)
  --json          one JSON object on standard output
  --keep          stay inside afterwards, to look around and play
  --pcap FILE     every frame that enters the switch or the cable, as pcapng
  --members N     fig1a: 2 or 3 machines in the group (2)
  --policy NAME   fig1a: available, or strict (two machines then have a witness)
  --topology NAME fig1b, pbx: each member has a proxy (both), only the primary (one), both one (shared)
  --no-link       fig1b, pbx: no direct link; the members hear each other through the proxies only
  --unmirrored    pbx: an ordinary exchange on each machine, for comparison
  --interval MS   heartbeat interval (2 with real-time scheduling, else 10)
  --misses N      missed heartbeats that mean death (3)
  --system NAME   understudy, or keepalived for comparison
  --stream        a TCP stream (iperf3) from host-b to the active machine's own address all the while
  --stream-rate R hold it to R bits a second, such as 200M (no limit)
`;

function faultLines(names: readonly FaultName[]): string {
  return names.map((name) => `                    ${name.padEnd(16)}${faultByName(name).summary}`).join('\n');
}

const options = {
  fault: { type: 'string', default: 'power' },
  trials: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  pcap: { type: 'string' },
  members: { type: 'string', default: '2' },
  policy: { type: 'string', default: 'available' },
  topology: { type: 'string', default: 'both' },
  'no-link': { type: 'boolean', default: false },
  unmirrored: { type: 'boolean', default: false },
  interval: { type: 'string' },
  misses: { type: 'string' },
  system: { type: 'string', default: 'understudy' },
  stream: { type: 'boolean', default: false },
  'stream-rate': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Returns undefined when help was asked for. Throws UsageError. */
export function parseLabArguments(argv: readonly string[]): LabOptions | undefined {
  const { values, positionals } = split(argv);
  if (values.help) return undefined;
  const scenario = positionals[0] ?? '';
  if (positionals.length !== 1 || !isScenarioName(scenario)) {
    throw new UsageError(`give one scenario: ${Object.keys(scenarioSummaries).join(', ')}`);
  }
  const { system, topology, policy } = values;
  if (system !== 'understudy' && system !== 'keepalived') {
    throw new UsageError(`--system ${system}: it is understudy or keepalived`);
  }
  if (policy !== 'available' && policy !== 'strict') {
    throw new UsageError(`--policy ${policy}: it is available or strict`);
  }
  if (!isTopology(topology)) {
    throw new UsageError(`--topology ${topology}: there are ${topologies.join(', ')}`);
  }
  const { 'stream-rate': rate } = values;
  if (rate !== undefined && !/^[1-9]\d*[KMG]?$/.test(rate)) {
    throw new UsageError(`--stream-rate ${rate}: bits a second are needed, such as 200M or 1G`);
  }
  const parsed: LabOptions = {
    scenario,
    faults: faultsNamed(values.fault),
    trials: number('trials', values.trials, 1, 100_000),
    json: values.json,
    keep: values.keep,
    ...(values.pcap === undefined ? {} : { pcap: capturePath(values.pcap) }),
    members: number('members', values.members, 2, 3),
    policy,
    topology,
    link: !values['no-link'],
    mirrored: !values.unmirrored,
    ...(values.interval === undefined
      ? {}
      : { intervalMs: number('interval', values.interval, 1, 10_000, true) }),
    ...(values.misses === undefined ? {} : { misses: number('misses', values.misses, 1, 100) }),
    system,
    stream: values.stream || rate !== undefined,
    ...(rate === undefined ? {} : { streamRate: rate }),
  };
  const objection = contradiction(parsed);
  if (objection !== undefined) throw new UsageError(objection);
  return parsed;
}

function faultsNamed(text: string): readonly FaultName[] {
  const names = text.split(',');
  const known = names.filter(isFaultName);
  if (known.length === names.length) return known;
  const all = [...faultNames, ...proxyFaultNames, ...exchangeFaultNames].join(', ');
  throw new UsageError(`--fault ${text}: no such fault; there are ${all}`);
}

function isTopology(text: string): text is Topology {
  return topologies.some((topology) => topology === text);
}

/** Why these options do not go together, or undefined when they do. */
function contradiction(options: LabOptions): string | undefined {
  const { scenario, faults, system, topology, link, mirrored, members, policy } = options;
  for (const fault of faults) {
    const objection = impossible(fault, options);
    if (objection !== undefined) return objection;
  }
  if (new Set(faults.flatMap((fault) => faultByName(fault).checked ?? [])).size > 1)
    return `--fault ${faults.join(',')}: a group of the lab has one check, of the service or of the exchange`;
  if (policy === 'strict' && system !== 'understudy')
    return `--policy strict has no counterpart in ${system}`;
  if (!mirrored && scenario !== 'pbx') return '--unmirrored: only pbx mirrors something';
  if (scenario === 'fig1a') {
    return topology !== 'both' || !link ? '--topology and --no-link belong to fig1b and pbx' : undefined;
  }
  if (system !== 'understudy') return `--system ${system} has no proxies; it can play fig1a`;
  if (policy === 'strict') return '--policy strict: fig1a plays it';
  return members !== 2 ? `--members: ${scenario} has two` : undefined;
}

/** Why this fault cannot be played so, or undefined when it can. */
function impossible(fault: FaultName, options: LabOptions): string | undefined {
  const { scenario, system, topology, link } = options;
  const { only, at } = faultByName(fault);
  if (only === 'understudy' && system !== only) return `--fault ${fault} has no counterpart in ${system}`;
  if (fault === 'exchange' && scenario !== 'pbx') return '--fault exchange: only pbx has an exchange';
  if (scenario === 'fig1a')
    return at === 'proxy' ? `--fault ${fault}: fig1a has no proxies, fig1b has` : undefined;
  if (topology === 'shared' && at === 'proxy')
    return `--fault ${fault}: nobody else would answer with one proxy`;
  if (topology === 'shared' && fault === 'lan')
    return '--fault lan: with one proxy there is nobody to part it from';
  if (!link && fault === 'cable') return '--fault cable: there is none with --no-link';
  if (!link && fault === 'lan')
    return '--fault lan: with --no-link the members would not hear each other at all';
  return undefined;
}

function split(argv: readonly string[]): ReturnType<typeof parse> {
  try {
    return parse(argv);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const parse = (argv: readonly string[]) => parseArgs({ args: [...argv], options, allowPositionals: true });

function number(name: string, text: string, least: number, most: number, fraction = false): number {
  const value = Number(text);
  if (text !== '' && (fraction || Number.isInteger(value)) && value >= least && value <= most) return value;
  throw new UsageError(
    `--${name} ${text}: ${fraction ? 'a' : 'a whole'} number from ${least} to ${most} is needed`,
  );
}

/** The lab has a /run of its own, which is gone when it ends. */
function capturePath(text: string): string {
  const path = resolve(text);
  if (path.startsWith('/run/')) throw new UsageError(`--pcap ${text}: choose a place outside /run`);
  return path;
}
