/**
 * A million packets nobody should believe, at both daemons' interfaces: roles, memory and the service stay as they are.
 *
 *   node bench/fuzz.ts [--packets 1000000] [--seed 1]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { switchNamespace } from '../src/lab/plan.ts';
import { Station } from '../src/lab/station.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import type { FuzzerCommand, FuzzerOptions } from './fuzzer.ts';
import { progress, rehearse } from './rehearsal.ts';
import { changesOfRole, doubles, formatDoubles } from './roles.ts';

const pieceLength = 20_000;
/** More growth than this is a leak, KiB. */
const growthMaxKib = 64 * 1024;

function options(): { readonly packets: number; readonly seed: number } {
  const { values } = parseArgs({
    options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  });
  return { packets: Number(values.packets), seed: Number(values.seed) };
}

function residentKib(director: Director): number[] {
  return director.plan.members.map((member) => {
    const status = readFileSync(`/proc/${director.system.target(member)}/status`, 'utf8');
    return Number(status.match(/VmRSS:\s+(\d+)/)?.[1] ?? Number.NaN);
  });
}

await rehearse(import.meta.filename, options, async (director, { packets, seed }) => {
  await director.open();
  const active = await director.ready();
  const { members } = director.plan;
  const fuzzer = Station.start<FuzzerCommand>({
    namespace: switchNamespace,
    script: join(import.meta.dirname, 'fuzzer.ts'),
    options: {
      ports: members.flatMap((m) => [m.lanPort, ...(m.cable === undefined ? [] : [m.cable.port])]),
      seed,
    } satisfies FuzzerOptions,
  });
  const metronome = new Metronome();
  const piece: FuzzerCommand = { do: 'throw', count: pieceLength };
  let sent = await fuzzer.ask<number>(piece);
  const before = residentKib(director);
  const beganUs = monotonicUs();
  while (sent < packets) {
    sent += await fuzzer.ask<number>(piece);
    if (sent % 200_000 < pieceLength)
      progress(`${sent} packets; resident ${residentKib(director).join(', ')} KiB`);
  }
  const seconds = (monotonicUs() - beganUs) / 1e6;
  const after = residentKib(director);
  const still = await director.ready();
  const changes = changesOfRole(director, metronome, beganUs);
  for (const change of changes) progress(change);
  const found = doubles(director, metronome, beganUs, []);
  metronome.stop();
  const growth = after.map((kib, i) => kib - (before[i] ?? 0));
  process.stdout.write(
    `fuzz: ${sent} packets (seed ${seed}) in ${seconds.toFixed(1)} s: ${changes.length} changes of role, still active: ` +
      `${still.name}, resident memory grew by ${growth.join(' and ')} KiB, ` +
      `${metronome.stalls.length} stalls of the machine\n${formatDoubles(found, beganUs)}`,
  );
  return changes.length === 0 && still === active && growth.every((kib) => kib < growthMaxKib);
});
