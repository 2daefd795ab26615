/** The shape of one simulated cluster, drawn from the seed: members, paths, timing, and how rough the network is. */
import type { GroupConfig, QuorumConfig } from '../engine/config.ts';
import type { NodeId } from '../wire/control/message.ts';
import { drawLan, type LanPlan } from './lan-plan.ts';
import { drawQuorum } from './quorum.ts';
import type { Random } from './random.ts';
import { drawTempo, type Pace, type Tempo } from './tempo.ts';
import { drawUpkeep, type Upkeep } from './upkeep.ts';
import { drawWiring, type PathPlan, type Wiring } from './wiring.ts';

export const group = 1;
export const cluster = 0x5eed;
/**
 * Where others leave the role to an active member that starts anew, it lets newcomers ahead of it have their grace first: so long
 * in a brisk world, microseconds.
 */
export const resumptionUs = 1_100_000;
const leaseUs = 20_000;
const renewUs = 4_000;
/** Longer than a lease. */
const promiseLeastUs = 24_000;

export interface Plan extends Wiring, Upkeep {
  readonly members: readonly NodeId[];
  readonly priorities: ReadonlyMap<NodeId, number>;
  readonly tempo: Tempo;
  readonly intervalUs: number;
  readonly leaseUs: number;
  readonly renewUs: number;
  readonly missCount: number;
  readonly preempt: boolean;
  readonly drainUs: number;
  readonly takeOverOn: GroupConfig['takeOverOn'];
  /** Strict: who has a vote; undefined: available. */
  readonly quorum: QuorumConfig | undefined;
  /** Loss, duplication and delay when no storm rages. */
  readonly lossShare: number;
  readonly duplicateShare: number;
  readonly delayUs: readonly [number, number];
  /** The machine that all of them run on may stand still for a moment: nobody notices, and no role moves. */
  readonly standstills: boolean;
  /** What members see of each other on the hosts' LAN before they are first active. */
  readonly lan: LanPlan;
  /** Only faults that leave the network and the scheduler alone: then nothing at all is excused. */
  readonly calm: boolean;
}

/** Streams of chance: what is drawn from one leaves the others as they were. */
export interface Chances {
  readonly random: Random;
  readonly shape: Random;
  readonly policy: Random;
  readonly tempo: Random;
  readonly lan: Random;
  readonly upkeep: Random;
}

export function drawPlan(pace: Pace, chances: Chances): Plan {
  const { random, shape, policy } = chances;
  const tempo = drawTempo(pace, chances.tempo);
  const members = Array.from({ length: random.between(2, 3) }, (_, index) => index + 1);
  const equal = random.chance(0.2);
  const wiring = random.next();
  const calm = random.chance(0.4);
  const priorities = new Map(members.map((member) => [member, equal ? 100 : random.between(1, 255)]));
  const wired = drawWiring(shape, members) ?? membersOnly(members, wiring);
  const intervalUs = random.pick(tempo.intervalsUs) * tempo.beats;
  return {
    members,
    priorities,
    tempo,
    ...drawQuorum(policy, members, wired, { intervalUs, leastUs: promiseLeastUs * tempo.beats }),
    ...drawUpkeep(chances.upkeep, tempo),
    standstills: policy.chance(0.3),
    intervalUs,
    leaseUs: leaseUs * tempo.beats,
    renewUs: renewUs * tempo.beats,
    missCount: random.between(3, 5),
    preempt: random.chance(0.2),
    drainUs: random.pick([0, 1_000, 3_000]) * tempo.waits,
    takeOverOn: {
      silence: true,
      processDeath: random.chance(0.8),
      carrier: random.chance(0.8),
      status: random.chance(0.8),
    },
    lossShare: calm ? 0 : random.pick([0, 0.001, 0.01]),
    duplicateShare: random.pick([0, 0.01, 0.2]),
    delayUs: [20, random.pick([60, 200, 900])],
    lan: drawLan(chances.lan, tempo),
    calm,
  };
}

function membersOnly(members: readonly NodeId[], wiring: number): Wiring {
  const lan: PathPlan = { id: 1, cable: false, members };
  const cables: PathPlan[] = [];
  let id = 2;
  for (const one of members) {
    for (const other of members) {
      if (one < other) cables.push({ id: id++, cable: true, members: [one, other] });
    }
  }
  const paths = wiring < 0.7 ? [lan, ...cables] : wiring < 0.85 ? [lan] : cables;
  return { paths, proxies: [], witnesses: [], proxyOf: new Map(), socketBuffer: 2_000 };
}

/** Members, then proxies, then the witness. */
export function nodesOf({ members, proxies, witnesses }: Plan): readonly NodeId[] {
  return [...members, ...proxies, ...witnesses];
}

/** Where a member is, as seen from the hosts' LAN. */
export function placeOf({ proxyOf }: Plan, member: NodeId): NodeId {
  return proxyOf.get(member) ?? member;
}

/** The path on the hosts' LAN. A world of members only may have none that they hear each other on. */
export function lanOf({ paths, witnesses }: Plan): PathPlan | undefined {
  return paths.find(({ cable, members }) => !cable && !members.some((id) => witnesses.includes(id)));
}

/** What takes a brisk world so many microseconds, and counts of missed heartbeats besides, takes this one so long. */
export function longUs(
  { tempo, missCount, intervalUs }: Plan,
  { us, counts }: { readonly us: number; readonly counts: number },
): number {
  return us * tempo.waits + counts * missCount * intervalUs;
}
