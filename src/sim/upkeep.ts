/** Flap damping, and whether an operator pins roles. Slow worlds only: the brisk ones stay, seed by seed, what they were. */
import type { DampingConfig } from '../engine/config.ts';
import type { Random } from './random.ts';
import type { Tempo } from './tempo.ts';

export interface Upkeep {
  readonly damping: DampingConfig;
  /** `maintenance` is among what may happen. */
  readonly maintenance: boolean;
}

/** How long the second fall holds back in a brisk world, microseconds; and how many times longer the last does. */
const firstUs = [0, 40_000, 160_000];
const longest = 4;
const forgetUs = [160_000 * longest, 1_000_000];

export function drawUpkeep(random: Random, { beats, waits }: Tempo): Upkeep {
  const first = random.pick(firstUs) * waits;
  const forget = random.pick(forgetUs) * waits;
  const maintenance = random.chance(0.5);
  if (beats === 1) return { damping: { firstUs: 0, maxUs: 1, forgetUs: 1 }, maintenance: false };
  return { damping: { firstUs: first, maxUs: longest * first, forgetUs: forget }, maintenance };
}
