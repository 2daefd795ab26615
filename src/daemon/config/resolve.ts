/** From the file that all members may share to what this node's two planes need. */
import type { EngineConfig, GroupConfig, PeerConfig } from '../../engine/config.ts';
import type { GroupId, NodeId, PathId } from '../../wire/control/message.ts';
import type { GroupLink, PathLink, ReactorConfig } from '../bridge.ts';
import { leaseMs } from './crosscheck/timing.ts';
import type { CheckEntry, ConfigFile, GroupEntry, LogLevel, PathEntry } from './format.ts';
import { clusterNumber, groupId, instanceId } from './identity.ts';

/** How many term counters one reservation on disk covers. */
const termBlock = 1000;

export interface ControlConfig {
  readonly cluster: string;
  readonly node: string;
  readonly stateDir: string;
  /** Path of the control socket. */
  readonly socket: string;
  readonly logLevel: LogLevel;
  readonly groups: readonly ControlGroup[];
  readonly names: Names;
}

export interface ControlGroup {
  readonly id: GroupId;
  readonly name: string;
  readonly interface: string;
  readonly addresses: readonly string[];
  readonly members: readonly string[];
  readonly checks: readonly CheckEntry[];
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
  const own = Object.entries(file.groups).filter(([, group]) => file.node in group.members);
  return {
    reactor: {
      engine: engineConfig(file, own),
      cluster: clusterNumber(file.cluster),
      keys,
      instance: instanceId(file.cluster, file.node),
      leaseMs: leaseMs(file),
      renewIntervalUs: microseconds(file.lease.renewMs),
      fifoPriority: file.realtime === false ? 0 : file.realtime.fifoPriority,
      holdBytesMax: file.switchover.holdBytes,
      paths: Object.values(file.paths).flatMap((path) => pathLinks(file, path)),
      groups: own.map(([name, group]) => groupLink(file, name, group)),
    },
    control: {
      cluster: file.cluster,
      node: file.node,
      stateDir: file.stateDir ?? `/var/lib/understudy/${file.node}`,
      socket: file.control ?? defaultSocket(file.node),
      logLevel: file.log.level,
      groups: own.map(([name, group]) => controlGroup(file, name, group)),
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

type NamedGroups = readonly (readonly [string, GroupEntry])[];

function engineConfig(file: ConfigFile, groups: NamedGroups): Omit<EngineConfig, 'boot'> {
  return {
    self: memberId(file, file.node),
    heartbeatIntervalUs: microseconds(file.heartbeat.intervalMs),
    missCount: file.heartbeat.misses,
    startupGraceUs: microseconds(file.startup.graceMs),
    settleUs: microseconds(file.startup.graceMs),
    drainUs: microseconds(file.switchover.drainMs),
    switchoverTimeoutUs: microseconds(file.switchover.timeoutMs),
    announceScheduleUs: file.announce.scheduleMs.map(microseconds),
    defendIntervalUs: microseconds(file.announce.defendIntervalMs),
    termBlock,
    peers: peers(file),
    groups: groups.map(([name, group]) => engineGroup(file, name, group)),
  };
}

function peers(file: ConfigFile): PeerConfig[] {
  const shared = Object.values(file.paths).filter((path) => file.node in path.members);
  return Object.entries(file.members)
    .filter(([name]) => name !== file.node)
    .map(([name, { id }]) => ({
      id,
      paths: shared
        .filter((path) => name in path.members)
        .map((path) => ({ id: path.id, cable: path.kind === 'cable' })),
    }))
    .filter((peer) => peer.paths.length > 0);
}

function engineGroup(file: ConfigFile, name: string, group: GroupEntry): GroupConfig {
  return {
    id: groupId(name),
    members: Object.entries(group.members).map(([member, { priority }]) => ({
      id: memberId(file, member),
      priority,
    })),
    preempt: group.preempt,
    takeOverOn: group.takeOverOn,
  };
}

/** One link to each other member on the path; none when this node is not on it. */
function pathLinks(file: ConfigFile, path: PathEntry): PathLink[] {
  const here = path.members[file.node];
  if (here === undefined) return [];
  return Object.entries(path.members)
    .filter(([name]) => name !== file.node)
    .map(([name, there]) => ({
      peer: memberId(file, name),
      path: path.id,
      interface: here.interface,
      localAddress: here.address,
      peerAddress: there.address,
      port: path.port,
      cable: path.kind === 'cable',
      tether: path.tether,
      hops: path.hops,
    }));
}

function groupLink(file: ConfigFile, name: string, group: GroupEntry): GroupLink {
  return {
    id: groupId(name),
    interface: interfaceOf(group, file.node),
    addresses: group.addresses,
    standbyAddress: group.standbyAddress,
    checked: group.checks.length > 0,
    memberAddresses: Object.keys(group.members).map((member) => ({
      member: memberId(file, member),
      addresses: group.members[member]?.lanAddresses ?? lanAddresses(file, group, member),
    })),
  };
}

/** The member's addresses on attached LAN paths over the interface that serves the group. */
function lanAddresses(file: ConfigFile, group: GroupEntry, member: string): string[] {
  return Object.values(file.paths).flatMap((path) => {
    const end = path.members[member];
    const serves = path.kind === 'lan' && path.hops === 0 && end?.interface === interfaceOf(group, member);
    return end !== undefined && serves ? [end.address] : [];
  });
}

function controlGroup(file: ConfigFile, name: string, group: GroupEntry): ControlGroup {
  return {
    id: groupId(name),
    name,
    interface: interfaceOf(group, file.node),
    addresses: group.addresses,
    members: Object.keys(group.members),
    checks: group.checks,
  };
}

function interfaceOf(group: GroupEntry, member: string): string {
  return group.members[member]?.interface ?? group.interface ?? '';
}

function memberId(file: ConfigFile, name: string): NodeId {
  return file.members[name]?.id ?? 0;
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000);
}
