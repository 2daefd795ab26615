/** One event as a line for a person, with the time of day. */
import type { Occurrence } from '../api/types.ts';

/** The same moment on both clocks: events carry the monotonic one, people read the other. */
export interface ClockPair {
  readonly monotonicUs: number;
  readonly wallMs: number;
}

export function readClocks(): ClockPair {
  return { monotonicUs: Number(process.hrtime.bigint() / 1000n), wallMs: Date.now() };
}

/** `2026-03-01 03:12:45.123456 warn  peerDown      redundant is down: …`, local time to the microsecond. */
export function eventLine(occurrence: Occurrence, clocks: ClockPair): string {
  const wallUs = Math.round(clocks.wallMs * 1000) - (clocks.monotonicUs - occurrence.atUs);
  const moment = new Date(Math.floor(wallUs / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  const time = `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
  const fraction = String(((wallUs % 1_000_000) + 1_000_000) % 1_000_000).padStart(6, '0');
  const { level, code, message } = occurrence;
  return `${date} ${time}.${fraction} ${level.padEnd(5)} ${code.padEnd(16)} ${message}\n`;
}
