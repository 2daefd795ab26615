/** What the daemons reported (docs/EVENTS.md), as tests look for it and as a failure shows it. */
import type { Occurrence } from '../../src/api/types.ts';

export type Details = Readonly<Record<string, string | number | boolean | null>>;

export function fits(one: Occurrence, code: string, detail: Details): boolean {
  return one.code === code && Object.entries(detail).every(([key, value]) => one.detail[key] === value);
}

const shown = 20;

/** The last reports of all machines, by name, in the order of time. */
export function lastReports(reports: ReadonlyMap<string, readonly Occurrence[]>): string {
  const all = [...reports].flatMap(([name, occurrences]) =>
    occurrences.map(({ atUs, message }) => ({ atUs, text: `${name}: ${message}` })),
  );
  const last = all.sort((one, other) => one.atUs - other.atUs).slice(-shown);
  return [
    'the last reports:',
    ...last.map(({ atUs, text }) => `${(atUs / 1000).toFixed(1)} ms  ${text}`),
  ].join('\n');
}
