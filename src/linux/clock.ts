/**
 * The kernel's monotonic clock, the only one the reactor lives by. All threads of all processes of this machine read
 * the same value; it stops while the machine is suspended.
 */
import { native } from './ffi.ts';

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_MONOTONIC_COARSE = 6;
const clockGettime = native<[clock: number, time: Uint8Array]>('int clock_gettime(int, void *)');
const clockGetres = native<[clock: number, time: Uint8Array]>('int clock_getres(int, void *)');
const timespec = new Uint32Array(4);
const timespecBytes = new Uint8Array(timespec.buffer);

/** CLOCK_MONOTONIC in whole microseconds. Allocates nothing. */
export function monotonicUs(): number {
  return read(CLOCK_MONOTONIC);
}

/** CLOCK_REALTIME in whole microseconds: only to bring stamps of the kernel to the other clock, never to decide by. */
export function realtimeUs(): number {
  return read(CLOCK_REALTIME);
}

function read(clock: number): number {
  clockGettime(clock, timespecBytes);
  const seconds = (timespec[1] ?? 0) * 0x1_0000_0000 + (timespec[0] ?? 0);
  return seconds * 1_000_000 + Math.floor((timespec[2] ?? 0) / 1000);
}

/** One tick of the kernel (jiffy), milliseconds: 4 at HZ=250, 1 at HZ=1000, 10 at HZ=100. The coarse clock moves by it. */
export function tickMs(): number {
  clockGetres(CLOCK_MONOTONIC_COARSE, timespecBytes);
  return (timespec[2] ?? 0) / 1_000_000;
}
