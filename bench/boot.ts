/**
 * Both machines are switched on at once, N times: one becomes active, never two at a time.
 *
 *   node bench/boot.ts [--times 50]
 */
import { parseArgs } from 'node:util';
import { Metronome } from '../src/lab/metronome.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { progress, rehearse } from './rehearsal.ts';
import { type Death, doubles, formatDoubles } from './roles.ts';
import { formatSpread } from './statistics.ts';

function options(): { readonly times: number } {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '50' } } });
  return { times: Number(values.times) };
}

await rehearse(import.meta.filename, options, async (director, { times }) => {
  const { members } = director.plan;
  const durations: number[] = [];
  const firsts: Record<string, number> = {};
  const deaths: Death[] = [];
  await director.open();
  const metronome = new Metronome();
  const beganUs = monotonicUs();
  for (let time = 1; time <= times; time++) {
    for (const member of members) {
      const atUs = await director.act([{ kind: 'signal', signal: 'SIGKILL', to: 'daemon' }], member);
      deaths.push({ member: member.name, atUs });
    }
    const sinceUs = monotonicUs();
    await Promise.all(members.map((member) => director.system.start(member)));
    const ready = async (): Promise<boolean> => (await director.system.view()).ready;
    await until('one is active and the other ready', ready, 20_000);
    durations.push((monotonicUs() - sinceUs) / 1000);
    const { active } = await director.system.view();
    firsts[active[0] ?? 'nobody'] = (firsts[active[0] ?? 'nobody'] ?? 0) + 1;
    const two = doubles(director, metronome, sinceUs, deaths);
    progress(`boot ${time}: ${active.join(' and ')}${two.length > 0 ? '; two at a time' : ''}`);
  }
  const found = doubles(director, metronome, beganUs, deaths);
  metronome.stop();
  process.stdout.write(
    `boot: ${times} times both at once: ready after ${formatSpread(durations, 0)} ms (min / median / p99 / max), ` +
      `active: ${JSON.stringify(firsts)}, ${metronome.stalls.length} stalls of the machine\n` +
      formatDoubles(found, beganUs),
  );
  return found.every(({ stalls }) => stalls.length > 0);
});
