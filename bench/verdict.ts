/** What a run of the benchmark of overlaps comes to, and the table of many. */
import type { Director } from '../src/lab/director.ts';
import type { Metronome } from '../src/lab/metronome.ts';
import { lengthUs } from '../src/lab/overlap.ts';
import type { MemberPlan } from '../src/lab/plan.ts';
import { progress } from './rehearsal.ts';
import type { Stretch } from './scene.ts';
import { formatSpread, markdownTable } from './statistics.ts';

/** A machine that was silent for so long had stopped speaking: hosts and the stranger ask every millisecond. */
const gapUs = 20_000;
/** A stall of the machine so long before an overlap or a change of role may be its cause, microseconds. */
const stallReachUs = 12_000;

export interface Overlap extends Stretch {
  /** How it was found, and whose. */
  readonly what: string;
  readonly us: number;
  /** Of it, while the members could hear each other on some path. */
  readonly outsideUs: number;
  /** The machine stood still just before, or meanwhile. */
  readonly stalled: boolean;
}

export interface Run {
  readonly run: number;
  readonly beganUs: number;
  readonly trouble: string;
  readonly lastedMs: readonly number[];
  readonly overlaps: readonly Overlap[];
  /** Activations, each with whether a stall of the machine may be its cause. */
  readonly changes: readonly { readonly member: string; readonly stalled: boolean }[];
  /** From the stranger's last claim until the last host was answered for good; null: it claimed nothing. */
  readonly reachedMs: number | null;
  /** What must not be; empty when all is well. */
  readonly wrong: readonly string[];
  /** Why a voice may have gone unheard; empty when every frame was looked at. */
  readonly unjudged: readonly string[];
}

/**
 * Every stretch in which two machines spoke: by the frames alone, and, with `words`, by what the daemons said of themselves,
 * which must not have died meanwhile.
 */
export async function overlapsIn(
  director: Director,
  metronome: Metronome,
  span: { readonly sinceUs: number; readonly untilUs: number },
  { parted, words }: { readonly parted: readonly Stretch[]; readonly words: boolean },
): Promise<Overlap[]> {
  const names = new Map(director.plan.members.map(({ name, lanPort }) => [lanPort, name]));
  const found = await director.switchboard.overlaps(span, gapUs);
  const byFrames = found.map(({ ports, fromUs, toUs, frames }) => ({
    ...{ fromUs, toUs },
    what: `${ports.map((port) => names.get(port) ?? port).join(' and ')}, ${frames} frames`,
  }));
  const stretches = [...byFrames, ...(words ? await lateVoices(director, span) : [])];
  return stretches.map(({ what, ...stretch }) => ({
    ...stretch,
    what,
    us: lengthUs(stretch),
    outsideUs: outside(stretch, parted),
    stalled: metronome.during(stretch.fromUs - stallReachUs, stretch.toUs).length > 0,
  }));
}

/** Why a voice may have gone unheard since a moment at which so many frames were `missed`. Microseconds. */
export async function unheard(director: Director, sinceUs: number, missed: number): Promise<string[]> {
  const gaps = await director.switchboard.gaps();
  const frames = gaps.missed - missed;
  return [
    ...(frames > 0 ? [`${frames} frames were not captured`] : []),
    ...(gaps.forgottenUs > sinceUs ? ['more voices than the record holds'] : []),
  ];
}

/**
 * What a member says after another one has become active and before it does so itself: found also where the other one was
 * silent for longer than the gap.
 */
async function lateVoices(
  director: Director,
  { sinceUs, untilUs }: { readonly sinceUs: number; readonly untilUs: number },
): Promise<(Stretch & { readonly what: string })[]> {
  const found: (Stretch & { readonly what: string })[] = [];
  const all = activations(director, sinceUs);
  for (const { member, atUs } of all) {
    for (const other of director.plan.members) {
      if (other.name === member) continue;
      const own = all.find((one) => one.member === other.name && one.atUs > atUs);
      const last = await lastVoice(director, other, atUs, own?.acquiringUs ?? untilUs);
      if (last !== null)
        found.push({ fromUs: atUs, toUs: last, what: `${other.name}, late, after ${member}` });
    }
  }
  return found;
}

