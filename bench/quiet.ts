/**
 * Nothing fails, the machine is busy: for M minutes nobody may take over and nobody outside may notice anything.
 *
 *   node bench/quiet.ts [--minutes 10] [--hogs 4] [--cable-out] [--lan-loss 1]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { faultByName } from '../src/lab/fault.ts';
import { switchNamespace } from '../src/lab/plan.ts';
import { inNamespace } from '../src/lab/topology.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { Hogs } from './hogs.ts';
import { Metronome } from './metronome.ts';
import { progress, rehearse } from './rehearsal.ts';

interface Options {
  readonly minutes: number;
  readonly hogs: number;
  readonly cableOut: boolean;
  /** Percent of what the members send to each other on the LAN. */
  readonly lanLoss: number;
}

/** The probes remember so much; longer runs are judged in pieces. */
const pieceMs = 60_000;
/** A stall so long before a change of role may be its cause, microseconds. */
const stallReachUs = 12_000;

function options(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      hogs: { type: 'string', default: '4' },
      'cable-out': { type: 'boolean', default: false },
      'lan-loss': { type: 'string', default: '0' },
    },
  });
  return {
    minutes: Number(values.minutes),
    hogs: Number(values.hogs),
    cableOut: values['cable-out'],
    lanLoss: Number(values['lan-loss']),
  };
}

function loseOnLan(director: Director, percent: number): void {
  const [one, other] = director.plan.members.map((member) => member.lanPort);
  const chain = 'add table bridge loss; add chain bridge loss f { type filter hook forward priority 0; }';
  const rules = [`"${one}" oifname "${other}"`, `"${other}" oifname "${one}"`].map(
    (pair) => `add rule bridge loss f iifname ${pair} numgen random mod 1000 < ${percent * 10} drop`,
  );
  inNamespace(switchNamespace, ['nft', [chain, ...rules].join('; ')]);
}

await rehearse(import.meta.filename, options, async (director, o) => {
  await director.open();
  const active = await director.ready();
  if (o.cableOut) await director.act(faultByName('cable').strike(active, director.plan), active);
  if (o.lanLoss > 0) loseOnLan(director, o.lanLoss);
  const metronome = new Metronome();
  const hogs = new Hogs(o.hogs);
  const beganUs = monotonicUs();
  let lost = 0;
  let sent = 0;
  let blackoutMs = 0;
  for (let left = o.minutes * 60_000; left > 0; left -= pieceMs) {
    const fromUs = monotonicUs();
    await delay(Math.min(left, pieceMs));
    const window = { fromUs, toUs: monotonicUs() - 100_000, faultUs: fromUs, victim: '', fencedUs: fromUs };
    for (const summary of Object.values(await director.judgeProbes(window))) {
      lost += summary.lost;
      sent += summary.sent;
      if (summary.intervalUs < 1000) blackoutMs = Math.max(blackoutMs, summary.blackoutMs);
    }
    progress(`${Math.round((monotonicUs() - beganUs) / 60e6)} min: ${lost} of ${sent} requests lost`);
  }
  const reports = director.occurrences().filter(({ occurrence }) => occurrence.atUs > beganUs);
  for (const { member, occurrence } of reports) {
    if (occurrence.code !== 'transition') continue;
    const stalls = metronome.during(occurrence.atUs - stallReachUs, occurrence.atUs);
    const stalled = stalls.map(({ cpu, fromUs, toUs }) => `; CPU ${cpu} stood still for ${toUs - fromUs} µs`);
    const seconds = ((occurrence.atUs - beganUs) / 1e6).toFixed(3);
    progress(`${seconds} s  ${member}: ${occurrence.message}${stalled.join('')}`);
  }
  const codes: Record<string, number> = {};
  for (const { occurrence } of reports) codes[occurrence.code] = (codes[occurrence.code] ?? 0) + 1;
  const { transition: transitions = 0 } = codes;
  metronome.stop();
  await hogs.stop();
  process.stdout.write(
    `quiet: ${o.minutes} min, ${o.hogs} CPU hogs${o.cableOut ? ', cable out' : ''}, ${o.lanLoss} % LAN loss: ` +
      `${transitions} changes of role, ${lost} of ${sent} requests lost, longest gap ${blackoutMs.toFixed(2)} ms, ` +
      `${metronome.stalls.length} stalls of the machine; events ${JSON.stringify(codes)}\n`,
  );
  return transitions === 0;
});
