/** Whether the reactor gets the processor when it wants it: SCHED_FIFO, niceness, and how late wake-ups really are. */
import { readFileSync } from 'node:fs';
import type { Finding } from '../../api/finding.ts';
import { monotonicUs, tickMs } from '../../linux/clock.ts';
import { Epoll } from '../../linux/epoll.ts';
import { setFifo, setOther } from '../../linux/sched.ts';
import { ok, reduced } from './finding.ts';
import { holds } from './privileges.ts';

/** What of a configuration matters here; the defaults where there is none. */
export interface Timing {
  /** 0: real-time scheduling is not asked for. */
  readonly fifoPriority: number;
  readonly leaseMs: number;
  readonly renewMs: number;
}

export const usualTiming: Timing = { fifoPriority: 10, leaseMs: 20, renewMs: 4 };

const sleeps = 200;
const sleepUs = 1000;
/** nice −15 of `raiseThreads`, as RLIMIT_NICE counts. */
const niceLimit = 35;

export function examineScheduling(timing: Timing): Finding[] {
  if (timing.fifoPriority === 0) return [ok('realtime', 'not asked for'), wakeUps(timing, 'ordinary')];
  const why = setFifo(timing.fifoPriority);
  try {
    return [fifo(timing, why), niceness(), wakeUps(timing, why === null ? 'SCHED_FIFO' : 'ordinary')];
  } finally {
    setOther();
  }
}

function fifo({ fifoPriority, leaseMs }: Timing, why: string | null): Finding {
  if (why === null) {
    const [runtime, period] = ['sched_rt_runtime_us', 'sched_rt_period_us'].map(readSetting);
    const share = runtime === -1 ? 'without a limit' : `for ${runtime} of ${period} µs`;
    return ok('realtime', `SCHED_FIFO ${fifoPriority}, ${share}`);
  }
  const [errno = '', ...remedy] = why.split(': ');
  return reduced(
    'realtime',
    `no SCHED_FIFO ${fifoPriority} (${errno})`,
    `ordinary scheduling: a lease of ${leaseMs} ms lapses on a busy machine`,
    `${remedy.join(': ')}; or set realtime: false`,
  );
}

/** The other threads of the process must not be far behind. */
function niceness(): Finding {
  const limit = Number(/^Max nice priority\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  if (holds('CAP_SYS_NICE') || limit >= niceLimit) return ok('nice', '-15 is allowed');
  return reduced(
    'nice',
    '-15 is refused',
    'where the reactor waits for another thread of the process, it waits longer on a busy machine',
    `grant CAP_SYS_NICE, or the limit NICE (LimitNICE=-15)`,
  );
}

/** A first impression only: a machine shows what it does under load under load. */
function wakeUps({ leaseMs, renewMs }: Timing, how: string): Finding {
  const lateUs = measureWakeUps().sort((a, b) => a - b);
  const at = (part: number): string => ((lateUs[Math.floor(lateUs.length * part)] ?? 0) / 1000).toFixed(2);
  const worstMs = (lateUs.at(-1) ?? 0) / 1000;
  const found = `${sleeps} of 1 ms, ${how}: late by ${at(0.5)} ms (p50), ${at(0.99)} ms (p99), ${worstMs.toFixed(2)} ms (worst)`;
  const roomMs = leaseMs - renewMs - tickMs();
  if (worstMs < roomMs) return ok('wake-ups', found);
  return reduced(
    'wake-ups',
    found,
    `leases lapse: ${leaseMs} ms leave ${roomMs.toFixed(0)} ms for being late`,
    'raise lease.leaseMs, allow realtime, or take load off the machine',
  );
}

function measureWakeUps(): number[] {
  const epoll = Epoll.open();
  const late: number[] = [];
  for (let count = 0; count < sleeps; count++) {
    const beganUs = monotonicUs();
    epoll.wait(sleepUs);
    late.push(Math.max(0, monotonicUs() - beganUs - sleepUs));
  }
  epoll.close();
  return late;
}

function readSetting(name: string): number {
  try {
    return Number(readFileSync(`/proc/sys/kernel/${name}`, 'utf8'));
  } catch {
    return -1;
  }
}
