/**
 * How long two machines speak with the address at a time: N runs, each with one fault drawn from a seed, every frame that
 * enters the switch judged by the machine that emitted it. A stranger asks every member for the addresses all the while, so
 * that a machine that would speak does.
 *
 *   node bench/overlap.ts [--policy strict] [--times 100] [--seed 1] [--run 17] [--faults REGEXP] [--hogs 2] [--json]
 *
 * A run in which a frame was not captured is named as unjudged, and the bench fails. `--run` plays one run of the seed again.
 * Clocks are stepped where libfaketime is installed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { type Policy, planFig1a, withStranger } from '../src/lab/plan.ts';
import { fakeClockLibrary } from '../src/lab/wall-clock.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { Chance } from './chance.ts';
import { Hogs } from './hogs.ts';
import { progress, rehearse } from './rehearsal.ts';
import { Scene } from './scene.ts';
import { type Trouble, troubles } from './troubles.ts';
import {
  activations,
  explain,
  type Overlap,
  overlapsIn,
  type Run,
  stalledBefore,
  tableOf,
  unheard,
} from './verdict.ts';
import { Walls } from './walls.ts';

interface Options {
  readonly policy: Policy;
  readonly times: number;
  readonly seed: number;
  /** 0: all. */
  readonly run: number;
  readonly faults: string;
  readonly hogs: number;
  readonly json: boolean;
}

/** After everything is ready again, late voices are looked for so much longer, milliseconds. */
const settledMs = 100;
/**
 * Between two answers to a stranger, milliseconds: the shorter, the sooner a contest is forgotten. In one that goes on it
 * grows up to 64 times, and for so long hosts that he led astray are waited for.
 */
const defendIntervalMs = 100;
const reachTimeoutMs = 64 * defendIntervalMs + 100;

