/**
 * Every fault, N times: how long the hosts were without the service. Prints markdown. Trials during which the machine
 * itself stood still are counted apart.
 *
 *   node bench/takeover.ts [--scenario fig1b] [--trials 100] [--faults power,kill] [--hogs 4]
 *                          [--system understudy,keepalived: one after the other, fault by fault]
 *                          [--policy available,strict: the same]
 *                          [--stream] [--stream-rate 200M] [-- more options for the lab]
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultByName, faultNames, isFaultName, proxyFaultNames } from '../src/lab/fault.ts';
import { Metronome } from '../src/lab/metronome.ts';
import type { LabResult } from '../src/lab/result.ts';
import type { Trial } from '../src/lab/trial.ts';
import { Hogs } from './hogs.ts';
import { formatSpread, markdownTable, spread } from './statistics.ts';

const cli = join(import.meta.dirname, '../src/cli/main.ts');
/** A trial is disturbed by a stall from just before the fault until its last moment is over, microseconds. */
const marginUs = 20_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenario: { type: 'string', default: 'fig1a' },
    trials: { type: 'string', default: '100' },
    faults: { type: 'string' },
    system: { type: 'string', default: 'understudy' },
    policy: { type: 'string', default: 'available' },
    /** CPU hogs beside the trials. */
    hogs: { type: 'string', default: '0' },
    stream: { type: 'boolean', default: false },
    'stream-rate': { type: 'string' },
  },
});

/** What is compared, fault by fault. */
interface Variant {
  readonly system: string;
  readonly policy: string;
}

function variants(): readonly Variant[] {
  return values.system.split(',').flatMap((system) => {
    // Only Understudy has policies.
    const policies = system === 'understudy' ? values.policy.split(',') : ['available'];
    return policies.map((policy) => ({ system, policy }));
  });
}

function lab(fault: string, { system, policy }: Variant): Promise<LabResult> {
  const { 'stream-rate': rate } = values;
  const options = ['--fault', fault, '--trials', values.trials, '--system', system, '--json'];
  if (policy !== 'available') options.push('--policy', policy);
  if (values.stream) options.push('--stream');
  if (rate !== undefined) options.push('--stream-rate', rate);
  const child = spawn(process.execPath, [cli, 'lab', values.scenario, ...options, ...positionals], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      const text = Buffer.concat(parts).toString('utf8');
      if (text === '') reject(new Error(`the lab said nothing about ${fault}`));
      else resolve(JSON.parse(text) as LabResult);
    });
  });
}

function disturbed(trial: Trial, metronome: Metronome): boolean {
  const { faultAt, firstAnswer } = trial.timelineUs;
  const end = firstAnswer ?? faultAt + trial.probe.blackoutMs * 1000;
  return metronome.during(faultAt - marginUs, end + marginUs).length > 0;
}

function row(fault: string, trials: readonly Trial[], note: string): readonly string[] {
  const distances = (name: keyof Trial['afterFaultUs']): number[] =>
    trials.flatMap((trial) => trial.afterFaultUs[name] ?? []).map((us) => us / 1000);
  return [
    fault + note,
    `${trials.filter((trial) => trial.ok).length} of ${trials.length}`,
    formatSpread(distances('detected'), 2),
    formatSpread(distances('announced'), 2),
    formatSpread(distances('firstAnswer'), 2),
    formatSpread(
      trials.map((trial) => trial.probe.blackoutMs),
      2,
    ),
    formatSpread(
      trials.map((trial) => trial.probe.lost),
      0,
    ),
    formatSpread(
      trials.map((trial) => trial.returned.ms),
      0,
    ),
  ];
}

interface Findings {
  readonly rows: (readonly string[])[];
  /** By fault and policy: undisturbed trials of Understudy. */
  readonly medians: Map<string, Map<string, Medians>>;
  leaseMs: number;
  readonly notes: string[];
  /** Of the TCP stream, by fault. */
  readonly streams: string[];
}

