/** From the file that all members may share to what this node's two planes need. */

import type { RelayPlan } from '../../api/relay.ts';
import type {
  EngineConfig,
  GroupConfig,
  PeerConfig,
  ProxiedGroupConfig,
  QuorumConfig,
} from '../../engine/config.ts';
import type { GroupId, NodeId, PathId } from '../../wire/control/message.ts';
import type { ReactorConfig } from '../bridge.ts';
import { leaseMs, promiseMs } from './crosscheck/timing.ts';
import type { CheckEntry, ConfigFile, GroupEntry, LogLevel } from './format.ts';
import { clusterNumber, groupId, instanceId } from './identity.ts';
import { groupLink, nodeId, pathLinks } from './links.ts';
import { relayPlan } from './mirrors.ts';
import {
  arePeers,
  clientsOf,
  interfaceOf,
  isIn,
  isProxyOf,
  isWitnessOf,
  placeOf,
  votersOf,
} from './places.ts';

/** How many term counters one reservation on disk covers. */
const termBlock = 1000;

export interface ControlConfig {
  readonly cluster: string;
  readonly node: string;
  readonly stateDir: string;
  /** Path of the control socket. */
  readonly socket: string;
  readonly logLevel: LogLevel;
  /** How long programs may take to hand over before a planned switchover, milliseconds. */
  readonly handoffMs: number;
  /** Groups this node is a member of. */
  readonly groups: readonly ControlGroup[];
  /** Groups this node is a proxy of. */
  readonly proxied: readonly ControlProxied[];
  readonly names: Names;
}

export interface ControlGroup {
  readonly id: GroupId;
  readonly name: string;
  readonly interface: string;
  readonly addresses: readonly string[];
  readonly members: readonly string[];
  readonly checks: readonly CheckEntry[];
  /** A service of it is mirrored. `supervised`: the daemon starts the relay. */
  readonly relay?: { readonly plan: RelayPlan; readonly supervised: boolean };
}

export interface ControlProxied {
  readonly id: GroupId;
  readonly name: string;
  /** The hosts' LAN, on which this node answers. */
  readonly interface: string;
  readonly addresses: readonly string[];
  /** All members of the group, also those that register elsewhere. */
  readonly members: readonly string[];
}

/** What the numbers on the wire are called. */
export interface Names {
  readonly members: ReadonlyMap<NodeId, string>;
  readonly paths: ReadonlyMap<PathId, string>;
  readonly groups: ReadonlyMap<GroupId, string>;
}

export interface ResolvedConfig {
  readonly reactor: ReactorConfig;
  readonly control: ControlConfig;
}

/** `file` has passed every check; `keys` are hexadecimal, the sealing one first. */
export function resolve(file: ConfigFile, keys: readonly string[]): ResolvedConfig {
  const groups = Object.entries(file.groups);
  const own = groups.filter(([, group]) => file.node in group.members);
  const proxied = groups.filter(([, group]) => isProxyOf(group, file.node));
  return {
    reactor: {
      engine: engineConfig(file, own, proxied),
      cluster: clusterNumber(file.cluster),
      keys,
      instance: instanceId(file.cluster, file.node),
      leaseMs: leaseMs(file),
      renewIntervalUs: microseconds(file.lease.renewMs),
      fifoPriority: file.realtime === false ? 0 : file.realtime.fifoPriority,
      holdBytesMax:
        proxied.length > 0
          ? Math.max(file.switchover.holdBytes, file.proxy.holdBytes)
          : file.switchover.holdBytes,
      holdAgeUs: microseconds(file.proxy.holdAgeMs),
      paths: Object.values(file.paths).flatMap((path) => pathLinks(file, path)),
      groups: groups
        .filter(([, group]) => isIn(group, file.node))
        .map(([name, group]) => groupLink(file, name, group)),
    },
    control: {
      cluster: file.cluster,
      node: file.node,
      stateDir: file.stateDir ?? `/var/lib/understudy/${file.node}`,
      socket: file.control ?? defaultSocket(file.node),
      logLevel: file.log.level,
      handoffMs: file.switchover.handoffMs,
      groups: own.map(([name, group]) => ({
        ...controlGroup(file, name, group),
        checks: group.checks,
        ...relayOf(file, name, group, keys),
      })),
      proxied: proxied.map(([name, group]) => controlGroup(file, name, group)),
      names: {
        members: new Map(Object.entries(file.members).map(([name, { id }]) => [id, name])),
        paths: new Map(Object.entries(file.paths).map(([name, { id }]) => [id, name])),
        groups: new Map(Object.keys(file.groups).map((name) => [groupId(name), name])),
      },
    },
  };
}

