/** A lab for a benchmark: the script re-runs itself inside namespaces and gets a director there. */
import { assemble } from '../src/lab/assembly.ts';
import type { Director } from '../src/lab/director.ts';
import { type Enclosure, enter, runEnclosed } from '../src/lab/enclosure.ts';
import { type LabPlan, planFig1a } from '../src/lab/plan.ts';

/** Of the lab. */
export interface Shape {
  /** The machines; usually fig. 1A with two members. */
  readonly plan?: LabPlan;
  /** Of the heartbeat; usually what the scheduling allows. */
  readonly intervalMs?: number;
  /** Each daemon has a wall clock that can be stepped. */
  readonly falseClocks?: boolean;
  /** Between two answers to a stranger's claims; usually the daemon's default. */
  readonly defendIntervalMs?: number;
  readonly system?: 'understudy' | 'keepalived';
  /** Between two requests of every host's streams, microseconds; usually that of the lab. */
  readonly probeIntervalUs?: number;
}

export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Called by a benchmark's file with its options: outside it starts itself again inside, inside it plays. `play` gets
 * a director whose daemons are not started yet. The process ends with its result. `shape` says what differs from
 * the usual lab.
 */
export async function rehearse<Options extends object>(
  file: string,
  options: () => Options,
  play: (director: Director, options: Options, enclosure: Enclosure<Options>) => Promise<boolean>,
  shape: (options: Options) => Shape = () => ({}),
): Promise<never> {
  if (process.argv[2]?.startsWith('{') !== true) process.exit(await runEnclosed(file, options()));
  const enclosure = enter<Options>();
  const { fifo } = enclosure;
  const { plan = planFig1a(2), ...rest } = shape(enclosure.argument);
  const director = assemble({ plan, fifo, ...rest });
  let ok = false;
  try {
    ok = await play(director, enclosure.argument, enclosure);
  } catch (error) {
    progress(`${error instanceof Error ? error.message : String(error)}\n${director.lastWords()}`);
  }
  process.exit(ok ? 0 : 1);
}
