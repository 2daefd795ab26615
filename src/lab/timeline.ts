/** From what the daemons, the probes and the capture said to one timeline, and whether it is what must be. No I/O. */
import type { Occurrence } from '../api/types.ts';
import type { Fault } from './fault.ts';
import type { LabPlan, MemberPlan } from './plan.ts';
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
  /** The successor's daemon announced. */
  readonly announced: number | null;
  /** The first announcement as it entered the switch. */
  readonly captureAnnounced: number | null;
  /** host-a's probe has the successor's first answer. */
  readonly firstAnswer: number | null;
}

export interface Witnessed {
  readonly member: string;
  readonly occurrence: Occurrence;
}

/** Codes that say that a fault was seen (docs/EVENTS.md). */
const seenCodes = ['faultSeen', 'pathDown', 'peerDown'];

export function timelineOf(o: {
  readonly faultAt: number;
  readonly victim: string;
  readonly successor: string | undefined;
  readonly occurrences: readonly Witnessed[];
  readonly captureAnnounced: number | null;
  readonly firstAnswer: number | null;
}): Timeline {
  const first = (fits: (w: Witnessed) => boolean): number | null => {
    const times = o.occurrences.filter((w) => w.occurrence.atUs >= o.faultAt && fits(w));
    return times.length === 0 ? null : Math.min(...times.map((w) => w.occurrence.atUs));
  };
  const moved = o.successor !== o.victim;
  const bySuccessor = (w: Witnessed): boolean => moved && w.member === o.successor;
  const decided = first((w) => bySuccessor(w) && takesTheRole(w.occurrence));
  const detected = first((w) => seenCodes.includes(w.occurrence.code) && (!moved || bySuccessor(w)));
  return {
    faultAt: o.faultAt,
    // In a planned handover the old one's silence is seen last, and is no fault.
    detected: detected !== null && decided !== null && detected > decided ? null : detected,
    decided,
    announced: first((w) => bySuccessor(w) && w.occurrence.code === 'announced'),
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

/** Distances from the fault, microseconds. */
export function afterFault(timeline: Timeline): Omit<Timeline, 'faultAt'> {
  const distance = (at: number | null): number | null => (at === null ? null : at - timeline.faultAt);
  return {
    detected: distance(timeline.detected),
    decided: distance(timeline.decided),
    announced: distance(timeline.announced),
    captureAnnounced: distance(timeline.captureAnnounced),
    firstAnswer: distance(timeline.firstAnswer),
  };
}

/** The daemon's word and the capture may differ by this much before one of them is wrong, microseconds. */
const captureToleranceUs = 20_000;

/** Everything that is not as it must be, in words; empty when all is well. */
export function judge(o: {
  readonly fault: Fault;
  readonly plan: LabPlan;
  readonly system: string;
  readonly timelineUs: Timeline;
  readonly successor: MemberPlan | undefined;
  readonly streams: Readonly<Record<string, ProbeSummary>>;
  readonly hosts: Readonly<Record<string, { readonly after: readonly TableEntry[] }>>;
  readonly victimFrames: number;
}): string[] {
  const troubles: string[] = [];
  if (o.successor === undefined) return troubles;
  for (const [name, { after }] of Object.entries(o.hosts)) {
    for (const address of [o.plan.service4, o.plan.service6]) {
      const entry = after.find((line) => line.address === address);
      if (entry?.mac === o.successor.mac) continue;
      troubles.push(`${name} has ${address} at ${entry?.mac ?? 'no address'}, not at ${o.successor.name}`);
    }
  }
  for (const [name, summary] of Object.entries(o.streams)) {
    if (summary.stray > 0)
      troubles.push(`${name}: ${summary.stray} answers of the old one after the new one's`);
    if (o.fault.expect === 'nothing' && summary.lost > 0)
      troubles.push(`${name}: ${summary.lost} requests lost`);
  }
  // A muted machine knows of nothing and speaks on: no one hears it.
  if (o.victimFrames > 0 && o.fault.mutes !== true) {
    troubles.push(`${o.victimFrames} frames with the address left the old one's machine when it was fenced`);
  }
  if (o.fault.expect === 'takeover' && o.system === 'understudy') troubles.push(...missing(o.timelineUs));
  return troubles;
}

function missing(timeline: Timeline): string[] {
  const troubles: string[] = [];
  if (timeline.decided === null) troubles.push('the successor reported no decision');
  if (timeline.captureAnnounced === null) troubles.push('the switch saw no announcement');
  if (timeline.announced === null) troubles.push('the successor reported no announcement');
  else if (timeline.captureAnnounced !== null) {
    const gap = Math.abs(timeline.announced - timeline.captureAnnounced);
    if (gap > captureToleranceUs) troubles.push(`announcement: daemon and capture differ by ${gap} µs`);
  }
  return troubles;
}
