/** The shape of one simulated cluster, drawn from the seed: members, paths, timing, and how rough the network is. */
import type { EngineConfig, GroupConfig } from '../engine/config.ts';
import type { BootNonce, NodeId, PathId } from '../wire/control/message.ts';
import type { Random } from './random.ts';

export const group = 1;
export const cluster = 0x5eed;
export const leaseUs = 20_000;
export const renewUs = 4_000;

export interface PathPlan {
  readonly id: PathId;
  readonly cable: boolean;
  readonly members: readonly NodeId[];
}

export interface Plan {
  readonly members: readonly NodeId[];
  readonly priorities: ReadonlyMap<NodeId, number>;
  readonly paths: readonly PathPlan[];
  readonly intervalUs: number;
  readonly missCount: number;
  readonly preempt: boolean;
  readonly drainUs: number;
  readonly takeOverOn: GroupConfig['takeOverOn'];
  /** Loss, duplication and delay when no storm rages. */
  readonly lossShare: number;
  readonly duplicateShare: number;
  readonly delayUs: readonly [number, number];
  /** Only faults that leave the network and the scheduler alone: then nothing at all is excused. */
  readonly calm: boolean;
}

export function drawPlan(random: Random): Plan {
  const members = Array.from({ length: random.between(2, 3) }, (_, index) => index + 1);
  const equal = random.chance(0.2);
  const lan: PathPlan = { id: 1, cable: false, members };
  const cables: PathPlan[] = [];
  let id = 2;
  for (const one of members) {
    for (const other of members) {
      if (one < other) cables.push({ id: id++, cable: true, members: [one, other] });
    }
  }
  const wiring = random.next();
  const paths = wiring < 0.7 ? [lan, ...cables] : wiring < 0.85 ? [lan] : cables;
  const calm = random.chance(0.4);
  return {
    members,
    priorities: new Map(members.map((member) => [member, equal ? 100 : random.between(1, 255)])),
    paths,
    intervalUs: random.pick([2_000, 5_000, 10_000]),
    missCount: random.between(3, 5),
    preempt: random.chance(0.2),
    drainUs: random.pick([0, 1_000, 3_000]),
    takeOverOn: {
      silence: true,
      processDeath: random.chance(0.8),
      carrier: random.chance(0.8),
      status: random.chance(0.8),
    },
    lossShare: calm ? 0 : random.pick([0, 0.001, 0.01]),
    duplicateShare: random.pick([0, 0.01, 0.2]),
    delayUs: [20, random.pick([60, 200, 900])],
    calm,
  };
}

export function engineConfig(plan: Plan, self: NodeId, boot: BootNonce): EngineConfig {
  const peers = plan.members.filter((id) => id !== self);
  return {
    self,
    boot,
    heartbeatIntervalUs: plan.intervalUs,
    missCount: plan.missCount,
    startupGraceUs: 300_000,
    settleUs: 300_000,
    drainUs: plan.drainUs,
    switchoverTimeoutUs: 300_000,
    announceScheduleUs: [20_000, 100_000],
    defendIntervalUs: 50_000,
    termBlock: 8,
    peers: peers.map((id) => ({
      id,
      paths: plan.paths
        .filter(({ members }) => members.includes(id) && members.includes(self))
        .map((path) => ({ id: path.id, cable: path.cable })),
    })),
    proxied: [],
    registrationUs: 300_000,
    stragglersUs: 200_000,
    groups: [
      {
        id: group,
        members: plan.members.map((id) => ({ id, priority: plan.priorities.get(id) ?? 0 })),
        proxy: 0,
        proxies: [],
        preempt: plan.preempt,
        takeOverOn: plan.takeOverOn,
      },
    ],
  };
}
