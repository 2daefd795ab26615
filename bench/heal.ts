/**
 * A partition that heals: the switch is split in two, a member and half of the hosts on each side, the cable with it, until
 * both members are active and serve their halves. Then it heals: from the first control packet that one member gets of the
 * other until every host is answered by the one that remains, for good.
 *
 *   node bench/heal.ts [--times 50] [--system keepalived] [--hosts 4] [--watch 5000] [--seed 1] [--json]
 *
 * A host that is still in the dark when `--watch` milliseconds are over is counted apart.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { ownPorts } from '../src/lab/layout.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { planFig1a, planHosts, switchNamespace } from '../src/lab/plan.ts';
import { Station } from '../src/lab/station.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { startAfresh } from './afresh.ts';
import { Chance } from './chance.ts';
import type { EavesdropperCommand, EavesdropperOptions, Mark } from './eavesdropper.ts';
import { progress, rehearse } from './rehearsal.ts';
import { formatSpread } from './statistics.ts';
import { activations, explain } from './verdict.ts';
import { bothWays, type Wall, Walls } from './walls.ts';

interface Options {
  readonly times: number;
  readonly system: 'understudy' | 'keepalived';
  readonly hosts: number;
  readonly watchMs: number;
  readonly seed: number;
  readonly json: boolean;
}

/** The members stay parted for so long after both are active, milliseconds: short ones as often as long ones. */
const partedMs = { least: 10, most: 3000 };
/** So long everything must have been steady before the watch is ended early, microseconds. */
const steadyUs = 1_500_000;
/** Requests of the last so many microseconds may still be answered. */
const inFlightUs = 20_000;
/** Each half of the hosts must have been served so long, microseconds. */
const lookBackUs = 120_000;
const aimMs = 50;
/** Of a healing that takes longer, what was reported from so long before it, microseconds. */
const explainedUs = 100_000;
const stallReachUs = 12_000;
/** IPv4 frames: the destination port of UDP and TCP, and the protocol. */
const destinationPortAt = 36;
const protocolAt = 23;
const vrrp = 112;

function options(): Options {
  const { values } = parseArgs({
    options: {
      times: { type: 'string', default: '50' },
      system: { type: 'string', default: 'understudy' },
      hosts: { type: 'string', default: '4' },
      watch: { type: 'string', default: '5000' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const { system, json } = values;
  if (system !== 'understudy' && system !== 'keepalived')
    throw new Error(`--system ${system}: understudy or keepalived`);
  const [times, hosts, watchMs, seed] = [values.times, values.hosts, values.watch, values.seed].map(Number);
  return { system, json, times: times ?? 0, hosts: hosts ?? 0, watchMs: watchMs ?? 0, seed: seed ?? 0 };
}

interface Healing {
  readonly healedUs: number;
  readonly heldMs: number;
  /** Who remained, by the hosts' answers; null: they do not agree. */
  readonly remains: string | null;
  /** From the first packet until each stream was steady; null: it was not when the watch ended. */
  readonly reachedMs: Readonly<Record<string, number | null>>;
  /** The role moved once more while hosts were watched; what came then is left out. */
  readonly movedAgain: boolean;
  readonly stalled: boolean;
}

/** The members' sides: one member each, hosts in turn. */
function sides({ members, hosts }: Director['plan']): Wall {
  const both: readonly [string[], string[]] = [[], []];
  for (const [index, member] of members.entries()) both[index === 0 ? 0 : 1].push(...ownPorts(member));
  for (const [index, { lanPort }] of hosts.entries()) both[index % 2 === 0 ? 0 : 1].push(lanPort);
  return both;
}

class Play {
  readonly #director: Director;
  readonly #options: Options;
  readonly #chance: Chance;
  readonly #walls: Walls = new Walls();
  readonly #eavesdropper: Station<EavesdropperCommand>;
  readonly metronome: Metronome = new Metronome();

  constructor(director: Director, o: Options) {
    this.#director = director;
    this.#options = o;
    this.#chance = new Chance(o.seed);
    const { members, paths } = director.plan;
    const marks: readonly Mark[] =
      o.system === 'keepalived'
        ? [{ at: protocolAt, bytes: 1, value: vrrp }]
        : paths.map(({ port }) => ({ at: destinationPortAt, bytes: 2, value: port }));
    this.#eavesdropper = Station.start({
      namespace: switchNamespace,
      script: join(import.meta.dirname, 'eavesdropper.ts'),
      options: {
        ports: members.flatMap(({ lanPort, mac, cable }) => [
          { port: lanPort, mac },
          ...(cable === undefined ? [] : [{ port: cable.port, mac: cable.mac }]),
        ]),
        marks,
      } satisfies EavesdropperOptions,
    });
  }

  async heal(): Promise<Healing> {
    const director = this.#director;
    const { plan, system } = director;
    await director.ready();
    this.#walls.build(bothWays(sides(plan)));
    await until('both members are active', async () => (await system.view()).active.length === 2);
    await until(
      'each half of the hosts is served by its own',
      () => this.#halves(),
      undefined,
      () => director.lastWords(),
    );
    const heldMs = this.#chance.spread(partedMs.least, partedMs.most);
    await delay(heldMs);
    const healedUs = monotonicUs();
    this.#walls.fall();
    const firstUs = await this.#first(healedUs);
    await this.#watch(firstUs);
    // A role that moves again is another story.
    const again = activations(director, firstUs)[0]?.atUs;
    const toUs = again ?? monotonicUs() - inFlightUs;
    const window = { fromUs: firstUs, toUs, faultUs: firstUs, victim: '', fencedUs: firstUs };
    const streams = await director.probes.judge(window);
    const since = Object.entries(streams);
    const owners = new Set(since.map(([, { steadyBy }]) => steadyBy));
    const reachedMs = Object.fromEntries(
      since.map(([name, { steadyUs: us }]) => [name, us === null ? null : (us - firstUs) / 1000]),
    );
    const lastUs = firstUs + 1000 * Math.max(0, ...Object.values(reachedMs).map((ms) => ms ?? 0));
    return {
      healedUs,
      heldMs: Math.round(heldMs),
      remains: owners.size === 1 ? ([...owners][0] ?? null) : null,
      reachedMs,
      movedAgain: again !== undefined,
      stalled: this.metronome.during(healedUs - stallReachUs, lastUs).length > 0,
    };
  }

  close(): void {
    this.metronome.stop();
    this.#eavesdropper.close();
  }

  async #halves(): Promise<boolean> {
    const { streams } = await this.#director.probes.since(monotonicUs() - lookBackUs);
    const { hosts, members } = this.#director.plan;
    return hosts.every(({ name }, index) =>
      Object.entries(streams)
        .filter(([stream]) => stream.startsWith(`${name} `))
        .every(([, { steadyBy, lost }]) => steadyBy === members[index % 2]?.name && lost === 0),
    );
  }

  async #first(sinceUs: number): Promise<number> {
    let first: number | null = null;
    await until('the members exchange a packet', async () => {
      first = await this.#eavesdropper.ask<number | null>({ do: 'first', sinceUs });
      return first !== null;
    });
    return first ?? sinceUs;
  }

  /** Until every host has been steady for a while, or the watch is over. */
  async #watch(firstUs: number): Promise<void> {
    for (const endUs = firstUs + this.#options.watchMs * 1000; monotonicUs() < endUs; ) {
      await delay(100);
      const { toUs, streams } = await this.#director.probes.since(firstUs);
      const since = Object.values(streams).map((each) => each.steadyUs ?? Number.POSITIVE_INFINITY);
      if (toUs - Math.max(...since) > steadyUs) return;
    }
  }
}

