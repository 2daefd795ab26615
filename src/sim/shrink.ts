/** A world that broke, with as few faults as it still breaks with: what is left is what matters. */
import type { Pace } from './tempo.ts';
import { World } from './world.ts';

/** Which faults, by their order of drawing, may be left out. Each is tried alone; what follows from one is not foreseen. */
export function shrink(seed: number, pace: Pace, drawn: number): ReadonlySet<number> {
  const omit = new Set<number>();
  for (let index = drawn - 1; index >= 0; index--) {
    omit.add(index);
    if (new World(seed, { pace, omit }).run().violations.length === 0) omit.delete(index);
  }
  return omit;
}
