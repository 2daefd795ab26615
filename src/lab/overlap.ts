/** From the frames alone: how long two machines spoke with the address at a time. No I/O. */
import type { Heard } from './voice.ts';

/** Two ports at which voices entered in the same stretch of time, CLOCK_MONOTONIC microseconds. */
export interface Overlap {
  readonly ports: readonly [number, number];
  readonly fromUs: number;
  readonly toUs: number;
  /** Voices of both in it. */
  readonly frames: number;
}

/** A machine speaks from its first voice to its last one without a gap. */
interface Stint {
  readonly port: number;
  readonly timesUs: readonly number[];
}

/**
 * `gapUs`: a machine that was silent for so long has stopped speaking. One that is active answers hosts all the time, so
 * a single frame of another one falls into its stint: an overlap that begins and ends with that frame. A role that moves
 * there and back within `gapUs` would be taken for an overlap.
 */
export function overlapsOf(heard: Iterable<Heard>, gapUs: number): Overlap[] {
  const stints = stintsOf(heard, gapUs).sort((one, other) => firstOf(one) - firstOf(other));
  return stints.flatMap((one, index) => {
    const found: Overlap[] = [];
    for (const other of stints.slice(index + 1)) {
      if (firstOf(other) > lastOf(one)) break;
      if (other.port !== one.port) found.push(common(one, other));
    }
    return found;
  });
}

/** Microseconds in which two spoke; one frame counts as one. */
export function lengthUs({ fromUs, toUs }: Pick<Overlap, 'fromUs' | 'toUs'>): number {
  return Math.max(1, toUs - fromUs);
}

function stintsOf(heard: Iterable<Heard>, gapUs: number): Stint[] {
  const byPort = Map.groupBy(heard, ({ port }) => port);
  return [...byPort].flatMap(([port, voices]) => {
    const stints: { port: number; timesUs: number[] }[] = [];
    for (const atUs of voices.map((voice) => voice.atUs).sort((a, b) => a - b)) {
      const last = stints.at(-1);
      if (last === undefined || atUs - lastOf(last) > gapUs) stints.push({ port, timesUs: [atUs] });
      else last.timesUs.push(atUs);
    }
    return stints;
  });
}

function common(one: Stint, other: Stint): Overlap {
  const fromUs = firstOf(other);
  const toUs = Math.min(lastOf(one), lastOf(other));
  const inside = ({ timesUs }: Stint): number => timesUs.filter((us) => us >= fromUs && us <= toUs).length;
  return { ports: [one.port, other.port], fromUs, toUs, frames: inside(one) + inside(other) };
}

function firstOf({ timesUs }: Stint): number {
  return timesUs[0] ?? Number.NaN;
}

function lastOf({ timesUs }: Stint): number {
  return timesUs.at(-1) ?? Number.NaN;
}