function worstOf({ reachedMs }: Healing): number | null {
  const all = Object.values(reachedMs);
  return all.some((ms) => ms === null) ? null : Math.max(...all.map((ms) => ms ?? 0));
}

function describe(time: number, healing: Healing): string {
  const worst = worstOf(healing);
  const dark = Object.entries(healing.reachedMs).filter(([, ms]) => ms === null);
  return (
    `${time}: parted for ${healing.heldMs} ms; ${healing.remains ?? 'nobody for all'} remains; ` +
    (worst === null
      ? `dark: ${dark.map(([name]) => name).join(', ')}`
      : `all reached after ${worst.toFixed(2)} ms`) +
    (healing.movedAgain ? ', later the role moved again' : '') +
    (healing.stalled ? ', machine stalled' : '')
  );
}

await rehearse(
  import.meta.filename,
  options,
  async (director, o) => {
    await director.open();
    const play = new Play(director, o);
    const healings: Healing[] = [];
    for (let time = 1; time <= o.times; time++) {
      if (o.system === 'keepalived' && time > 1) await startAfresh(director);
      const healing = await play.heal();
      healings.push(healing);
      progress(describe(time, healing));
      const slow = (worstOf(healing) ?? Number.POSITIVE_INFINITY) > aimMs;
      if (slow || healing.movedAgain) explain(director, healing.healedUs, explainedUs);
    }
    play.close();
    const stalls = play.metronome.stalls.length;
    const reached = healings.flatMap((healing) => worstOf(healing) ?? []);
    const dark = healings.length - reached.length;
    if (o.json) process.stdout.write(`${JSON.stringify({ ...o, stalls, healings })}\n`);
    else
      process.stdout.write(
        `${o.system}: ${o.times} partitions healed, ${o.hosts} hosts, ${stalls} stalls of the machine; from the first ` +
          `packet until every host was answered by the one that remains: ${formatSpread(reached, 2)} ms ` +
          `(min / median / p99 / max); in ${dark} some host was in the dark when ${o.watchMs} ms were over\n`,
      );
    return o.system === 'keepalived' || (dark === 0 && reached.every((ms) => ms <= aimMs));
  },
  ({ system, hosts }) => ({
    system,
    plan: { ...planFig1a(2), hosts: planHosts(hosts) },
    probeIntervalUs: 2000,
  }),
);
