/** Configurations around proxies, as in fig. 1B: member 1 is behind proxy 11, member 2 behind proxy 12. */
import type { EngineConfig, GroupConfig, PeerConfig, ProxiedGroupConfig } from '../../src/engine/config.ts';
import { flagElsewhere, flagProxy, MemberState, type NodeId } from '../../src/wire/control/message.ts';
import { engineConfig, everySignal, group, type Word } from './rehearsal.ts';

/** To the other member: the link, a cable. */
const linkTo = (id: NodeId): PeerConfig => ({ id, paths: [{ id: 1, cable: true }] });
/** Between a member and its proxy: the member's segment, a cable too. */
const segmentTo = (id: NodeId): PeerConfig => ({ id, paths: [{ id: 3, cable: true }] });
/** Between two places on the hosts' LAN. */
const lanTo = (id: NodeId): PeerConfig => ({ id, paths: [{ id: 4, cable: false }] });

/** Member 1 or 2, behind its own proxy. */
export function memberConfig(
  self: 1 | 2,
  changes: Partial<Omit<EngineConfig, 'groups'>> & { group?: Partial<GroupConfig> } = {},
): EngineConfig {
  const proxy = 10 + self;
  return engineConfig(self, 2, {
    peers: [linkTo(3 - self), segmentTo(proxy)],
    ...changes,
    group: { proxy, proxies: [11, 12], ...changes.group },
  });
}

/** A member on the hosts' LAN itself, beside member 1 behind proxy 11. */
export function lanMemberConfig(changes: Partial<EngineConfig> = {}): EngineConfig {
  return engineConfig(2, 2, { peers: [linkTo(1), lanTo(11)], ...changes, group: { proxies: [11] } });
}

/** Proxy 11 of member 1, beside proxy 12 of member 2. */
export function proxyConfig(changes: Partial<EngineConfig> = {}): EngineConfig {
  return proxyOf({ members: [1], elsewhere: [{ member: 2, place: 12 }] }, [segmentTo(1), lanTo(12)], changes);
}

/** Proxy 11 of members 1 and 2, the only one. */
export function sharedConfig(changes: Partial<EngineConfig> = {}): EngineConfig {
  return proxyOf({ members: [1, 2], elsewhere: [] }, [segmentTo(1), segmentTo(2)], changes);
}

/** Proxy 11 of member 1; member 2 is on the hosts' LAN itself. */
export function oneSidedConfig(changes: Partial<EngineConfig> = {}): EngineConfig {
  return proxyOf({ members: [1], elsewhere: [{ member: 2, place: 2 }] }, [segmentTo(1), lanTo(2)], changes);
}

function proxyOf(
  part: Pick<ProxiedGroupConfig, 'members' | 'elsewhere'>,
  peers: readonly PeerConfig[],
  changes: Partial<EngineConfig>,
): EngineConfig {
  const proxied = [{ id: group, takeOverOn: everySignal, ...part }];
  return { ...engineConfig(11, 2, { peers }), groups: [], proxied, ...changes };
}

/** What a proxy says of itself. */
export function proxy(state: MemberState, counter: number, member: NodeId, flags = 0): Word {
  return { state, term: { counter, member }, recordFlags: flagProxy | flags };
}

export const idle = (counter = 0, member: NodeId = 0): Word => proxy(MemberState.standby, counter, member);
export const serving = (counter: number, member: NodeId): Word => proxy(MemberState.active, counter, member);
export const waiting = (counter: number, member: NodeId): Word => proxy(MemberState.holding, counter, member);
export const servedElsewhere = (counter: number, member: NodeId): Word =>
  proxy(MemberState.standby, counter, member, flagElsewhere);
