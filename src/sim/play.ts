/** Plays worlds one after the other, and says of each that broke how to see it again. */
import { shrink } from './shrink.ts';
import { count, emptyTally, type Tally } from './tally.ts';
import type { Pace } from './tempo.ts';
import { type Outcome, World } from './world.ts';

export interface Play {
  readonly pace: Pace;
  readonly first: number;
  /** Seeds `first`, `first + step`, … below `end`. */
  readonly step: number;
  readonly end: number;
  readonly keepGoing: boolean;
  /** Faults that do not happen; given: a world that broke is not made smaller. */
  readonly omit: readonly number[] | undefined;
}

/** Worlds between two calls of `progress`. */
const roundWorlds = 100;

/** Calls `broke` for each world that broke, and `progress` with what came since. Stops at the first, or goes on. */
export function play(
  { pace, first, step, end, keepGoing, omit }: Play,
  broke: (said: string) => void,
  progress: (since: Tally) => void,
  log?: (line: string) => void,
): void {
  let tally = emptyTally();
  for (let seed = first; seed < end; seed += step) {
    const outcome = new World(seed, { pace, log, omit: new Set(omit) }).run();
    count(tally, outcome);
    if (tally.worlds >= roundWorlds) {
      progress(tally);
      tally = emptyTally();
    }
    if (outcome.violations.length === 0) continue;
    broke(said(outcome, pace, omit));
    if (!keepGoing) break;
  }
  progress(tally);
}

function said(
  { seed, violations, drawn }: Outcome,
  pace: Pace,
  given: readonly number[] | undefined,
): string {
  const omit = [...(given ?? shrink(seed, pace, drawn))].sort((a, b) => a - b);
  const without = omit.length === 0 ? '' : ` --omit ${omit.join()}`;
  const how = pace === 'slow' ? '' : ' --brisk';
  return [
    ...violations.map((violation) => `seed ${seed}: ${violation}`),
    `replay, with ${drawn - omit.length} of ${drawn} faults: npm run sim -- --seed ${seed}${how}${without} --trace`,
  ].join('\n');
}
