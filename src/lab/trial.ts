/** One trial: pull, watch, mend, judge. */
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicUs } from '../linux/clock.ts';
import type { Director } from './director.ts';
import type { Fault } from './fault.ts';
import type { MemberPlan } from './plan.ts';
import type { ProbeSummary } from './probe-record.ts';
import { activeAgain, afterFault, judge, type Timeline, timelineOf } from './timeline.ts';
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
  /** What the daemons reported since the trial before. */
  readonly events: readonly TrialEvent[];
  /**
   * Frames with a service address as source that the victim's machine sent after the successor's first answer, once it
   * had to be fenced: until it was ready again.
   */
  readonly victimFrames: number;
}

export interface TrialEvent {
  readonly member: string;
  readonly afterFaultUs: number;
  readonly code: string;
  readonly message: string;
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

/** What was seen from the fault until the takeover had settled. */
interface Sighting {
  readonly victim: MemberPlan;
  readonly successor: MemberPlan | undefined;
  readonly faultAt: number;
  /** From here on the victim's machine must not speak any more. */
  readonly fencedUs: number;
  readonly watchedUntil: number;
  readonly streams: Readonly<Record<string, ProbeSummary>>;
  readonly hosts: Trial['hosts'];
  /** What was wrong; more may be added. */
  readonly troubles: string[];
}

/** Runs one trial of `fault` against the member that is active now, and leaves everything ready for the next. */
export async function runTrial(director: Director, fault: Fault, trial: number): Promise<Trial> {
  const sinceUs = director.judgedUntilUs;
  const victim = await director.ready();
  await director.aimStream(victim);
  director.progress(`trial ${trial}: ${victim.name} is active; fault: ${fault.summary}`);
  const sighting = await pull(director, fault, victim);
  const returned = await mend(director, fault, sighting);
  return await conclude(director, fault, trial, sinceUs, sighting, returned);
}

/** Strikes, and watches until every host is answered by the successor and a while longer. */
async function pull(director: Director, fault: Fault, victim: MemberPlan): Promise<Sighting> {
  const before = tables(director);
  const troubles: string[] = [];
  // Somewhere between two heartbeats, not always at the same point.
  await delay(20 + Math.random() * 20);
  const faultAt = await director.strike(fault, victim);
  const successor = await takeover(director, fault, victim, faultAt, troubles);
  await delay(aftermathMs);
  const after = tables(director);
  const watchedUntil = monotonicUs();
  const fencedUs = fault.lingers === true ? faultAt + director.system.lingerMs * 1000 : faultAt;
  const streams = await director.judgeProbes({
    fromUs: faultAt - preludeUs,
    toUs: watchedUntil - inFlightUs,
    faultUs: faultAt,
    victim: fault.expect === 'takeover' ? victim.name : '',
    fencedUs,
  });
  const hosts = Object.fromEntries(
    director.plan.hosts.map(({ name }) => [name, { before: before[name] ?? [], after: after[name] ?? [] }]),
  );
  return { victim, successor, faultAt, fencedUs, watchedUntil, streams, hosts, troubles };
}

async function conclude(
  director: Director,
  fault: Fault,
  trial: number,
  sinceUs: number,
  sighting: Sighting,
  returned: Return,
): Promise<Trial> {
  const { victim, successor, faultAt, streams, hosts, troubles } = sighting;
  const probe = mainStreamOf(director, streams);
  const firstAnswer = fault.expect === 'takeover' ? probe.firstAnswerUs : null;
  const occurrences = director.occurrences();
  const untilUs = activeAgain(occurrences, victim.name, firstAnswer ?? faultAt);
  const { announcedUs, victimFrames } = await director.judgeCapture({ ...sighting, firstAnswer, untilUs });
  const timelineUs = timelineOf({
    faultAt,
    victim: victim.name,
    successor: successor?.name,
    occurrences,
    captureAnnounced: announcedUs,
    firstAnswer,
  });
  const { plan, system } = director;
  const seen = { timelineUs, successor, streams, hosts, victimFrames };
  const why = [...troubles, ...judge({ fault, plan, system: system.name, ...seen })];
  return {
    trial,
    victim: victim.name,
    successor: successor?.name ?? null,
    ok: why.length === 0,
    why,
    timelineUs,
    afterFaultUs: afterFault(timelineUs),
    probe,
    streams,
    hosts,
    returned,
    events: eventsSince(director, sinceUs, faultAt),
    victimFrames,
  };
}

function mainStreamOf(director: Director, streams: Readonly<Record<string, ProbeSummary>>): ProbeSummary {
  const probe = streams[director.mainStream];
  if (probe === undefined) throw new Error(`the probe of ${director.mainStream} reported nothing`);
  return probe;
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

async function mend(director: Director, fault: Fault, sighting: Sighting): Promise<Return> {
  const sinceUs = sighting.watchedUntil;
  // The return, too, happens beside the stream.
  const aimed = director.aimStream(sighting.successor ?? sighting.victim).catch((error: unknown) => {
    sighting.troubles.push(error instanceof Error ? error.message : String(error));
  });
  await director.mend(fault, sighting.victim);
  try {
    const active = await director.ready();
    if (sighting.successor !== undefined && active !== sighting.successor) {
      sighting.troubles.push(`return to service: the role moved back to ${active.name}`);
    }
  } catch (error) {
    sighting.troubles.push(`return to service: ${error instanceof Error ? error.message : String(error)}`);
  }
  const readyUs = monotonicUs();
  await aimed;
  await delay(inFlightUs / 1000);
  const window = {
    fromUs: sinceUs - inFlightUs,
    toUs: readyUs,
    faultUs: sinceUs,
    victim: '',
    fencedUs: sinceUs,
  };
  const probe = mainStreamOf(director, await director.judgeProbes(window));
  return { ms: Math.round((readyUs - sinceUs) / 100) / 10, probe };
}

/** The daemons' reports later than `sinceUs`, in the order of time; remembers how far it got. */
function eventsSince(director: Director, sinceUs: number, faultAt: number): TrialEvent[] {
  director.judgedUntilUs = monotonicUs();
  return director
    .occurrences()
    .filter(({ occurrence }) => occurrence.atUs > sinceUs)
    .map(({ member, occurrence: { atUs, code, message } }) => ({
      member,
      afterFaultUs: atUs - faultAt,
      code,
      message,
    }))
    .sort((a, b) => a.afterFaultUs - b.afterFaultUs);
}

function tables(director: Director): Readonly<Record<string, readonly TableEntry[]>> {
  return Object.fromEntries(director.plan.hosts.map((host) => [host.name, readTable(host.name)]));
}
