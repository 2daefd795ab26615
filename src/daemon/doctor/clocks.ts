/** How exactly this machine measures time. */
import { readFileSync } from 'node:fs';
import type { Finding } from '../../api/finding.ts';
import { tickMs } from '../../linux/clock.ts';
import { ok, reduced } from './finding.ts';

const source = '/sys/devices/system/clocksource/clocksource0/current_clocksource';
/** Read by a slow device, or as coarse as a tick. */
const slow: ReadonlySet<string> = new Set(['acpi_pm', 'hpet', 'pit', 'jiffies', 'refined-jiffies']);
/** What the arithmetic of leases takes for granted, milliseconds. */
const usualTickMs = 4;

export function examineClocks(): Finding[] {
  return [examineSource(), examineTick()];
}

function examineSource(): Finding {
  let name: string;
  try {
    name = readFileSync(source, 'utf8').trim();
  } catch {
    return ok('clock', 'the kernel does not tell which');
  }
  if (!slow.has(name)) return ok('clock', name);
  return reduced(
    'clock',
    name,
    'every reading of the clock takes microseconds',
    'a machine with a stable time stamp counter (tsc), or the paravirtual clock of its hypervisor',
  );
}

function examineTick(): Finding {
  const ms = tickMs();
  const found = `${round(ms)} ms (HZ=${Math.round(1000 / ms)}): a lease ends up to one tick early, never late`;
  if (ms <= usualTickMs) return ok('tick', found);
  return reduced(
    'tick',
    found,
    `leases must be ${round(ms - usualTickMs)} ms longer; understudy check counts with it`,
    'a kernel with CONFIG_HZ of 250 or more',
  );
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
