/** What many worlds were like, added up: plain data, so that workers can send theirs. */
import { proxyTransitions, type Transition, transitions } from '../engine/transitions.ts';
import type { Outcome } from './world.ts';

/** From so many worlds on every change of state must have been made: the rarest is made some twenty times in them. */
const reachingWorlds = 100_000;

export interface Tally {
  worlds: number;
  worldUs: number;
  activations: number;
  datagrams: number;
  /** Of the shortest world, microseconds, and the fewest faults that one had. */
  shortestUs: number;
  fewestFaults: number;
  /** How many worlds had so many takeovers, by number. */
  readonly takeovers: number[];
  readonly faults: Record<string, number>;
  readonly transitions: Record<string, number>;
}

export function emptyTally(): Tally {
  return {
    worlds: 0,
    worldUs: 0,
    activations: 0,
    datagrams: 0,
    shortestUs: Number.POSITIVE_INFINITY,
    fewestFaults: Number.POSITIVE_INFINITY,
    takeovers: [],
    faults: {},
    transitions: {},
  };
}

export function count(tally: Tally, outcome: Outcome): void {
  addUp(tally, {
    worlds: 1,
    worldUs: outcome.worldUs,
    activations: outcome.activations,
    datagrams: outcome.datagrams,
    shortestUs: outcome.worldUs,
    fewestFaults: Object.values(outcome.faults).reduce((sum, times) => sum + times, 0),
    takeovers: [...Array.from({ length: outcome.takeovers }, () => 0), 1],
    faults: outcome.faults,
    transitions: outcome.transitions,
  });
}

export function addUp(to: Tally, more: Readonly<Tally>): void {
  to.worlds += more.worlds;
  to.worldUs += more.worldUs;
  to.activations += more.activations;
  to.datagrams += more.datagrams;
  to.shortestUs = Math.min(to.shortestUs, more.shortestUs);
  to.fewestFaults = Math.min(to.fewestFaults, more.fewestFaults);
  for (const [takeovers, worlds] of more.takeovers.entries())
    to.takeovers[takeovers] = (to.takeovers[takeovers] ?? 0) + worlds;
  addNames(to.faults, more.faults);
  addNames(to.transitions, more.transitions);
}

export function describe(tally: Readonly<Tally>): string {
  const { worlds, worldUs, activations, datagrams, shortestUs, fewestFaults, faults } = tally;
  const seconds = (us: number): string => (us / 1e6).toFixed(1);
  const injected = Object.entries(faults).map(([name, times]) => `${name} ${times}`);
  return [
    `${worlds} worlds, ${seconds(worldUs)} s in them (each at least ${seconds(shortestUs)} s and ${fewestFaults} faults)`,
    `${activations} activations, takeovers in a world: ${spread(tally)}; ${datagrams} datagrams`,
    `faults: ${injected.join(', ') || 'none'}`,
    `members: ${timesOf(tally, 'member', transitions)}`,
    `proxies: ${timesOf(tally, 'proxy', proxyTransitions)}`,
  ].join('\n');
}

/** Least / median / most. */
function spread({ worlds, takeovers }: Readonly<Tally>): string {
  let below = 0;
  const median = takeovers.findIndex((some = 0) => {
    below += some;
    return below * 2 >= worlds;
  });
  return `${takeovers.findIndex((some = 0) => some > 0)} / ${median} / ${takeovers.length - 1}`;
}

/** Changes of state that no world made. So many worlds make each; fewer owe none. */
export function neverMade(tally: Readonly<Tally>): readonly string[] {
  if (tally.worlds < reachingWorlds) return [];
  const keys = (who: string, table: readonly Transition<string>[]): readonly string[] =>
    table.map(({ from, to }) => `${who} ${from}>${to}`);
  return [...keys('member', transitions), ...keys('proxy', proxyTransitions)].filter(
    (key) => (tally.transitions[key] ?? 0) === 0,
  );
}

/** Every change of state there is, and how often it was made. */
function timesOf(tally: Readonly<Tally>, who: string, table: readonly Transition<string>[]): string {
  return table
    .map(({ from, to }) => `${from}>${to} ${tally.transitions[`${who} ${from}>${to}`] ?? 0}`)
    .join(', ');
}

function addNames(to: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, times] of Object.entries(more)) to[name] = (to[name] ?? 0) + times;
}
