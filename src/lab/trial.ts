/** One trial: pull, watch, mend, judge. */
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicUs } from '../linux/clock.ts';
import type { Director } from './director.ts';
import { type Fault, type FaultName, faultByName } from './fault.ts';
import { hearOldProxy, type OldProxy } from './old-proxy.ts';
import { judgeSessions, type TrialSessions } from './pbx/sessions.ts';
import type { MemberPlan } from './plan.ts';
import type { ProbeSummary } from './probe-record.ts';
import type { ProxyView } from './readiness.ts';
import { activeAgain, afterFault, judge, type Timeline, timelineOf } from './timeline.ts';
import { readTable, type TableEntry } from './topology.ts';
import { until } from './until.ts';

export interface Trial {
  readonly trial: number;
  readonly fault: FaultName;
  /** The member that was active. */
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
  /** What each proxy did before and after, by its own word; null: it did not answer. */
  readonly proxies: Readonly<
    Record<string, { readonly before: ProxyView | null; readonly after: ProxyView | null }>
  >;
  readonly returned: Return;
  /** What the daemons reported since the trial before. */
  readonly events: readonly TrialEvent[];
  /**
   * Frames with a service address as source that the victim's machine sent after the successor's first answer, once it
   * had to be fenced: until it was ready again.
   */
  readonly victimFrames: number;
  /** What the switch heard of the victim's proxy, where the successor has another one or none. */
  readonly oldProxy: OldProxy | null;
  /** Of the host that has some: over the fault and the return to service. */
  readonly sessions?: TrialSessions;
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

/** A return, and when it began: the fault was undone. */
interface Mended {
  readonly returned: Return;
  readonly mendedUs: number;
}

/** How long before the fault the judged window begins, microseconds. */
const preludeUs = 50_000;
/** How long after the takeover late voices and losses are looked for, milliseconds. */
const aftermathMs = 250;
/** Requests of the last so many microseconds may still be answered and are not judged. */
const inFlightUs = 50_000;
const takeoverTimeoutMs = 10_000;
/** How long a fault that nobody may notice is left in place, milliseconds. */
const unnoticedMs = 1000;

/** What was seen from the fault until the takeover had settled. */
interface Sighting {
  readonly victim: MemberPlan;
  readonly successor: MemberPlan | undefined;
  readonly faultAt: number;
  /** From here on the struck machine must not speak any more. */
  readonly fencedUs: number;
  readonly watchedUntil: number;
  readonly streams: Readonly<Record<string, ProbeSummary>>;
  readonly hosts: Trial['hosts'];
  readonly proxies: Trial['proxies'];
  /** What was wrong; more may be added. */
  readonly troubles: string[];
}

/** Runs one trial of a fault against the member that is active now, and leaves everything ready for the next. */
export async function runTrial(director: Director, name: FaultName, trial: number): Promise<Trial> {
  const fault = faultByName(name);
  const sinceUs = director.judgedUntilUs;
  const victim = await choose(director, fault);
  await director.aimStream(victim);
  await director.openSessions(trial);
  director.progress(`trial ${trial}: ${victim.name} is active; fault: ${fault.summary}`);
  const sighting = await pull(director, fault, victim);
  const mended = await mend(director, fault, sighting);
  return { trial, fault: name, ...(await conclude(director, fault, sinceUs, sighting, mended)) };
}

/** The active member, when all have settled; for a fault of a proxy, one that has a proxy. */
async function choose(director: Director, fault: Fault): Promise<MemberPlan> {
  await until('every daemon has settled', () => director.system.settled?.() ?? true);
  if (fault.forgottenMs !== undefined) await rest(director.judgedUntilUs, fault.forgottenMs);
  const active = await director.ready();
  if (fault.at === 'member' || active.proxy !== undefined) return active;
  director.progress(`${active.name} has no proxy: a planned switchover first`);
  await director.switchOver(active);
  await until('the other one answers', () => director.answeringMember()?.proxy !== undefined);
  return await director.ready();
}

/** Until `ms` after the end of the last trial; before the first one there is nothing to wait for. */
async function rest(judgedUntilUs: number, ms: number): Promise<void> {
  if (judgedUntilUs > 0) await delay(ms - (monotonicUs() - judgedUntilUs) / 1000);
}

/** Strikes, and watches until every host is answered by the successor and a while longer. */
async function pull(director: Director, fault: Fault, victim: MemberPlan): Promise<Sighting> {
  const before = await situation(director);
  const troubles: string[] = [];
  // Somewhere between two heartbeats, not always at the same point.
  await delay(20 + Math.random() * 20);
  const faultAt = await director.strike(fault, victim);
  const successor = await takeover(director, fault, victim, faultAt, troubles);
  await director.sessions?.settle();
  await delay(aftermathMs);
  const after = await situation(director);
  const watchedUntil = monotonicUs();
  const fencedUs = fault.lingers === true ? faultAt + director.system.lingerMs * 1000 : faultAt;
  const streams = await director.probes.judge({
    fromUs: faultAt - preludeUs,
    toUs: watchedUntil - inFlightUs,
    faultUs: faultAt,
    victim: fault.expect === 'takeover' ? victim.name : '',
    fencedUs,
  });
  const { plan } = director;
  const hosts = Object.fromEntries(
    plan.hosts.map(({ name }) => [
      name,
      { before: before.tables[name] ?? [], after: after.tables[name] ?? [] },
    ]),
  );
  const proxies = Object.fromEntries(
    plan.proxies.map(({ name }) => [
      name,
      { before: before.proxies[name] ?? null, after: after.proxies[name] ?? null },
    ]),
  );
  return { victim, successor, faultAt, fencedUs, watchedUntil, streams, hosts, proxies, troubles };
}

async function conclude(
  director: Director,
  fault: Fault,
  sinceUs: number,
  sighting: Sighting,
  { returned, mendedUs }: Mended,
): Promise<Omit<Trial, 'trial' | 'fault'>> {
  const { victim, successor, faultAt, streams, hosts, proxies, troubles } = sighting;
  const { plan, system, switchboard, fifo } = director;
  const probe = mainStreamOf(director, streams);
  const firstAnswer = fault.expect === 'takeover' ? probe.firstAnswerUs : null;
  const occurrences = director.occurrences();
  const untilUs = activeAgain(occurrences, victim.name, firstAnswer ?? faultAt);
  const { announcedUs, victimFrames } = await director.judgeCapture({ ...sighting, firstAnswer, untilUs });
  const handover = { ...sighting, fault, mendedUs, firstAnswer, announcedUs };
  const oldProxy = await hearOldProxy(handover, plan, switchboard, occurrences, system.hearsayMs * 1000);
  const captureAnnounced = announcedUs;
  const takeover = { fault, plan, faultAt, victim, successor };
  const timelineUs = timelineOf({ ...takeover, occurrences, captureAnnounced, firstAnswer });
  const seen = { timelineUs, streams, hosts, victimFrames, oldProxy };
  // What ends while a machine is away its own exchange never hears of.
  await director.mirrored(0);
  const sessions = await director.sessions?.judge(faultAt);
  const why = [
    ...troubles,
    ...judge({ ...takeover, system: system.name, fifo, ...seen }),
    ...(sessions === undefined ? [] : judgeSessions(sessions)),
  ];
  return {
    victim: victim.name,
    successor: successor?.name ?? null,
    ok: why.length === 0,
    why,
    timelineUs,
    afterFaultUs: afterFault(timelineUs),
    probe,
    streams,
    hosts,
    proxies,
    returned,
    events: eventsSince(director, sinceUs, faultAt),
    victimFrames,
    oldProxy,
    ...(sessions === undefined ? {} : { sessions }),
  };
}

function mainStreamOf(director: Director, streams: Readonly<Record<string, ProbeSummary>>): ProbeSummary {
  const probe = streams[director.probes.mainStream];
  if (probe === undefined) throw new Error(`the probe of ${director.probes.mainStream} reported nothing`);
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
      await noticed(director, fault, faultAt);
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

/** A fault after which nobody takes over was seen, or was there long enough to be seen. */
async function noticed(director: Director, fault: Fault, faultAt: number): Promise<void> {
  const { noticed: code = 'pathDown' } = fault;
  if (code === 'never') await delay(unnoticedMs);
  else {
    const told = (): boolean =>
      director.occurrences().some(({ occurrence: o }) => o.code === code && o.atUs >= faultAt);
    await until(`a daemon reports ${code}`, told, takeoverTimeoutMs);
  }
  if (fault.astray !== true) return;
  const steady = async (): Promise<boolean> => (await director.probes.steadySince(faultAt)) !== null;
  await until('every host is answered again', steady, takeoverTimeoutMs);
}

async function mend(director: Director, fault: Fault, sighting: Sighting): Promise<Mended> {
  const sinceUs = sighting.watchedUntil;
  // The return, too, happens beside the stream.
  const aimed = director.aimStream(sighting.successor ?? sighting.victim).catch((error: unknown) => {
    sighting.troubles.push(error instanceof Error ? error.message : String(error));
  });
  const mendedUs = await director.mend(fault, sighting.victim);
  try {
    const active = await director.ready();
    if (sighting.successor !== undefined && active !== sighting.successor) {
      sighting.troubles.push(`return to service: the role moved back to ${active.name}`);
    }
  } catch (error) {
    sighting.troubles.push(`return to service: ${error instanceof Error ? error.message : String(error)}`);
  }
  const readyUs = monotonicUs();
  await director.mendLater(fault, sighting.victim);
  await aimed;
  await delay(inFlightUs / 1000);
  const window = {
    fromUs: sinceUs - inFlightUs,
    toUs: readyUs,
    faultUs: sinceUs,
    victim: '',
    fencedUs: sinceUs,
  };
  const probe = mainStreamOf(director, await director.probes.judge(window));
  return { returned: { ms: Math.round((readyUs - sinceUs) / 100) / 10, probe }, mendedUs };
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

/** The hosts' tables and the proxies' states as they are now. */
async function situation(director: Director): Promise<{
  readonly tables: Readonly<Record<string, readonly TableEntry[]>>;
  readonly proxies: Readonly<Record<string, ProxyView | null>>;
}> {
  const tables = Object.fromEntries(director.plan.hosts.map((host) => [host.name, readTable(host.name)]));
  return { tables, proxies: (await director.system.proxies?.()) ?? {} };
}
