/** What is said of a world that broke: how, the end of the shortest trace that was found, and the command that replays it. */
import { shrink } from './shrink.ts';
import type { Pace } from './tempo.ts';
import type { Outcome } from './world.ts';

/** Lines of a trace that are printed: those before the end show what led to it. */
const traceLines = 40;

/** Plays the world of the outcome again without some of its faults. */
export type Replay = (omit: ReadonlySet<number>, log?: (line: string) => void) => Outcome;

export interface Played {
  readonly pace: Pace;
  /** Faults that it was played without; given: it is not made smaller. */
  readonly omit: readonly number[] | undefined;
  /** Every line was printed when it was played. */
  readonly traced: boolean;
}

export function describeFailure(outcome: Outcome, { pace, omit, traced }: Played, replay: Replay): string {
  const { seed, violations, drawn } = outcome;
  const without = new Set(omit ?? shrink(drawn, (some) => replay(some).violations.length > 0));
  const options = [
    `--seed ${seed}`,
    ...(pace === 'slow' ? [] : ['--brisk']),
    ...(without.size === 0 ? [] : [`--omit ${[...without].sort((a, b) => a - b).join()}`]),
  ];
  return [
    ...violations.map((violation) => `seed ${seed}: ${violation}`),
    ...(traced ? [] : endOfTrace(without, `${drawn - without.size} of ${drawn} faults`, replay)),
    `replay, with ${drawn - without.size} of ${drawn} faults: npm run sim -- ${options.join(' ')} --trace`,
  ].join('\n');
}

function endOfTrace(omit: ReadonlySet<number>, faults: string, replay: Replay): readonly string[] {
  const trace: string[] = [];
  const { violations } = replay(omit, (line) => trace.push(...line.split('\n')));
  const end = trace.slice(-traceLines);
  return [
    `the shortest trace found, with ${faults}, has ${trace.length} lines; the first ${trace.length - end.length} are left out:`,
    ...end.map((line) => `  ${line}`),
    ...violations.map((violation) => `  ${violation}`),
  ];
}
