/** One trial: pull, watch, mend, judge. */
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicUs } from '../linux/clock.ts';
import type { Director } from './director.ts';
import type { Fault } from './fault.ts';
import type { MemberPlan } from './plan.ts';
import type { ProbeSummary } from './probe-record.ts';
import { afterFault, judge, type Timeline, timelineOf } from './timeline.ts';
import { readTable, type TableEntry } from './topology.ts';
import { until } from './until.ts';

export interface Trial {
  readonly trial: number;
  readonly victim: string;
  /** Who answers for the address now; the victim itself after a fault that must change nothing. */
  readonly successor: string | null;
  readonly ok: boolean;
  /** What was wrong; empty when ok. */
  readonly why: readonly string[];
  /** CLOCK_MONOTONIC microseconds, one clock for all machines of the lab. */
  readonly timelineUs: Timeline;
  /** The same as distances from the fault. */
  readonly afterFaultUs: Omit<Timeline, 'faultAt'>;
  /** What host-a's probe saw from just before the fault until after the takeover. */
  readonly probe: ProbeSummary;
  /** Every stream of every host over the same time. */
  readonly streams: Readonly<Record<string, ProbeSummary>>;
  readonly hosts: Readonly<
    Record<string, { readonly before: readonly TableEntry[]; readonly after: readonly TableEntry[] }>
  >;
  readonly returned: Return;
  /** Frames with a service address as source that left the victim's port after the successor's first answer. */
  readonly victimFrames: number;
}

/** The return to service: mended, started again, ready as a standby. */
export interface Return {
  readonly ms: number;
  /** What host-a's probe saw meanwhile. */
  readonly probe: ProbeSummary;
}

/** How long before the fault the judged window begins, microseconds. */
const preludeUs = 50_000;
/** How long after the takeover late voices and losses are looked for, milliseconds. */
const aftermathMs = 250;
/** Requests of the last so many microseconds may still be answered and are not judged. */
const inFlightUs = 50_000;
const takeoverTimeoutMs = 10_000;

/** Runs one trial of `fault` against the member that is active now, and leaves everything ready for the next. */
export async function runTrial(director: Director, fault: Fault, trial: number): Promise<Trial> {
  const victim = await director.ready();
  const before = tables(director);
  director.progress(`trial ${trial}: ${victim.name} is active; fault: ${fault.summary}`);
  // Somewhere between two heartbeats, not always at the same point.
  await delay(20 + Math.random() * 20);
  const faultAt = await director.strike(fault, victim);
  const troubles: string[] = [];
  const successor = await takeover(director, fault, victim, faultAt, troubles);
  await delay(aftermathMs);
  const after = tables(director);
  const watchedUntil = monotonicUs();
  const streams = await director.judgeProbes({
    fromUs: faultAt - preludeUs,
    toUs: watchedUntil - inFlightUs,
    faultUs: faultAt,
    victim: fault.expect === 'takeover' ? victim.name : '',
  });
  const probe = streams[director.mainStream];
  if (probe === undefined) throw new Error('the probe of host-a reported nothing');
  const returned = await mend(director, fault, victim, watchedUntil, troubles);
  const capture = await director.judgeCapture({
    faultAt,
    victim,
    successor,
    firstAnswer: probe.firstAnswerUs,
  });
  const timelineUs = timelineOf({
    faultAt,
    victim: victim.name,
    successor: successor?.name,
    occurrences: director.occurrences(),
    captureAnnounced: capture.announcedUs,
    firstAnswer: fault.expect === 'takeover' ? probe.firstAnswerUs : null,
  });
  const hosts = Object.fromEntries(
    director.plan.hosts.map(({ name }) => [name, { before: before[name] ?? [], after: after[name] ?? [] }]),
  );
  troubles.push(
    ...judge({
      fault,
      plan: director.plan,
      system: director.system.name,
      timelineUs,
      successor,
      streams,
      hosts,
    }),
  );
  return {
    trial,
    victim: victim.name,
    successor: successor?.name ?? null,
    ok: troubles.length === 0,
    why: troubles,
    timelineUs,
    afterFaultUs: afterFault(timelineUs),
    probe,
    streams,
    hosts,
    returned,
    victimFrames: capture.victimFrames,
  };
}

/** Waits until every host is answered by one other member; for a fault that changes nothing, until it was noticed. */
async function takeover(
  director: Director,
  fault: Fault,
  victim: MemberPlan,
  faultAt: number,
  troubles: string[],
): Promise<MemberPlan | undefined> {
  try {
    if (fault.expect === 'nothing') {
      const noticed = (): boolean =>
        director.occurrences().some(({ occurrence: o }) => o.code === 'pathDown' && o.atUs >= faultAt);
      await until('a member reports the path as down', noticed, takeoverTimeoutMs);
      return victim;
    }
    await until(
      'every host is answered by another member',
      () => director.answeringMember() !== undefined && director.answeringMember() !== victim,
      takeoverTimeoutMs,
      () => director.lastWords(),
    );
    return director.answeringMember();
  } catch (error) {
    troubles.push(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

async function mend(
  director: Director,
  fault: Fault,
  victim: MemberPlan,
  sinceUs: number,
  troubles: string[],
): Promise<Return> {
  await director.mend(fault, victim);
  try {
    await director.ready();
  } catch (error) {
    troubles.push(`return to service: ${error instanceof Error ? error.message : String(error)}`);
  }
  const readyUs = monotonicUs();
  await delay(inFlightUs / 1000);
  const window = { fromUs: sinceUs - inFlightUs, toUs: readyUs, faultUs: sinceUs, victim: '' };
  const probe = (await director.judgeProbes(window))[director.mainStream];
  if (probe === undefined) throw new Error('the probe of host-a reported nothing');
  return { ms: Math.round((readyUs - sinceUs) / 100) / 10, probe };
}

function tables(director: Director): Readonly<Record<string, readonly TableEntry[]>> {
  return Object.fromEntries(director.plan.hosts.map((host) => [host.name, readTable(host.name)]));
}
