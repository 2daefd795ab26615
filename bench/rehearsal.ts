/** A fig. 1A lab for a benchmark: the script re-runs itself inside namespaces and gets a director there. */
import { Director, healthPort } from '../src/lab/director.ts';
import { type Enclosure, enter, runEnclosed } from '../src/lab/enclosure.ts';
import { planFig1a } from '../src/lab/plan.ts';
import { buildTopology } from '../src/lab/topology.ts';
import { Understudy } from '../src/lab/understudy.ts';

const heartbeats = { fifo: { intervalMs: 2, misses: 3 }, ordinary: { intervalMs: 10, misses: 3 } };

/** Of the lab. */
export interface Shape {
  /** 2 (usual) or 3. */
  readonly members?: number;
  /** Of the heartbeat; usually what the scheduling allows. */
  readonly intervalMs?: number;
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
  const { members = 2, intervalMs } = shape(enclosure.argument);
  const plan = planFig1a(members);
  buildTopology(plan);
  const usual = fifo ? heartbeats.fifo : heartbeats.ordinary;
  const heartbeat = { ...usual, ...(intervalMs === undefined ? {} : { intervalMs }) };
  const system = new Understudy(plan, { ...heartbeat, fifo, checked: false, healthPort });
  const director = new Director({ plan, system, fifo, progress: () => undefined });
  let ok = false;
  try {
    ok = await play(director, enclosure.argument, enclosure);
  } catch (error) {
    progress(`${error instanceof Error ? error.message : String(error)}\n${director.lastWords()}`);
  }
  process.exit(ok ? 0 : 1);
}
