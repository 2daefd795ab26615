/** Durations that depend on each other, and the lease's arithmetic. */
import { promiseRenewals } from '../../../engine/quorum.ts';
import { tickMs } from '../../../linux/clock.ts';
import { heldUpMs } from '../../../linux/fence/config.ts';
import type { ConfigFile } from '../format.ts';
import type { Findings } from './findings.ts';

/** nftables expires elements in ticks: of 4 ms at HZ=250, which is taken for finer ones, too; of 10 ms at HZ=100. */
const jiffyMs = Math.max(4, Math.ceil(tickMs()));
/** Wake-up lateness measured under load: 0.5 ms worst with SCHED_FIFO, 15 ms and more without. */
const fifoMarginMs = 4;
const ordinaryMarginMs = 40;

/** The default of a promise, leases, less so many heartbeats: a takeover is at most a lease and a half later for it. */
const promiseLeases = 1.5;
const promiseBeats = 2;
/** The kernel closes the fence so much before the promises end: for being held up, a tick, and whole milliseconds. */
const promiseMarginMs = heldUpMs + jiffyMs + 1;
/** A request's way to a voter and the answer's way back on a LAN, with a turn of the loop at both ends. */
const askingMs = 1;
/** A datagram may be lost: what matters is when the request after it is answered. */
const requests = 2;

/** A registration outlives so many lost renewals and delays that its end means something. Ours, heartbeat intervals. */
const registrationIntervalsMin = 10;

/** The least lease that renewals keep alive, milliseconds, and the sum it comes from. */
export function leastLease(file: ConfigFile): { readonly ms: number; readonly sum: string } {
  const margin = latenessMs(file);
  const ms = file.lease.renewMs + jiffyMs + margin;
  const why = file.realtime === false ? 'without realtime' : 'with realtime';
  return {
    ms,
    sum: `renewMs ${file.lease.renewMs} + ${jiffyMs} for a kernel tick + ${margin} for lateness ${why}`,
  };
}

function latenessMs(file: ConfigFile): number {
  return file.realtime === false ? ordinaryMarginMs : fifoMarginMs;
}

/** The lease as configured, or the default for this kind of scheduling. */
export function leaseMs(file: ConfigFile): number {
  return file.lease.leaseMs ?? (file.realtime === false ? 60 : 20);
}

interface LeastPromise {
  readonly ms: number;
  readonly sum: string;
}

/**
 * The least promise that its renewals keep alive though one of them is lost and the process is late. They come
 * `promiseRenewals` times in its life, or with the heartbeats where these come more seldom; and by the member's clock it
 * ends sooner, by the drift.
 */
function leastPromise(file: ConfigFile): LeastPromise {
  const margin = latenessMs(file);
  const fixedMs = promiseMarginMs + askingMs + margin;
  const drift = (2 * file.strict.driftPpm) / 1_000_000;
  const { intervalMs } = file.heartbeat;
  const byShare = fixedMs / (1 - drift - requests / promiseRenewals);
  const byBeats = (fixedMs + requests * intervalMs) / (1 - drift);
  const ms = Math.ceil(Math.max(byShare, byBeats));
  const renewals =
    byShare > byBeats ? `${requests} sixths of it for renewals` : `${requests} heartbeats of ${intervalMs}`;
  const sum = `${promiseMarginMs} for the kernel + ${margin} for lateness + ${askingMs} to be answered + ${renewals} + the drift`;
  return { ms, sum };
}

/** A promise as configured, or the shortest that holds and is worth a lease. */
export function promiseMs(file: ConfigFile): number {
  const worthMs = promiseLeases * leaseMs(file) - promiseBeats * file.heartbeat.intervalMs;
  return file.strict.promiseMs ?? Math.max(leastPromise(file).ms, worthMs);
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

function checkPromises(findings: Findings): void {
  const { file } = findings;
  if (!Object.values(file.groups).some((group) => group.policy === 'strict')) return;
  const least = leastPromise(file);
  if (promiseMs(file) >= least.ms) return;
  findings.at(
    ['strict', 'promiseMs'],
    `does not fit: strict.promiseMs is ${promiseMs(file)}, must be at least ${least.ms} (${least.sum})`,
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
