/** The reactor's numbers and the control plane's facts, joined into what the control socket answers. */
import type { RelayStatus } from '../api/relay.ts';
import type {
  GroupStatus,
  OtherMember,
  PeerStatus,
  ProxiedStatus,
  Status,
  VoteStatus,
} from '../api/types.ts';
import { MemberState } from '../wire/control/message.ts';
import type { PathLink, ReactorStatus } from './bridge.ts';
import type { HealthWatch } from './checks/health.ts';
import type { ControlGroup, ControlProxied, Names, ResolvedConfig } from './config/resolve.ts';
import { memberName } from './events/names.ts';

export interface DaemonFacts {
  readonly version: string;
  readonly uptimeMs: number;
  readonly realtime: Status['realtime'];
  /** By the group's name. */
  readonly sessions: (group: string) => RelayStatus | null;
  readonly relayRestarts: (group: string) => number;
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
    groups: control.groups.flatMap((group) => groupStatus(reactor, group, control.names, health, facts)),
    proxied: control.proxied.flatMap((group) => proxiedStatus(reactor, group, control.names)),
    votes: reactor.votes.map((vote) => voteStatus(vote, control.names)),
    peers: reactor.peers.map((peer) => peerStatus(peer, config)),
    refused: reactor.refused,
    lateness: { lastUs: reactor.lateLastUs, maxUs: reactor.lateMaxUs },
  };
}

function groupStatus(
  reactor: ReactorStatus,
  group: ControlGroup,
  names: Names,
  health: HealthWatch,
  { sessions, relayRestarts }: DaemonFacts,
): GroupStatus[] {
  const state = reactor.groups.find((candidate) => candidate.id === group.id);
  if (state === undefined) return [];
  const others = state.others.map(
    ({ id, able, pinned, heldBack }): OtherMember => ({
      name: memberName(names, id),
      able,
      maintenance: pinned,
      heldBack,
    }),
  );
  return [
    {
      name: group.name,
      role: state.state,
      term: { counter: state.termCounter, member: names.members.get(state.termMember) ?? '' },
      active: state.active === 0 ? null : memberName(names, state.active),
      members: [...names.members]
        .filter(([, name]) => group.members.includes(name))
        .map(([id, name]) => ({ name, id })),
      addresses: group.addresses,
      interface: group.interface,
      healthy: state.healthy,
      waitsFor: state.waitsFor,
      conflict: conflictStatus(state.conflict, names),
      checks: health.status(group.id),
      maintenance: state.pinned,
      damping: { falls: state.falls, heldBackMs: state.heldBackUs / 1000 },
      others,
      warnings: pinWarnings(state, others, names),
      sessions: sessions(group.name),
      relayRestarts: group.relay === undefined ? null : relayRestarts(group.name),
      proxy: state.proxy && {
        name: memberName(names, state.proxy.id),
        registered: state.proxy.registered,
      },
    },
  ];
}

/** A group that nobody could take over, for somebody is in maintenance; a member that serves although it should not. */
function pinWarnings(
  { active, state, pinned, healthy }: ReactorStatus['groups'][number],
  others: readonly OtherMember[],
  names: Names,
): string[] {
  const warnings: string[] = [];
  const serves = active === 0 ? null : memberName(names, active);
  const idle = others
    .filter(({ name, maintenance }) => maintenance && name !== serves)
    .map(({ name }) => name);
  const isAble = healthy && pinned !== 'standby' && (state === 'standby' || state === 'holding');
  const here = pinned === 'standby' && state !== 'active' && state !== 'draining';
  const resting = [...(here ? ['this member'] : []), ...idle];
  if (resting.length > 0 && !isAble && !others.some(({ able }) => able)) {
    const what = serves === null ? 'nobody is active' : `no member could take over from ${serves}`;
    const are = resting.length > 1 ? 'are' : 'is';
    warnings.push(`${what}: ${resting.join(' and ')} ${are} in maintenance`);
  }
  if (pinned === 'active' && state === 'active' && !healthy) {
    warnings.push('this member is not healthy, and keeps the role because it is in maintenance');
  }
  return warnings;
}

const states = new Map(Object.entries(MemberState).map(([name, number]) => [number, name]));

function proxiedStatus(reactor: ReactorStatus, group: ControlProxied, names: Names): ProxiedStatus[] {
  const state = reactor.proxied.find((candidate) => candidate.id === group.id);
  if (state === undefined) return [];
  return [
    {
      name: group.name,
      role: state.state,
      answering: state.answering,
      routesTo: state.routesTo === 0 ? null : memberName(names, state.routesTo),
      term: { counter: state.termCounter, member: names.members.get(state.termMember) ?? '' },
      addresses: group.addresses,
      interface: group.interface,
      held: state.held,
      conflict: conflictStatus(state.conflict, names),
      registrations: state.registrations.map(({ member, state: number, remainingUs }) => ({
        member: memberName(names, member),
        state: states.get(number) ?? String(number),
        remainingUs,
      })),
    },
  ];
}

function conflictStatus(
  conflict: ReactorStatus['groups'][number]['conflict'],
  names: Names,
): GroupStatus['conflict'] {
  if (conflict === null) return null;
  return { ...conflict, member: conflict.member === 0 ? null : memberName(names, conflict.member) };
}

function voteStatus(vote: ReactorStatus['votes'][number], names: Names): VoteStatus {
  return {
    group: names.groups.get(vote.id) ?? `group ${vote.id}`,
    promisedTo: vote.promisedTo === 0 ? null : memberName(names, vote.promisedTo),
    remainingUs: vote.remainingUs,
  };
}

function peerStatus(
  peer: ReactorStatus['peers'][number],
  { control: { names }, reactor }: ResolvedConfig,
): PeerStatus {
  const linkOf = (path: number): PathLink | undefined =>
    reactor.paths.find((link) => link.peer === peer.id && link.path === path);
  return {
    name: memberName(names, peer.id),
    up: peer.up,
    paths: peer.paths.map((path) => ({
      name: names.paths.get(path.id) ?? `path ${path.id}`,
      up: path.up,
      tether: path.tether,
      lastHeardUs: path.lastHeardUs === 0 ? null : path.lastHeardUs,
      localAddress: linkOf(path.id)?.localAddress ?? '',
      peerAddress: linkOf(path.id)?.peerAddress ?? '',
    })),
  };
}