async function measure(metronome: Metronome, findings: Findings): Promise<void> {
  const all = values.scenario === 'fig1b' ? [...faultNames, ...proxyFaultNames] : faultNames;
  const chosen = (values.faults?.split(',') ?? all).filter(isFaultName);
  const every = variants();
  for (const fault of chosen) {
    for (const variant of every) {
      const { system, policy } = variant;
      if (faultByName(fault).only === 'understudy' && system !== 'understudy') continue;
      const own = every.length > 1 ? `, ${system === 'understudy' ? policy : system}` : '';
      const result = await lab(fault, variant);
      judge(fault + own, result, metronome, findings);
      if (system === 'understudy') compare(fault, policy, result, metronome, findings);
    }
  }
}

/** Milliseconds after the fault. */
interface Medians {
  readonly firstAnswer: number;
  readonly blackout: number;
}

function compare(
  fault: string,
  policy: string,
  result: LabResult,
  metronome: Metronome,
  findings: Findings,
): void {
  const { medians } = findings;
  const clean = result.trials.filter((trial) => !disturbed(trial, metronome));
  const median = (all: readonly number[]): number => spread(all)?.median ?? Number.NaN;
  const own = medians.get(fault) ?? new Map<string, Medians>();
  own.set(policy, {
    firstAnswer: median(clean.flatMap(({ afterFaultUs: { firstAnswer } }) => firstAnswer ?? [])) / 1000,
    blackout: median(clean.map(({ probe }) => probe.blackoutMs)),
  });
  medians.set(fault, own);
  findings.leaseMs = Number(result.facts['leaseMs']);
}

/** How much later hosts are answered in a strict group, in leases. */
function strictness({ medians, leaseMs }: Findings): string[] {
  return [...medians].flatMap(([fault, policies]) => {
    const [available, strict] = [policies.get('available'), policies.get('strict')];
    if (available === undefined || strict === undefined) return [];
    const said = (['firstAnswer', 'blackout'] as const).map((what) => {
      const more = strict[what] - available[what];
      return `${more.toFixed(2)} ms (${(more / leaseMs).toFixed(2)} leases)`;
    });
    return [`- ${fault}: strict, median first answer ${said[0]} later, blackout ${said[1]} longer`];
  });
}

function judge(fault: string, result: LabResult, metronome: Metronome, findings: Findings): void {
  const { rows, notes, streams } = findings;
  const clean = result.trials.filter((trial) => !disturbed(trial, metronome));
  const stalled = result.trials.filter((trial) => disturbed(trial, metronome));
  rows.push(row(fault, clean, ''));
  if (stalled.length > 0) rows.push(row(fault, stalled, ', machine stalled'));
  for (const trial of result.trials) {
    const stall = disturbed(trial, metronome) ? ', machine stalled' : '';
    if (!trial.ok) notes.push(`- ${fault}, trial ${trial.trial}${stall}: ${trial.why.join('; ')}`);
  }
  if (result.failure !== undefined) notes.push(`- ${fault}: ${result.failure}`);
  if (result.stream !== undefined) streams.push(`${fault} ${result.stream.meanMbps} Mbit/s`);
}

const metronome = new Metronome();
const hogs = new Hogs(Number(values.hogs));
const findings: Findings = { rows: [], medians: new Map(), leaseMs: 0, notes: [], streams: [] };
try {
  await measure(metronome, findings);
} finally {
  await hogs.stop();
  metronome.stop();
}
const head = ['fault', 'ok', 'detected', 'announced', 'first answer', 'blackout', 'lost requests', 'return'];
const streams = findings.streams.length > 0 ? `; TCP stream beside it: ${findings.streams.join(', ')}` : '';
process.stdout.write(
  `${values.scenario}, ${values.system}, ${values.hogs} CPU hogs${streams}; milliseconds as min / median / p99 / max; ` +
    `stalls of the machine: ${metronome.stalls.length}\n\n`,
);
process.stdout.write(`${markdownTable(head, findings.rows)}\n`);
const compared = strictness(findings);
if (compared.length > 0) process.stdout.write(`\nLease ${findings.leaseMs} ms\n${compared.join('\n')}\n`);
if (findings.notes.length > 0) process.stdout.write(`\n${findings.notes.join('\n')}\n`);
