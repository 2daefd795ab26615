/**
 * Time as a value: integer microseconds of a monotonic clock that only the caller reads. The engine never asks.
 */
declare const instantBrand: unique symbol;

/** A moment on this machine's monotonic clock, integer microseconds. */
export type Instant = number & { readonly [instantBrand]: true };

export function instant(us: number): Instant {
  return us as Instant;
}

export function later(from: Instant, us: number): Instant {
  return (from + us) as Instant;
}
