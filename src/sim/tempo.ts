/**
 * How fast a world lives. Brisk worlds last seconds and beat every few milliseconds, so that what takes the machines time
 * (turns, delays, disks) weighs most; slow ones last a minute or more and beat a few times a second, as most users do.
 */
import type { Random } from './random.ts';

export type Pace = 'brisk' | 'slow';

export interface Tempo {
  /** So many times slower than in a brisk world: heartbeats, leases, promises. */
  readonly beats: number;
  /** So many times longer: graces, time-outs, and what faults last. */
  readonly waits: number;
  /** Faults happen for so long, then everything is healed and must settle. World time, microseconds. */
  readonly troubleUs: number;
  readonly settleUs: number;
  readonly calmUs: number;
  /** How many faults: both ends included. */
  readonly faults: readonly [number, number];
}

const settleUs = 1_500_000;
const calmUs = 1_000_000;
const brisk: Tempo = { beats: 1, waits: 1, troubleUs: 3_000_000, settleUs, calmUs, faults: [0, 8] };

/** Slow worlds: `beats` and how many of ten have them. Their trouble makes them last at least a minute. */
const slowest = { beats: 100, troubleUs: 36_000_000 };
const slower = { beats: 50, troubleUs: 42_000_000 };
const slow = { beats: 20, troubleUs: 50_000_000 };
const slowOnes = [slowest, slowest, slowest, slowest, slowest, slowest, slower, slower, slower, slow];
/** A grace is a shorter time for whoever beats slowly. */
const beatsOfAWait = 4;
const slowFaults = [8, 18] as const;

export function drawTempo(pace: Pace, random: Random): Tempo {
  if (pace === 'brisk') return brisk;
  const { beats, troubleUs } = random.pick(slowOnes);
  const waits = Math.ceil(beats / beatsOfAWait);
  return { beats, waits, troubleUs, settleUs: settleUs * waits, calmUs: calmUs * waits, faults: slowFaults };
}