function lastVoice(
  director: Director,
  member: MemberPlan,
  sinceUs: number,
  untilUs: number,
): Promise<number | null> {
  return director.switchboard.lastVoice(member, { sinceUs, untilUs });
}

export interface Activation {
  readonly member: string;
  /** When it had the lease and began to answer, at the earliest: it says that it is active a moment later. */
  readonly acquiringUs: number;
  readonly atUs: number;
  /** Counter and member's number. */
  readonly term: string;
}

/** In the order of time. */
export function activations(director: Director, sinceUs: number): Activation[] {
  const acquiringUs = new Map<string, number>();
  const found: Activation[] = [];
  for (const { member, occurrence } of director.occurrences()) {
    const { code, detail, atUs } = occurrence;
    if (code !== 'transition') continue;
    if (detail['to'] === 'acquiring') acquiringUs.set(member, atUs);
    if (detail['to'] !== 'active' || detail['from'] !== 'acquiring' || atUs <= sinceUs) continue;
    const term = `${String(detail['termCounter'])} of ${String(detail['termMember'])}`;
    found.push({ member, acquiringUs: acquiringUs.get(member) ?? atUs, atUs, term });
  }
  return found.sort((a, b) => a.atUs - b.atUs);
}

export function stalledBefore(metronome: Metronome, atUs: number): boolean {
  return metronome.during(atUs - stallReachUs, atUs).length > 0;
}

/** The part of a stretch that lies outside the others, microseconds; they do not touch each other. */
function outside(stretch: Stretch, parted: readonly Stretch[]): number {
  const inside = parted.map(({ fromUs, toUs }) =>
    Math.max(0, Math.min(toUs, stretch.toUs) - Math.max(fromUs, stretch.fromUs)),
  );
  return Math.max(0, lengthUs(stretch) - inside.reduce((sum, us) => sum + us, 0));
}

/** One row for each trouble. */
export function tableOf(runs: readonly Run[]): string {
  const rows = [...Map.groupBy(runs, ({ trouble }) => trouble)].map(([trouble, some]) => {
    const worst = (us: (overlap: Overlap) => number, stalled: boolean): string => {
      const of = some.map(({ overlaps }) =>
        Math.max(0, ...overlaps.filter((each) => each.stalled === stalled).map(us)),
      );
      return String(Math.max(...of));
    };
    const reached = some.flatMap(({ reachedMs }) => reachedMs ?? []);
    return [
      trouble,
      String(some.length),
      String(some.filter(({ overlaps }) => overlaps.length > 0).length),
      worst(({ outsideUs }) => outsideUs, false),
      worst(({ us, outsideUs }) => us - outsideUs, false),
      worst(({ outsideUs }) => outsideUs, true),
      String(some.reduce((sum, { changes }) => sum + changes.length, 0)),
      reached.length === 0 ? '-' : formatSpread(reached, 1),
      String(some.filter(({ wrong }) => wrong.length > 0).length),
      String(some.filter(({ unjudged }) => unjudged.length > 0).length),
    ];
  });
  const head = [
    ...['fault', 'runs', 'with overlap', 'worst, µs', 'while parted, µs', 'machine stalled, µs'],
    ...['activations', 'hosts reached again, ms', 'wrong', 'unjudged'],
  ];
  return markdownTable(head, rows.sort());
}

/** What the daemons reported since a moment, and from so long before it: for a run that went wrong. Microseconds. */
export function explain(director: Director, sinceUs: number, beforeUs: number): void {
  const near = director.occurrences().filter(({ occurrence: { atUs } }) => atUs > sinceUs - beforeUs);
  for (const { member, occurrence } of near.sort((a, b) => a.occurrence.atUs - b.occurrence.atUs))
    progress(`    ${((occurrence.atUs - sinceUs) / 1000).toFixed(2)} ms ${member}: ${occurrence.message}`);
}
