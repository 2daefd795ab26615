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
  /** A world that has settled early ends when it has been calm, and not before this. */
  readonly leastUs: number;
  /** How many faults: both ends included. */
  readonly faults: readonly [number, number];
  /** Between two heartbeats of a brisk world: one of them. */
  readonly intervalsUs: readonly number[];
}

const settleUs = 1_500_000;
const calmUs = 1_000_000;
const slowLeastUs = 60_000_000;

/**
 * Slow worlds: `beats`, and how many of them have so many. Their trouble makes them last at least a minute. Few beat fast:
 * such a one costs as much as five others, and sees no more faults.
 */
const slowOnes = [
  { beats: 100, troubleUs: 36_000_000, share: 0.94 },
  { beats: 50, troubleUs: 42_000_000, share: 0.04 },
  { beats: 20, troubleUs: 52_000_000, share: 0.02 },
] as const;
/** Heartbeats per `beats`, microseconds: those that beat fast cost the most. */
const briskIntervalsUs = [2_000, 5_000, 10_000] as const;
const slowIntervalsUs = [2_000, 5_000, 5_000, 10_000, 10_000, 10_000, 10_000, 10_000] as const;
const brisk: Tempo = {
  beats: 1,
  waits: 1,
  troubleUs: 3_000_000,
  settleUs,
  calmUs,
  leastUs: 0,
  faults: [0, 8],
  intervalsUs: briskIntervalsUs,
};
/** A grace is a shorter time for whoever beats slowly. */
const beatsOfAWait = 4;
/** Slow worlds are calm for a shorter part of their life: most of what they cost is heartbeats that change nothing. */
const calmShare = 3;
const slowFaults = [14, 26] as const;

export function drawTempo(pace: Pace, random: Random): Tempo {
  if (pace === 'brisk') return brisk;
  const { beats, troubleUs } = drawSlow(random.next());
  const waits = Math.ceil(beats / beatsOfAWait);
  const [settle, calm] = [settleUs * waits, Math.ceil((calmUs * waits) / calmShare)];
  const slow = { leastUs: slowLeastUs, faults: slowFaults, intervalsUs: slowIntervalsUs };
  return { beats, waits, troubleUs, settleUs: settle, calmUs: calm, ...slow };
}

function drawSlow(chance: number): (typeof slowOnes)[number] {
  const [slowest, slower, slow] = slowOnes;
  if (chance < slow.share) return slow;
  return chance < slow.share + slower.share ? slower : slowest;
}
