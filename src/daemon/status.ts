/** The reactor's numbers and the control plane's facts, joined into what the control socket answers. */
import type { GroupStatus, PeerStatus, Status } from '../api/types.ts';
import type { ReactorStatus } from './bridge.ts';
import type { HealthWatch } from './checks/health.ts';
import type { ControlGroup, Names, ResolvedConfig } from './config/resolve.ts';

export interface DaemonFacts {
  readonly version: string;
  readonly uptimeMs: number;
  readonly realtime: Status['realtime'];
}

export function assembleStatus(
  reactor: ReactorStatus,
  config: ResolvedConfig,
  health: HealthWatch,
  facts: DaemonFacts,
): Status {
  const { control } = config;
  return {
    cluster: control.cluster,
    node: control.node,
    version: facts.version,
    pid: process.pid,
    uptimeMs: facts.uptimeMs,
    realtime: facts.realtime,
    lease: {
      leaseMs: config.reactor.leaseMs,
      held: reactor.leaseHeld,
      lapses: reactor.lapses,
      renewals: reactor.renewals,
    },
    groups: control.groups.flatMap((group) => groupStatus(reactor, group, control.names, health)),
    peers: reactor.peers.map((peer) => peerStatus(peer, control.names)),
    refused: reactor.refused,
    lateness: { lastUs: reactor.lateLastUs, maxUs: reactor.lateMaxUs },
  };
}

function groupStatus(
  reactor: ReactorStatus,
  group: ControlGroup,
  names: Names,
  health: HealthWatch,
): GroupStatus[] {
  const state = reactor.groups.find((candidate) => candidate.id === group.id);
  if (state === undefined) return [];
  return [
    {
      name: group.name,
      role: state.state,
      term: { counter: state.termCounter, member: names.members.get(state.termMember) ?? '' },
      active: state.active === 0 ? null : (names.members.get(state.active) ?? `member ${state.active}`),
      addresses: group.addresses,
      interface: group.interface,
      healthy: state.healthy,
      checks: health.status(group.id),
    },
  ];
}

function peerStatus(peer: ReactorStatus['peers'][number], names: Names): PeerStatus {
  return {
    name: names.members.get(peer.id) ?? `member ${peer.id}`,
    up: peer.up,
    paths: peer.paths.map((path) => ({
      name: names.paths.get(path.id) ?? `path ${path.id}`,
      up: path.up,
      tether: path.tether,
      lastHeardUs: path.lastHeardUs === 0 ? null : path.lastHeardUs,
    })),
  };
}
