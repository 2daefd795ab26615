/** A world that broke, with as few faults as it still breaks with: what is left is what matters. */

/** Worlds played for one that broke, at most: seconds, with the slowest of them. */
const playsMax = 100;

/**
 * Which faults, by their order of drawing, may be left out. Each is tried alone, in passes until one leaves nothing out: what
 * mattered beside a fault may not matter without it. However the world breaks then, it counts. `breaks` plays it.
 */
export function shrink(
  drawn: number,
  breaks: (omit: ReadonlySet<number>) => boolean,
  plays: number = playsMax,
): ReadonlySet<number> {
  const omit = new Set<number>();
  let left = plays;
  for (let before = -1; omit.size > before; ) {
    before = omit.size;
    for (let index = drawn - 1; index >= 0 && left > 0; index--) {
      if (omit.has(index)) continue;
      left--;
      omit.add(index);
      if (!breaks(omit)) omit.delete(index);
    }
  }
  return omit;
}
