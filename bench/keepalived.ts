/**
 * keepalived (VRRPv3 at 10 ms) under the same eyes as bench/overlap.ts: how long two machines speak with the address after
 * its daemon is killed, frozen and woken, or parted from the other one, for as long as it is watched.
 *
 *   node bench/keepalived.ts [--times 10] [--cases kill,freeze,part,oneway] [--watch 2000] [--seed 1] [--json]
 *
 * Every run begins afresh: daemons started, addresses and neighbour tables cleared.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { ownPorts } from '../src/lab/layout.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { planFig1a, withStranger } from '../src/lab/plan.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { startAfresh } from './afresh.ts';
import { Chance } from './chance.ts';
import { progress, rehearse } from './rehearsal.ts';
import { between, Scene } from './scene.ts';
import { formatSpread, markdownTable } from './statistics.ts';
import { overlapsIn } from './verdict.ts';
import { Walls } from './walls.ts';

/** Takeovers need some 36 ms of silence: faults last from this to that, milliseconds. */
const leastMs = 50;
const mostMs = 3000;

const cases = {
  kill: { summary: 'SIGKILL of the daemon', play: (s: Scene) => s.signal('SIGKILL', s.active) },
  freeze: {
    summary: 'SIGSTOP, then SIGCONT',
    play: async (s: Scene) => {
      await s.signal('SIGSTOP', s.active);
      await s.linger(leastMs, mostMs);
      await s.signal('SIGCONT', s.active);
    },
  },
  part: {
    summary: 'members parted',
    play: (s: Scene) => s.part(between(s.active, s.standby), mostMs, leastMs),
  },
  oneway: {
    summary: 'the standby hears nothing of the active one',
    play: (s: Scene) => s.wall([[ownPorts(s.active), ownPorts(s.standby)]], mostMs, leastMs),
  },
} as const;

type CaseName = keyof typeof cases;

interface Options {
  readonly times: number;
  readonly cases: readonly CaseName[];
  readonly watchMs: number;
  readonly seed: number;
  readonly json: boolean;
}

function isCase(name: string): name is CaseName {
  return Object.hasOwn(cases, name);
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      times: { type: 'string', default: '10' },
      cases: { type: 'string', default: Object.keys(cases).join(',') },
      watch: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const asked = values.cases.split(',');
  if (!asked.every(isCase)) throw new Error(`--cases ${values.cases}: ${Object.keys(cases).join(', ')}`);
  return {
    ...{ times: Number(values.times), watchMs: Number(values.watch), seed: Number(values.seed) },
    ...{ cases: asked, json: values.json },
  };
}

interface Run {
  readonly name: CaseName;
  readonly lastedMs: number;
  /** All stretches in which both spoke, milliseconds; and of it, when the fault was over or could not excuse it. */
  readonly overlapMs: number;
  readonly afterMs: number;
  readonly watchedMs: number;
  readonly stalled: boolean;
}

class Play {
  readonly metronome: Metronome = new Metronome();
  readonly #director: Director;
  readonly #walls: Walls = new Walls();

  constructor(director: Director) {
    this.#director = director;
  }

  async run(name: CaseName, chance: Chance, watchMs: number): Promise<Run> {
    const director = this.#director;
    const scene = new Scene(director, this.#walls, chance, await director.ready());
    await delay(chance.between(0, 20));
    const sinceUs = monotonicUs();
    await cases[name].play(scene);
    await delay(watchMs);
    const untilUs = monotonicUs();
    const { parted, lastedMs } = scene;
    const found = await overlapsIn(director, this.metronome, { sinceUs, untilUs }, { parted, words: false });
    const sumMs = (each: (overlap: (typeof found)[number]) => number): number =>
      found.reduce((sum, overlap) => sum + each(overlap), 0) / 1000;
    return {
      name,
      lastedMs: lastedMs[0] ?? 0,
      overlapMs: sumMs(({ us }) => us),
      afterMs: sumMs(({ outsideUs }) => outsideUs),
      watchedMs: (untilUs - sinceUs) / 1000,
      stalled: this.metronome.during(sinceUs, untilUs).length > 0,
    };
  }
}

function row(name: CaseName, runs: readonly Run[]): readonly string[] {
  const of = runs.filter((run) => run.name === name);
  return [
    cases[name].summary,
    String(of.length),
    String(of.filter(({ overlapMs }) => overlapMs > 0).length),
    ...(['overlapMs', 'afterMs', 'watchedMs'] as const).map((what) =>
      formatSpread(
        of.map((run) => run[what]),
        1,
      ),
    ),
    String(of.filter(({ stalled }) => stalled).length),
  ];
}

await rehearse(
  import.meta.filename,
  options,
  async (director, o) => {
    await director.open();
    await director.injector.ask(true);
    const play = new Play(director);
    const runs: Run[] = [];
    for (const name of o.cases) {
      for (let time = 1; time <= o.times; time++) {
        if (runs.length > 0) await startAfresh(director);
        const run = await play.run(name, new Chance(o.seed * 1_000_003 + runs.length), o.watchMs);
        runs.push(run);
        progress(
          `${name} ${time}: ${run.lastedMs} ms; both spoke for ${run.overlapMs.toFixed(1)} of ` +
            `${run.watchedMs.toFixed(0)} ms, ${run.afterMs.toFixed(1)} of them not parted`,
        );
      }
    }
    play.metronome.stop();
    const head = [
      ...['fault', 'runs', 'with overlap', 'both spoke, ms', 'while not parted, ms', 'watched, ms'],
      'with a stall of the machine',
    ];
    const table = markdownTable(
      head,
      o.cases.map((name) => row(name, runs)),
    );
    process.stdout.write(o.json ? `${JSON.stringify({ ...o, runs })}\n` : `${table}\n`);
    return true;
  },
  () => ({ plan: withStranger(planFig1a(2)), system: 'keepalived' }),
);
