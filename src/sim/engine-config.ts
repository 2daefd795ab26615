/** What the engine of each machine is told at its start. */
import type { EngineConfig, GroupConfig, PeerConfig, ProxiedGroupConfig } from '../engine/config.ts';
import type { BootNonce, NodeId } from '../wire/control/message.ts';
import { group, nodesOf, type Plan, placeOf } from './plan.ts';

export function engineConfig(plan: Plan, self: NodeId, boot: BootNonce): EngineConfig {
  const isProxy = plan.proxies.includes(self);
  const isMember = plan.members.includes(self);
  const { waits } = plan.tempo;
  return {
    self,
    boot,
    heartbeatIntervalUs: plan.intervalUs,
    missCount: plan.missCount,
    startupGraceUs: 300_000 * waits,
    ...plan.lan,
    settleUs: 300_000 * waits,
    drainUs: plan.drainUs,
    switchoverTimeoutUs: 300_000 * waits,
    announceScheduleUs: [20_000 * waits, 100_000 * waits],
    defendIntervalUs: 50_000 * waits,
    damping: plan.damping,
    termBlock: 8,
    peers: peersOf(plan, self),
    groups: isMember ? [memberPart(plan, self)] : [],
    proxied: isProxy ? [proxyPart(plan, self)] : [],
    witnessed:
      plan.witnesses.includes(self) && plan.quorum !== undefined ? [{ id: group, quorum: plan.quorum }] : [],
    registrationUs: 300_000 * waits,
    stragglersUs: 200_000 * waits,
  };
}

function peersOf(plan: Plan, self: NodeId): PeerConfig[] {
  const others = nodesOf(plan).filter((id) => id !== self);
  const peers = others.map((id) => ({
    id,
    paths: plan.paths
      .filter(({ members }) => members.includes(id) && members.includes(self))
      .map((path) => ({ id: path.id, cable: path.cable })),
  }));
  return peers.filter(({ paths }) => paths.length > 0);
}

function memberPart(plan: Plan, self: NodeId): GroupConfig {
  return {
    id: group,
    members: plan.members.map((id) => ({ id, priority: plan.priorities.get(id) ?? 0 })),
    proxy: plan.proxyOf.get(self) ?? 0,
    proxies: plan.proxies,
    preempt: plan.preempt,
    ...(plan.quorum === undefined ? {} : { quorum: plan.quorum }),
    takeOverOn: plan.takeOverOn,
  };
}

function proxyPart(plan: Plan, self: NodeId): ProxiedGroupConfig {
  const own = plan.members.filter((member) => placeOf(plan, member) === self);
  return {
    id: group,
    members: own,
    elsewhere: plan.members
      .filter((member) => !own.includes(member))
      .map((member) => ({ member, place: placeOf(plan, member) })),
    takeOverOn: plan.takeOverOn,
  };
}
