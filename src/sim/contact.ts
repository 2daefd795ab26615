/** For how long machines have been able to hear each other: all of them ran, and nothing between them was disturbed. */
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Microseconds; undefined: they share no path. */
export function contactUs({ network }: World, one: Machine, other: Machine): number | undefined {
  if (one === other) return one.steadyUs;
  const there = network.soundUs(one.id, other.id);
  const back = network.soundUs(other.id, one.id);
  if (there === undefined || back === undefined) return undefined;
  return Math.min(one.steadyUs, other.steadyUs, there, back);
}

/** Of two voices, and of the members behind them: whatever the one hears, the other can. 0: they share no path. */
export function voicesContactUs(world: World, one: Machine, other: Machine): number {
  const [near, far] = [sideOf(world, one), sideOf(world, other)];
  const within = [near, far].flatMap((side) => side.map((each) => contactUs(world, side[0] ?? each, each)));
  const across = near.flatMap((each) => far.map((opposite) => contactUs(world, each, opposite)));
  const known = [...within, ...across].filter((us) => us !== undefined);
  return across.every((us) => us === undefined) ? 0 : Math.min(...known);
}

function sideOf({ machines }: World, voice: Machine): readonly Machine[] {
  const member = machines.find(({ id }) => id === voice.front.routesTo);
  return voice.isProxy && member?.alive === true ? [voice, member] : [voice];
}
