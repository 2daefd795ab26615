/** Who was active when, by the daemons' own words, and what of it a stall of the machine may explain. */
import type { Director } from '../src/lab/director.ts';
import type { Metronome, Stall } from '../src/lab/metronome.ts';

/** The end of a daemon that could not report it. CLOCK_MONOTONIC microseconds. */
export interface Death {
  readonly member: string;
  readonly atUs: number;
}

/** A stretch of time in which two members said they were active. */
export interface Double {
  readonly members: readonly [string, string];
  readonly fromUs: number;
  readonly toUs: number;
  /** Stalls of the machine just before or meanwhile. */
  readonly stalls: readonly Stall[];
}

/** A stall so long before a change of role may be its cause, microseconds. */
const stallReachUs = 12_000;

/**
 * Every stretch since `sinceUs` in which two were active at a time. A killed daemon is active until it dies: that its
 * machine may go on speaking until the lease ends is looked for at the switch, not here.
 */
export function doubles(
  director: Director,
  metronome: Metronome,
  sinceUs: number,
  deaths: readonly Death[],
): Double[] {
  const all = director.plan.members.flatMap(({ name }) =>
    activity(director, name, deaths).map((stretch) => ({ name, ...stretch })),
  );
  const found: Double[] = [];
  for (const [index, one] of all.entries()) {
    for (const other of all.slice(index + 1)) {
      const fromUs = Math.max(one.fromUs, other.fromUs);
      const toUs = Math.min(one.toUs, other.toUs);
      if (one.name === other.name || fromUs >= toUs || toUs < sinceUs) continue;
      const stalls = metronome.during(fromUs - stallReachUs, toUs);
      found.push({ members: [one.name, other.name], fromUs, toUs, stalls });
    }
  }
  return found.sort((a, b) => a.fromUs - b.fromUs);
}

/** Stretches of time in which `name` said it was active. */
function activity(
  director: Director,
  name: string,
  deaths: readonly Death[],
): { readonly fromUs: number; readonly toUs: number }[] {
  const stretches: { fromUs: number; toUs: number }[] = [];
  for (const { member, occurrence } of director.occurrences()) {
    if (member !== name || occurrence.code !== 'transition') continue;
    const { to, from } = occurrence.detail;
    if (to === 'active') stretches.push({ fromUs: occurrence.atUs, toUs: Number.POSITIVE_INFINITY });
    const last = stretches.at(-1);
    if (from === 'active' && last !== undefined) last.toUs = occurrence.atUs;
  }
  const own = deaths.filter(({ member }) => member === name);
  return stretches.map(({ fromUs, toUs }) => ({
    fromUs,
    toUs: Math.min(toUs, ...own.filter(({ atUs }) => atUs > fromUs).map(({ atUs }) => atUs)),
  }));
}

/** One sentence, then one line each; those that a stall of the machine may explain apart. */
export function formatDoubles(found: readonly Double[], sinceUs: number): string {
  if (found.length === 0) return 'never two active at a time\n';
  const unexplained = found.filter(({ stalls }) => stalls.length === 0);
  const stalled = found.filter(({ stalls }) => stalls.length > 0);
  const list = (title: string, some: readonly Double[]): string =>
    some.length === 0 ? '' : `${title}: ${some.length}\n${some.map((one) => line(one, sinceUs)).join('')}`;
  return list('two active at a time', unexplained) + list('two active at a time, machine stalled', stalled);
}

function line({ members, fromUs, toUs, stalls }: Double, sinceUs: number): string {
  const length = Number.isFinite(toUs) ? `${((toUs - fromUs) / 1000).toFixed(3)} ms` : 'to the end';
  const at = ((fromUs - sinceUs) / 1e6).toFixed(3);
  return `  ${at} s  ${members.join(' and ')} for ${length}${formatStalls(stalls)}\n`;
}

/** Every change of role since `sinceUs`, one line each, with the stalls just before it. */
export function changesOfRole(director: Director, metronome: Metronome, sinceUs: number): string[] {
  return director
    .occurrences()
    .filter(({ occurrence }) => occurrence.code === 'transition' && occurrence.atUs > sinceUs)
    .map(({ member, occurrence: { atUs, message } }) => {
      const stalls = metronome.during(atUs - stallReachUs, atUs);
      return `${((atUs - sinceUs) / 1e6).toFixed(3)} s  ${member}: ${message}${formatStalls(stalls)}`;
    });
}

function formatStalls(stalls: readonly Stall[]): string {
  return stalls.map(({ cpu, fromUs, toUs }) => `; CPU ${cpu} stood still for ${toUs - fromUs} µs`).join('');
}
