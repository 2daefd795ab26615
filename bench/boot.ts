/**
 * Both machines are switched on at once, N times: one becomes active, never two at a time.
 *
 *   node bench/boot.ts [--times 50]
 */
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { progress, rehearse } from './rehearsal.ts';
import { formatSpread } from './statistics.ts';

function options(): { readonly times: number } {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '50' } } });
  return { times: Number(values.times) };
}

/** Stretches of time (µs) in which a member said it was active, since `sinceUs`. */
function activity(director: Director, name: string, sinceUs: number): { fromUs: number; toUs: number }[] {
  const stretches: { fromUs: number; toUs: number }[] = [];
  for (const { member, occurrence } of director.occurrences()) {
    if (member !== name || occurrence.code !== 'transition' || occurrence.atUs < sinceUs) continue;
    const { to, from } = occurrence.detail;
    if (to === 'active') stretches.push({ fromUs: occurrence.atUs, toUs: Number.POSITIVE_INFINITY });
    const last = stretches.at(-1);
    if (from === 'active' && last !== undefined) last.toUs = occurrence.atUs;
  }
  return stretches;
}

await rehearse(import.meta.filename, options, async (director, { times }) => {
  const { members } = director.plan;
  const durations: number[] = [];
  const firsts: Record<string, number> = {};
  let doubles = 0;
  await director.open();
  for (let time = 1; time <= times; time++) {
    for (const member of members) {
      await director.act([{ kind: 'signal', signal: 'SIGKILL', to: 'daemon' }], member);
    }
    const sinceUs = monotonicUs();
    await Promise.all(members.map((member) => director.system.start(member)));
    const ready = async (): Promise<boolean> => (await director.system.view()).ready;
    await until('one is active and the other ready', ready, 20_000);
    durations.push((monotonicUs() - sinceUs) / 1000);
    const [one = [], other = []] = members.map((member) => activity(director, member.name, sinceUs));
    const double = one.some((a) => other.some((b) => a.fromUs < b.toUs && b.fromUs < a.toUs));
    if (double) doubles++;
    const { active } = await director.system.view();
    firsts[active[0] ?? 'nobody'] = (firsts[active[0] ?? 'nobody'] ?? 0) + 1;
    progress(`boot ${time}: ${active.join(' and ')}${double ? '; two at a time' : ''}`);
  }
  process.stdout.write(
    `boot: ${times} times both at once: ready after ${formatSpread(durations, 0)} ms (min / median / p99 / max), ` +
      `active: ${JSON.stringify(firsts)}, two active at a time: ${doubles}\n`,
  );
  return doubles === 0;
});