/** Where a node's control socket is unless the file says otherwise. */
export function defaultSocket(node: string): string {
  return `/run/understudy/${node}.sock`;
}

function relayOf(
  file: ConfigFile,
  name: string,
  group: GroupEntry,
  keys: readonly string[],
): Pick<ControlGroup, 'relay'> {
  const plan = relayPlan(file, name, group, keys);
  return plan === undefined ? {} : { relay: { plan, supervised: group.mirror?.supervised ?? true } };
}

type NamedGroups = readonly (readonly [string, GroupEntry])[];

function engineConfig(file: ConfigFile, own: NamedGroups, proxied: NamedGroups): Omit<EngineConfig, 'boot'> {
  return {
    self: nodeId(file, file.node),
    heartbeatIntervalUs: microseconds(file.heartbeat.intervalMs),
    missCount: file.heartbeat.misses,
    startupGraceUs: microseconds(file.startup.graceMs),
    probeUs: microseconds(file.startup.probeMs),
    silentPortUs: microseconds(file.startup.silentPortMs),
    settleUs: microseconds(file.startup.graceMs),
    drainUs: microseconds(file.switchover.drainMs),
    switchoverTimeoutUs: microseconds(file.switchover.timeoutMs),
    announceScheduleUs: file.announce.scheduleMs.map(microseconds),
    defendIntervalUs: microseconds(file.announce.defendIntervalMs),
    damping: {
      firstUs: microseconds(file.damping.firstMs),
      maxUs: microseconds(file.damping.maxMs),
      forgetUs: microseconds(file.damping.forgetMs),
    },
    termBlock,
    peers: peers(file),
    groups: own.map(([name, group]) => engineGroup(file, name, group)),
    proxied: proxied.map(([name, group]) => engineProxied(file, name, group)),
    witnessed: Object.entries(file.groups)
      .filter(([, group]) => isWitnessOf(group, file.node))
      .map(([name, group]) => ({ id: groupId(name), quorum: quorumOf(file, group) })),
    registrationUs: microseconds(file.proxy.registrationMs),
    stragglersUs: microseconds(file.proxy.stragglersMs),
  };
}

function peers(file: ConfigFile): PeerConfig[] {
  const shared = Object.values(file.paths).filter((path) => file.node in path.members);
  return Object.entries(file.members)
    .filter(([name]) => name !== file.node && arePeers(file, file.node, name))
    .map(([name, { id }]) => ({
      id,
      paths: shared
        .filter((path) => name in path.members)
        .map((path) => ({ id: path.id, cable: path.kind === 'cable' })),
    }))
    .filter((peer) => peer.paths.length > 0);
}

function engineGroup(file: ConfigFile, name: string, group: GroupEntry): GroupConfig {
  const proxy = placeOf(group, file.node);
  return {
    id: groupId(name),
    members: Object.entries(group.members).map(([member, { priority }]) => ({
      id: nodeId(file, member),
      priority,
    })),
    proxy: proxy === file.node ? 0 : nodeId(file, proxy),
    proxies: Object.keys(group.proxies ?? {}).map((one) => nodeId(file, one)),
    preempt: group.preempt,
    takeOverOn: group.takeOverOn,
    ...(group.policy === 'strict' ? { quorum: quorumOf(file, group) } : {}),
  };
}

function quorumOf(file: ConfigFile, group: GroupEntry): QuorumConfig {
  return {
    voters: votersOf(group).map((voter) => nodeId(file, voter)),
    members: Object.keys(group.members).map((member) => nodeId(file, member)),
    promiseUs: microseconds(promiseMs(file)),
    driftPpm: file.strict.driftPpm,
  };
}

function engineProxied(file: ConfigFile, name: string, group: GroupEntry): ProxiedGroupConfig {
  const others = Object.keys(group.members).filter((member) => placeOf(group, member) !== file.node);
  return {
    id: groupId(name),
    members: clientsOf(group, file.node).map((member) => nodeId(file, member)),
    elsewhere: others.map((member) => ({
      member: nodeId(file, member),
      place: nodeId(file, placeOf(group, member)),
    })),
    takeOverOn: group.takeOverOn,
  };
}

function controlGroup(file: ConfigFile, name: string, group: GroupEntry): ControlProxied {
  return {
    id: groupId(name),
    name,
    interface: interfaceOf(group, file.node),
    addresses: group.addresses,
    members: Object.keys(group.members),
  };
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000);
}