function options(): Options {
  const { values } = parseArgs({
    options: {
      policy: { type: 'string', default: 'available' },
      times: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      run: { type: 'string', default: '0' },
      faults: { type: 'string', default: '' },
      hogs: { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
    },
  });
  const { policy, faults, json } = values;
  if (policy !== 'strict' && policy !== 'available')
    throw new Error(`--policy ${policy}: available or strict`);
  const [times, seed, run, hogs] = [values.times, values.seed, values.run, values.hogs].map(Number);
  return { policy, faults, json, times: times ?? 0, seed: seed ?? 0, run: run ?? 0, hogs: hogs ?? 0 };
}

/** What can be drawn here. */
function choicesOf({ policy, faults }: Options, clocks: boolean): readonly Trouble[] {
  const chosen = troubles.filter(
    ({ name, witness, clock }) =>
      (witness !== true || policy === 'strict') &&
      (clock !== true || clocks) &&
      new RegExp(faults, 'i').test(name),
  );
  if (chosen.length === 0) throw new Error(`--faults ${faults}: nothing to choose from`);
  return chosen;
}

class Play {
  readonly #director: Director;
  readonly #options: Options;
  readonly #metronome: Metronome = new Metronome();
  readonly #walls: Walls = new Walls();
  readonly #choices: readonly Trouble[];

  constructor(director: Director, o: Options, clocks: boolean) {
    this.#director = director;
    this.#options = o;
    this.#choices = choicesOf(o, clocks);
  }

  get stalls(): number {
    return this.#metronome.stalls.length;
  }

  async run(run: number): Promise<Run> {
    const director = this.#director;
    const chance = new Chance(this.#options.seed * 1_000_003 + run);
    const scene = new Scene(director, this.#walls, chance, await director.ready());
    const trouble = chance.weigh(this.#choices);
    const { missed } = await director.switchboard.gaps();
    const sinceUs = monotonicUs();
    await delay(chance.between(0, 20));
    await trouble.play(scene);
    const reachedMs = scene.claimedUs === undefined ? null : await this.#reached(scene.claimedUs);
    await director.ready();
    await delay(settledMs);
    const span = { sinceUs, untilUs: monotonicUs() };
    const overlaps = await overlapsIn(director, this.#metronome, span, {
      parted: scene.parted,
      words: trouble.dies !== true,
    });
    const changes = activations(director, sinceUs).map(({ member, atUs }) => ({
      member,
      stalled: stalledBefore(this.#metronome, atUs),
    }));
    const wrong = [
      ...overlaps.filter((overlap) => this.#guilty(overlap)).map(({ us, what }) => `${what}: ${us} µs`),
      ...(trouble.quiet === true && changes.some(({ stalled }) => !stalled) ? ['the role moved'] : []),
      ...(reachedMs !== null && reachedMs >= reachTimeoutMs ? ['hosts were not reached again'] : []),
    ];
    const unjudged = await unheard(director, sinceUs, missed);
    const { lastedMs } = scene;
    const judged = { overlaps, changes, reachedMs, wrong, unjudged };
    return { run, beganUs: sinceUs, trouble: trouble.name, lastedMs, ...judged };
  }

  stop(): void {
    this.#metronome.stop();
  }

  #guilty({ us, outsideUs }: Overlap): boolean {
    const { policy } = this.#options;
    return policy === 'strict' ? us > 0 : outsideUs > this.#director.system.lingerMs * 1000;
  }

  /** From the claim until every host was answered for good, milliseconds. */
  async #reached(claimedUs: number): Promise<number> {
    for (const endUs = monotonicUs() + reachTimeoutMs * 1000; monotonicUs() < endUs; ) {
      await delay(50);
      const lastUs = await this.#director.probes.steadySince(claimedUs);
      if (lastUs !== null) return (lastUs - claimedUs) / 1000;
    }
    return reachTimeoutMs;
  }
}

function describe({ run, trouble, lastedMs, overlaps, changes, reachedMs, wrong, unjudged }: Run): string {
  const said = overlaps.map(({ us, outsideUs, what, stalled }) => {
    const parted = us === outsideUs ? '' : `, ${outsideUs} of them not parted`;
    return `${us} µs${parted} (${what}${stalled ? ', machine stalled' : ''})`;
  });
  return [
    `${run}: ${trouble}, ${lastedMs.join('+')} ms`,
    ...(changes.length === 0 ? [] : [`then ${changes.map(({ member }) => member).join(', ')}`]),
    ...(reachedMs === null ? [] : [`hosts reached after ${reachedMs.toFixed(1)} ms`]),
    said.join('; ') || 'no overlap',
    ...(wrong.length === 0 ? [] : [`WRONG: ${wrong.join('; ')}`]),
    ...(unjudged.length === 0 ? [] : [`UNJUDGED: ${unjudged.join('; ')}`]),
  ].join('; ');
}

async function play(director: Director, o: Options, clocks: boolean): Promise<boolean> {
  if (!clocks) progress('clocks are not stepped: libfaketime is missing; apt install libfaketime');
  const hogs = new Hogs(o.hogs);
  const stage = new Play(director, o, clocks);
  await director.open();
  await director.injector.ask(true);
  const beganUs = monotonicUs();
  const runs: Run[] = [];
  const numbers = o.run > 0 ? [o.run] : Array.from({ length: o.times }, (_, index) => index + 1);
  let failure: string | undefined;
  for (const number of numbers) {
    const run = await stage.run(number).catch((error: unknown) => {
      failure = `run ${number} did not end: ${error instanceof Error ? error.message : String(error)}`;
    });
    // What a run leaves behind that did not end would be judged as the next one's.
    if (run === undefined) break;
    runs.push(run);
    progress(describe(run));
    if (run.wrong.length > 0) explain(director, run.beganUs, 0);
  }
  const reused = twice(activations(director, 0).map(({ term }) => term));
  const bad = runs.filter(({ wrong }) => wrong.length > 0).map(({ run }) => run);
  const unjudged = runs.filter((run) => run.unjudged.length > 0).map(({ run }) => run);
  const seconds = Math.round((monotonicUs() - beganUs) / 1e6);
  const { policy, seed, hogs: load } = o;
  const { lingerMs, facts } = director.system;
  const { stalls } = stage;
  if (o.json) {
    const end = failure === undefined ? {} : { failure };
    const found = { reused, bad, unjudged, ...end, runs };
    const result = { policy, seed, hogs: load, seconds, stalls, lingerMs, facts, ...found };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    process.stdout.write(
      `${policy}, seed ${seed}: ${runs.length} faults in ${seconds} s, ${load} CPU hogs, ${stalls} stalls of the ` +
        `machine; wrong: ${bad.join(', ') || 'none'}; unjudged: ${unjudged.join(', ') || 'none'}; ` +
        `terms used twice: ${reused.join(', ') || 'none'}\n\n` +
        `${tableOf(runs)}\n${failure === undefined ? '' : `\n${failure}\n`}`,
    );
  }
  stage.stop();
  await hogs.stop();
  return failure === undefined && [bad, unjudged, reused].every(({ length }) => length === 0);
}

function twice(terms: readonly string[]): string[] {
  return terms.filter((term, index) => terms.indexOf(term) < index);
}

const clocks = fakeClockLibrary() !== undefined;
await rehearse(
  import.meta.filename,
  options,
  (director, o) => play(director, o, clocks),
  ({ policy }) => ({ plan: withStranger(planFig1a(2, policy)), falseClocks: clocks, defendIntervalMs }),
);
