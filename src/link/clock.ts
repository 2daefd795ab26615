/** This machine's monotonic clock, microseconds: the daemon's, too, so times of both can be compared. */
export function monotonicUs(): number {
  return Math.floor(Number(process.hrtime.bigint() / 1000n));
}
