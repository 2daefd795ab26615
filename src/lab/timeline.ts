/** From what the daemons, the probes and the capture said to one timeline, and whether it is what must be. No I/O. */
import type { Occurrence } from '../api/types.ts';
import type { Fault } from './fault.ts';
import { placeOf } from './layout.ts';
import { judgeOldProxy, type OldProxy } from './old-proxy.ts';
import type { LabPlan, MemberPlan, NodePlan } from './plan.ts';
import type { ProbeSummary } from './probe-record.ts';
import type { TableEntry } from './topology.ts';

/** CLOCK_MONOTONIC microseconds; null: did not happen, or the system under test does not say. */
export interface Timeline {
  /** Stamped by the injector just before its first system call. */
  readonly faultAt: number;
  /** A surviving daemon saw the fault. */
  readonly detected: number | null;
  /** The successor decided to take over. */
  readonly decided: number | null;
  /** The successor's proxy, where it has one, began to serve it. */
  readonly served: number | null;
  /** The successor's daemon announced, or its proxy's; null where the same proxy served before. */
  readonly announced: number | null;
  /** The first announcement as it entered the switch. */
  readonly captureAnnounced: number | null;
  /** host-a's probe has the successor's first answer. */
  readonly firstAnswer: number | null;
}

/** What a daemon reported; `member` is any machine with a daemon. */
export interface Witnessed {
  readonly member: string;
  readonly occurrence: Occurrence;
}

/** Codes that say that a fault was seen (docs/EVENTS.md). */
const seenCodes = ['faultSeen', 'pathDown', 'peerDown', 'proxyLost', 'foreignClaim'];

export function timelineOf(o: {
  readonly fault: Fault;
  readonly plan: LabPlan;
  readonly faultAt: number;
  readonly victim: MemberPlan;
  readonly successor: MemberPlan | undefined;
  readonly occurrences: readonly Witnessed[];
  readonly captureAnnounced: number | null;
  readonly firstAnswer: number | null;
}): Timeline {
  const first = (fits: (w: Witnessed) => boolean): number | null => {
    const times = o.occurrences.filter((w) => w.occurrence.atUs >= o.faultAt && fits(w));
    return times.length === 0 ? null : Math.min(...times.map((w) => w.occurrence.atUs));
  };
  const { successor, plan } = o;
  const moved = successor !== o.victim;
  const bySuccessor = (w: Witnessed): boolean => moved && w.member === successor?.name;
  const place = moved && successor !== undefined ? placeOf(successor, plan) : undefined;
  // One proxy for both has nothing to announce; what it repeats of an earlier announcement is none.
  const elsewhere = place !== placeOf(o.victim, plan);
  // That its proxy is gone is seen by the active member itself.
  const witnesses = (w: Witnessed): boolean =>
    o.fault.at === 'proxy' ? plan.members.some(({ name }) => name === w.member) : !moved || bySuccessor(w);
  const decided = first((w) => bySuccessor(w) && takesTheRole(w.occurrence));
  const detected = first((w) => seenCodes.includes(w.occurrence.code) && witnesses(w));
  return {
    faultAt: o.faultAt,
    // In a planned handover the old one's silence is seen last, and is no fault.
    detected: detected !== null && decided !== null && detected > decided ? null : detected,
    decided,
    served: first((w) => w.member === place?.name && serves(w.occurrence)),
    announced: first((w) => elsewhere && w.member === place?.name && w.occurrence.code === 'announced'),
    captureAnnounced: moved ? o.captureAnnounced : null,
    firstAnswer: o.firstAnswer,
  };
}

/** When `member` took the role (again) after `sinceUs`; far in the future when it did not. */
export function activeAgain(occurrences: readonly Witnessed[], member: string, sinceUs: number): number {
  const times = occurrences
    .filter((w) => w.member === member && w.occurrence.atUs > sinceUs && takesTheRole(w.occurrence))
    .map((w) => w.occurrence.atUs);
  return Math.min(Number.MAX_SAFE_INTEGER, ...times);
}

