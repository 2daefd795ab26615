/** Fig. 1A of the patent: hosts, a primary and a redundant machine on one LAN, and a direct link between the two. */
import { readFileSync } from 'node:fs';
import type { LabOptions } from '../arguments.ts';
import { Director, healthPort } from '../director.ts';
import { faultByName } from '../fault.ts';
import { Keepalived } from '../keepalived.ts';
import { type LabPlan, planFig1a } from '../plan.ts';
import type { LabResult } from '../result.ts';
import { Stream } from '../stream.ts';
import type { System } from '../system.ts';
import { buildTopology, inNamespace } from '../topology.ts';
import { runTrial, type Trial } from '../trial.ts';
import { Understudy } from '../understudy.ts';
import type { Scenario, Surroundings } from './scenario.ts';

/** Heartbeats: what a reactor under SCHED_FIFO can hold, and what an ordinary process can. */
const intervalMs = { fifo: 2, ordinary: 10 };
const misses = 3;

/** What decides how a host treats announcements. */
const sysctls = [
  'net/ipv4/conf/all/arp_accept',
  'net/ipv4/conf/eth0/arp_accept',
  'net/ipv4/conf/eth0/arp_ignore',
  'net/ipv4/conf/eth0/arp_announce',
  'net/ipv4/conf/eth0/drop_gratuitous_arp',
  'net/ipv4/neigh/eth0/locktime',
  'net/ipv4/neigh/eth0/base_reachable_time_ms',
  'net/ipv6/conf/eth0/drop_unsolicited_na',
  'net/ipv6/conf/eth0/accept_untracked_na',
];

export const fig1a: Scenario = async (options, surroundings) => {
  const { fifo, rootless, progress, present } = surroundings;
  const plan = planFig1a(options.members);
  progress(
    `building the network: ${[...plan.hosts, ...plan.members].map((m) => m.name).join(', ')}, a switch`,
  );
  buildTopology(plan);
  const system = makeSystem(options, plan, surroundings);
  const pcap = options.pcap;
  const stream = makeStream(options, plan);
  const director = new Director({
    ...{ plan, system, fifo, progress },
    ...(pcap === undefined ? {} : { pcap }),
    ...(stream === undefined ? {} : { stream }),
  });
  const trials: Trial[] = [];
  let failure: string | undefined;
  try {
    await director.open();
    for (let trial = 1; trial <= options.trials; trial++) {
      trials.push(await runTrial(director, faultByName(options.fault), trial));
    }
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const result: LabResult = {
    scenario: 'fig1a',
    fault: options.fault,
    system: system.name,
    ok: failure === undefined && trials.every((trial) => trial.ok),
    ...(failure === undefined ? {} : { failure }),
    facts: system.facts,
    fifo,
    rootless,
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    hostSysctls: readSysctls(plan),
    plan,
    trials,
    ...(stream === undefined ? {} : { stream: stream.result() }),
  };
  await present(result);
  await director.close();
  return result;
};

function makeSystem(options: LabOptions, plan: LabPlan, { fifo }: Surroundings): System {
  const heartbeat = {
    intervalMs: options.intervalMs ?? (fifo ? intervalMs.fifo : intervalMs.ordinary),
    misses: options.misses ?? misses,
  };
  const checked = faultByName(options.fault).checked === true;
  if (options.system === 'keepalived')
    return new Keepalived(plan, { ...heartbeat, fifo, checked, healthPort });
  return new Understudy(plan, { ...heartbeat, fifo, checked, healthPort });
}

function makeStream(options: LabOptions, plan: LabPlan): Stream | undefined {
  const host = plan.hosts.at(-1);
  return options.stream && host !== undefined ? new Stream(host, options.streamRate) : undefined;
}

function readSysctls(plan: LabPlan): Record<string, string> {
  const host = plan.hosts[0]?.name ?? '';
  const values = inNamespace(host, ['grep', '-s', '', ...sysctls.map((path) => `/proc/sys/${path}`)]);
  return Object.fromEntries(
    values
      .trim()
      .split('\n')
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice('/proc/sys/'.length, colon).replaceAll('/', '.'), line.slice(colon + 1)];
      }),
  );
}
