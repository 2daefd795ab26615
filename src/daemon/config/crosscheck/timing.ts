/** Durations that depend on each other, and the lease's arithmetic. */
import { tickMs } from '../../../linux/clock.ts';
import { heldUpMs } from '../../../linux/fence/config.ts';
import type { ConfigFile } from '../format.ts';
import type { Findings } from './findings.ts';

/** nftables expires elements in ticks: of 4 ms at HZ=250, which is taken for finer ones, too; of 10 ms at HZ=100. */
const jiffyMs = Math.max(4, Math.ceil(tickMs()));
/** Wake-up lateness measured under load: 0.5 ms worst with SCHED_FIFO, 15 ms and more without. */
const fifoMarginMs = 4;
const ordinaryMarginMs = 40;

/** The default of a promise, leases; and heartbeats on top of it. */
const promiseLeases = 1.5;
const promiseBeats = 2;
/** The kernel closes the fence so much before the promises end: for being held up, and a tick. */
const promiseMarginMs = heldUpMs + jiffyMs;

/** A registration outlives so many lost renewals and delays that its end means something. Ours, heartbeat intervals. */
const registrationIntervalsMin = 10;

/** The least lease that renewals keep alive, milliseconds, and the sum it comes from. */
export function leastLease(file: ConfigFile): { readonly ms: number; readonly sum: string } {
  const margin = file.realtime === false ? ordinaryMarginMs : fifoMarginMs;
  const ms = file.lease.renewMs + jiffyMs + margin;
  const why = file.realtime === false ? 'without realtime' : 'with realtime';
  return {
    ms,
    sum: `renewMs ${file.lease.renewMs} + ${jiffyMs} for a kernel tick + ${margin} for lateness ${why}`,
  };
}

/** The lease as configured, or the default for this kind of scheduling. */
export function leaseMs(file: ConfigFile): number {
  return file.lease.leaseMs ?? (file.realtime === false ? 60 : 20);
}

/** A promise as configured, or long enough for its renewals and a lease. */
export function promiseMs(file: ConfigFile): number {
  return file.strict.promiseMs ?? promiseLeases * leaseMs(file) + promiseBeats * file.heartbeat.intervalMs;
}

export function checkTiming(findings: Findings): void {
  const { file } = findings;
  const least = leastLease(file);
  if (leaseMs(file) < least.ms) {
    const where = file.lease.leaseMs === undefined ? ['lease', 'renewMs'] : ['lease', 'leaseMs'];
    findings.at(
      where,
      `does not fit: leaseMs is ${leaseMs(file)}, must be at least ${least.ms} (${least.sum})`,
    );
  }
  const { drainMs, timeoutMs } = file.switchover;
  if (drainMs >= timeoutMs) {
    findings.at(['switchover', 'drainMs'], `is ${drainMs}: must be less than timeoutMs (${timeoutMs})`);
  }
  checkDamping(findings);
  checkRegistrations(findings);
  checkPromises(findings);
}

/** Each of three bounds the one before it. */
function checkDamping(findings: Findings): void {
  const { firstMs, maxMs, forgetMs } = findings.file.damping;
  if (firstMs === 0) return;
  const written = (name: string, other: string): string[] =>
    findings.isWritten(['damping', name]) ? ['damping', name] : ['damping', other];
  if (maxMs < firstMs) {
    findings.at(
      written('maxMs', 'firstMs'),
      `does not fit: damping.maxMs is ${maxMs}, must be at least firstMs (${firstMs})`,
    );
  }
  if (forgetMs < maxMs) {
    findings.at(
      written('forgetMs', 'maxMs'),
      `does not fit: damping.forgetMs is ${forgetMs}, must be at least maxMs (${maxMs}): ` +
        'nobody is held back longer than his falls are remembered',
    );
  }
}

/** What the margin leaves must be as good as a lease, and hold a renewal and its answer. */
function checkPromises(findings: Findings): void {
  const { file } = findings;
  if (!Object.values(file.groups).some((group) => group.policy === 'strict')) return;
  const leastMs = leastLease(file).ms + promiseMarginMs + promiseBeats * file.heartbeat.intervalMs;
  if (promiseMs(file) >= leastMs) return;
  findings.at(
    ['strict', 'promiseMs'],
    `does not fit: strict.promiseMs is ${promiseMs(file)}, must be at least ${leastMs} ` +
      `(${leastLease(file).ms} as for a lease + ${promiseMarginMs} for the kernel + ${promiseBeats} heartbeats of ` +
      `${file.heartbeat.intervalMs})`,
  );
}

/** The default is judged only where there are proxies: it means nothing elsewhere. */
function checkRegistrations(findings: Findings): void {
  const { heartbeat, proxy, groups } = findings.file;
  const proxies = Object.values(groups).some((group) => group.proxies !== undefined);
  const leastMs = registrationIntervalsMin * heartbeat.intervalMs;
  if (!proxies || proxy.registrationMs >= leastMs) return;
  const written = ['proxy', 'registrationMs'];
  findings.at(
    findings.isWritten(written) ? written : ['heartbeat', 'intervalMs'],
    `does not fit: proxy.registrationMs is ${proxy.registrationMs}, must be at least ${leastMs} ` +
      `(${registrationIntervalsMin} heartbeats of ${heartbeat.intervalMs})`,
  );
}