function takesTheRole({ code, detail: { to } }: Occurrence): boolean {
  return code === 'transition' && (to === 'acquiring' || to === 'active');
}

function serves({ code, detail: { to } }: Occurrence): boolean {
  return code === 'proxyTransition' && to === 'serving';
}

/** Distances from the fault, microseconds. */
export function afterFault(timeline: Timeline): Omit<Timeline, 'faultAt'> {
  const distance = (at: number | null): number | null => (at === null ? null : at - timeline.faultAt);
  return {
    detected: distance(timeline.detected),
    decided: distance(timeline.decided),
    served: distance(timeline.served),
    announced: distance(timeline.announced),
    captureAnnounced: distance(timeline.captureAnnounced),
    firstAnswer: distance(timeline.firstAnswer),
  };
}

/** The daemon's word and the capture may differ by this much before one of them is wrong, microseconds. */
const captureToleranceUs = { fifo: 20_000, ordinary: 100_000 };

/** Everything that is not as it must be, in words; empty when all is well. */
export function judge(o: {
  readonly fault: Fault;
  readonly plan: LabPlan;
  readonly system: string;
  /** Daemons and capture ran under SCHED_FIFO. */
  readonly fifo: boolean;
  readonly timelineUs: Timeline;
  readonly victim: MemberPlan;
  readonly successor: MemberPlan | undefined;
  readonly streams: Readonly<Record<string, ProbeSummary>>;
  readonly hosts: Readonly<Record<string, { readonly after: readonly TableEntry[] }>>;
  readonly victimFrames: number;
  readonly oldProxy: OldProxy | null;
}): string[] {
  const { fault, plan, successor } = o;
  if (successor === undefined) return [];
  const troubles = staleEntries(o.hosts, placeOf(successor, plan), plan);
  for (const [name, summary] of Object.entries(o.streams)) {
    if (summary.stray > 0)
      troubles.push(`${name}: ${summary.stray} answers of the old one after the new one's`);
    if (fault.expect === 'nothing' && fault.astray !== true && summary.lost > 0)
      troubles.push(`${name}: ${summary.lost} requests lost`);
  }
  // A muted machine knows of nothing and speaks on: no one hears it.
  if (o.victimFrames > 0 && (fault.mutes !== true || fault.at === 'proxy')) {
    troubles.push(`${o.victimFrames} frames with the address left the old one's machine when it was fenced`);
  }
  if (o.oldProxy !== null) troubles.push(...judgeOldProxy(o.oldProxy, fault));
  if (fault.expect === 'takeover' && o.system === 'understudy') {
    if (o.timelineUs.decided === null) troubles.push('the successor reported no decision');
    // Where one proxy serves both, the hosts have nothing to learn.
    if (placeOf(successor, plan) !== placeOf(o.victim, plan))
      troubles.push(...unannounced(o.timelineUs, o.fifo));
  }
  return troubles;
}

function staleEntries(
  hosts: Readonly<Record<string, { readonly after: readonly TableEntry[] }>>,
  place: NodePlan,
  plan: LabPlan,
): string[] {
  const troubles: string[] = [];
  for (const [name, { after }] of Object.entries(hosts)) {
    for (const address of [plan.service4, plan.service6]) {
      const entry = after.find((line) => line.address === address);
      if (entry?.mac === place.mac) continue;
      troubles.push(`${name} has ${address} at ${entry?.mac ?? 'no address'}, not at ${place.name}`);
    }
  }
  return troubles;
}

function unannounced(timeline: Timeline, fifo: boolean): string[] {
  const troubles: string[] = [];
  if (timeline.captureAnnounced === null) troubles.push('the switch saw no announcement');
  if (timeline.announced === null) troubles.push('nobody reported an announcement');
  else if (timeline.captureAnnounced !== null) {
    const gap = Math.abs(timeline.announced - timeline.captureAnnounced);
    const tolerance = fifo ? captureToleranceUs.fifo : captureToleranceUs.ordinary;
    if (gap > tolerance) troubles.push(`announcement: daemon and capture differ by ${gap} µs`);
  }
  return troubles;
}
