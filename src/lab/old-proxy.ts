/**
 * The proxy that answered the hosts until a takeover: what the capture at the switch heard of it when it had to be
 * silent. What it sends on for hosts that have not moved yet has their addresses as source and is no voice.
 */
import type { Fault } from './fault.ts';
import { placeOf, proxyOf } from './layout.ts';
import type { LabPlan, MemberPlan } from './plan.ts';
import type { Span, Switchboard } from './switchboard.ts';
import type { Witnessed } from './timeline.ts';

export interface OldProxy {
  readonly name: string;
  /** When its daemon said that it gave the addresses up after the fault; null: it did not say so. */
  readonly yieldedUs: number | null;
  /** It gave them up so much too late after the new one's announcement; 0: in time. */
  readonly overtimeUs: number;
  /** Frames with a service address as source that came out of its side of the LAN when its fence had closed. */
  readonly frames: number;
  /** ARP and neighbour discovery that claims an address, from when the new one's announcement was out. */
  readonly claims: number;
}

export interface Handover {
  readonly fault: Fault;
  readonly victim: MemberPlan;
  readonly successor: MemberPlan | undefined;
  readonly faultAt: number;
  /** Of the struck machine: from here on it must not speak. */
  readonly fencedUs: number;
  /** When the fault was undone: a machine that was mute hears again who serves. */
  readonly mendedUs: number;
  readonly firstAnswer: number | null;
  readonly announcedUs: number | null;
}

/**
 * Null: nobody was behind a proxy, or the same proxy serves the successor. `hearsayUs`: from the new one's announcement
 * until the old one has heard of it, from its word until the fence is closed, and how late the capture may be.
 */
export async function hearOldProxy(
  o: Handover,
  plan: LabPlan,
  switchboard: Pick<Switchboard, 'voices'>,
  occurrences: readonly Witnessed[],
  hearsayUs: number,
): Promise<OldProxy | null> {
  const proxy = proxyOf(o.victim, plan);
  if (proxy === undefined || o.successor === undefined || placeOf(o.successor, plan) === proxy) return null;
  const { name } = proxy;
  const since = Math.max(o.firstAnswer ?? o.faultAt, o.announcedUs ?? o.faultAt);
  const untilUs = servesAgain(occurrences, name, since);
  const yieldedUs = yielded(occurrences, name, { sinceUs: o.faultAt, untilUs });
  const closed = closedUs(o, yieldedUs) + hearsayUs;
  const claimsFrom = o.fault.at === 'proxy' && o.fault.mutes === true ? closed : since + hearsayUs;
  const [frames, claims] = await Promise.all([
    switchboard.voices(proxy, { sinceUs: closed, untilUs }),
    switchboard.voices(proxy, { sinceUs: claimsFrom, untilUs }, 'claim'),
  ]);
  const overtimeUs = Math.max(0, (yieldedUs ?? since) - since - hearsayUs);
  return { name, yieldedUs, overtimeUs, frames, claims };
}

/** Everything about it that is not as it must be, in words. */
export function judgeOldProxy(o: OldProxy, { at }: Fault): string[] {
  const { name, yieldedUs, overtimeUs, frames, claims } = o;
  const troubles: string[] = [];
  // A struck one is silent by its lease, and says so when it can.
  if (at === 'member') {
    if (yieldedUs === null) troubles.push(`${name} never said that it gave the addresses up`);
    if (overtimeUs > 0) troubles.push(`${name} gave the addresses up ${overtimeUs} µs too late`);
  }
  if (frames > 0) troubles.push(`${frames} frames with the address left ${name} when its fence was closed`);
  if (claims > 0)
    troubles.push(`${claims} times ${name} claimed the address after the new one's announcement`);
  return troubles;
}

function closedUs(
  { fault, faultAt, firstAnswer, fencedUs, mendedUs }: Handover,
  yieldedUs: number | null,
): number {
  if (fault.at === 'member') return yieldedUs ?? firstAnswer ?? faultAt;
  return fault.mutes === true ? mendedUs : Math.max(firstAnswer ?? faultAt, fencedUs);
}

/** The last time in the span: it may have lost its lease and served again meanwhile. */
function yielded(
  occurrences: readonly Witnessed[],
  proxy: string,
  { sinceUs, untilUs }: Span,
): number | null {
  const open = ['serving', 'waiting'];
  const times = transitions(occurrences, proxy, sinceUs)
    .filter(({ detail: { from, to } }) => open.includes(String(from)) && !open.includes(String(to)))
    .map(({ atUs }) => atUs)
    .filter((atUs) => atUs < untilUs);
  return times.length === 0 ? null : Math.max(...times);
}

/** When the proxy served again after `sinceUs`; far in the future when it did not. */
function servesAgain(occurrences: readonly Witnessed[], proxy: string, sinceUs: number): number {
  const times = transitions(occurrences, proxy, sinceUs)
    .filter(({ detail: { to } }) => to === 'serving')
    .map(({ atUs }) => atUs);
  return Math.min(Number.MAX_SAFE_INTEGER, ...times);
}

function transitions(
  occurrences: readonly Witnessed[],
  proxy: string,
  sinceUs: number,
): Witnessed['occurrence'][] {
  return occurrences
    .filter(
      ({ member, occurrence: o }) => member === proxy && o.code === 'proxyTransition' && o.atUs > sinceUs,
    )
    .map(({ occurrence }) => occurrence);
}
