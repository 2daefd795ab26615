/**
 * Every fault, N times: how long the hosts were without the service. Prints markdown. Trials during which the machine
 * itself stood still are counted apart.
 *
 *   node bench/takeover.ts [--trials 100] [--faults power,kill] [--system keepalived] [-- more options for the lab]
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultByName, faultNames, isFaultName } from '../src/lab/fault.ts';
import type { LabResult } from '../src/lab/result.ts';
import type { Trial } from '../src/lab/trial.ts';
import { Metronome } from './metronome.ts';
import { formatSpread, markdownTable } from './statistics.ts';

const cli = join(import.meta.dirname, '../src/cli/main.ts');
/** A trial is disturbed by a stall from just before the fault until its last moment is over, microseconds. */
const marginUs = 20_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    trials: { type: 'string', default: '100' },
    faults: { type: 'string' },
    system: { type: 'string', default: 'understudy' },
  },
});

function lab(fault: string): Promise<LabResult> {
  const options = ['--fault', fault, '--trials', values.trials, '--system', values.system, '--json'];
  const child = spawn(process.execPath, [cli, 'lab', 'fig1a', ...options, ...positionals], {
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

const metronome = new Metronome();
const rows: (readonly string[])[] = [];
const notes: string[] = [];
const chosen = (values.faults?.split(',') ?? faultNames).filter(isFaultName);
for (const fault of chosen) {
  if (faultByName(fault).only === 'understudy' && values.system !== 'understudy') continue;
  const result = await lab(fault);
  const clean = result.trials.filter((trial) => !disturbed(trial, metronome));
  const stalled = result.trials.filter((trial) => disturbed(trial, metronome));
  rows.push(row(fault, clean, ''));
  if (stalled.length > 0) rows.push(row(fault, stalled, ', machine stalled'));
  for (const trial of result.trials) {
    if (!trial.ok) notes.push(`- ${fault}, trial ${trial.trial}: ${trial.why.join('; ')}`);
  }
  if (result.failure !== undefined) notes.push(`- ${fault}: ${result.failure}`);
}
metronome.stop();
const head = ['fault', 'ok', 'detected', 'announced', 'first answer', 'blackout', 'lost requests', 'return'];
process.stdout.write(
  `${values.system}; milliseconds as min / median / p99 / max; stalls of the machine: ${metronome.stalls.length}\n\n`,
);
process.stdout.write(`${markdownTable(head, rows)}\n`);
if (notes.length > 0) process.stdout.write(`\n${notes.join('\n')}\n`);
