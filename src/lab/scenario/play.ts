/** What every scenario does with its machines: fault after fault, and the result. */
import { readFileSync } from 'node:fs';
import type { LabOptions } from '../arguments.ts';
import { assemble } from '../assembly.ts';
import { healthPort } from '../director.ts';
import { faultByName } from '../fault.ts';
import { machinesOf } from '../layout.ts';
import { countsOf, localPort, type Sessions } from '../pbx/sessions.ts';
import { type LabPlan, withStranger } from '../plan.ts';
import type { LabResult } from '../result.ts';
import { Stream } from '../stream.ts';
import { inNamespace } from '../topology.ts';
import { runTrial, type Trial } from '../trial.ts';
import type { Surroundings } from './scenario.ts';

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

const checkedPorts = { service: healthPort, exchange: localPort } as const;

/** `facts`: what the scenario has to say besides the system's. `sessions`: of the host that has some. */
export async function play(
  network: LabPlan,
  options: LabOptions,
  surroundings: Surroundings,
  facts: LabResult['facts'] = {},
  sessions?: Sessions,
): Promise<LabResult> {
  const { fifo, rootless, progress, present } = surroundings;
  const faults = options.faults.map(faultByName);
  const plan = faults.some(({ stranger }) => stranger) ? withStranger(network) : network;
  const [checked] = faults.flatMap((fault) => fault.checked ?? []);
  const { scenario, pcap, system, intervalMs, misses } = options;
  const names = machinesOf(plan).map(({ name }) => name);
  progress(`building the network: ${names.join(', ')}, a switch`);
  const stream = makeStream(options, plan);
  const director = assemble({
    ...{ plan, fifo, system, progress },
    ...(checked === undefined ? {} : { checkedPort: checkedPorts[checked] }),
    falseClocks: faults.some(({ falseClocks }) => falseClocks),
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(misses === undefined ? {} : { misses }),
    ...(pcap === undefined ? {} : { pcap }),
    ...(stream === undefined ? {} : { stream }),
    ...(sessions === undefined ? {} : { sessions }),
  });
  const trials: Trial[] = [];
  let failure: string | undefined;
  try {
    await director.open();
    for (const fault of options.faults) {
      for (let times = 0; times < options.trials; times++)
        trials.push(await runTrial(director, fault, trials.length + 1));
    }
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const result: LabResult = {
    scenario,
    faults: options.faults,
    system: director.system.name,
    ok: failure === undefined && trials.every((trial) => trial.ok),
    ...(failure === undefined ? {} : { failure }),
    facts: { ...facts, ...director.system.facts },
    fifo,
    rootless,
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    hostSysctls: readSysctls(plan),
    plan,
    trials,
    ...(stream === undefined ? {} : { stream: stream.result() }),
    ...(sessions === undefined
      ? {}
      : { sessions: countsOf(trials.flatMap((trial) => trial.sessions ?? [])) }),
  };
  await present(result);
  await director.close();
  return result;
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
