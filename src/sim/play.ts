/** Plays worlds one after the other, and says of each that broke how to see it again. */
import { describeFailure } from './failure.ts';
import { count, emptyTally, type Tally } from './tally.ts';
import type { Pace } from './tempo.ts';
import { World } from './world.ts';

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
    broke(
      describeFailure(outcome, { pace, omit, traced: log !== undefined }, (without, hear) =>
        new World(seed, { pace, log: hear, omit: without }).run(),
      ),
    );
    if (!keepGoing) break;
  }
  progress(tally);
}
