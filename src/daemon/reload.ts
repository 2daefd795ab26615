/**
 * What a new configuration changes in a running daemon: what takes effect at once, and what needs a restart because the
 * reactor opened devices, sockets and tables for it. Never costs the role.
 */
import type { EngineConfig, GroupConfig } from '../engine/config.ts';
import type { GroupLink } from './bridge.ts';
import type { ControlGroup, ResolvedConfig } from './config/resolve.ts';

export interface ReloadPlan {
  /** The running configuration with what takes effect at once. */
  readonly config: ResolvedConfig;
  readonly changed: readonly string[];
  readonly needsRestart: readonly string[];
}

type Aspect = readonly [name: string, of: (config: ResolvedConfig) => unknown];

const live: readonly Aspect[] = [
  ['log', ({ control }) => control.logLevel],
  ['heartbeat', ({ reactor: { engine } }) => [engine.heartbeatIntervalUs, engine.missCount]],
  ['startup', ({ reactor: { engine } }) => engine.startupGraceUs],
  ['announce', ({ reactor: { engine } }) => [engine.announceScheduleUs, engine.defendIntervalUs]],
  ['switchover', ({ reactor: { engine } }) => [engine.drainUs, engine.switchoverTimeoutUs]],
];

const fixed: readonly Aspect[] = [
  ['cluster', ({ control }) => control.cluster],
  ['node', ({ control, reactor }) => [control.node, reactor.engine.self]],
  ['key', ({ reactor }) => reactor.keys],
  ['stateDir', ({ control }) => control.stateDir],
  ['control', ({ control }) => control.socket],
  ['lease', ({ reactor }) => [reactor.leaseMs, reactor.renewIntervalUs]],
  ['realtime', ({ reactor }) => reactor.fifoPriority],
  ['switchover.holdBytes', ({ reactor }) => reactor.holdBytesMax],
  ['members', ({ control }) => [...control.names.members]],
  ['paths', ({ control, reactor }) => [[...control.names.paths], reactor.paths, reactor.engine.peers]],
];

export function planReload(running: ResolvedConfig, wanted: ResolvedConfig): ReloadPlan {
  const differing = (aspects: readonly Aspect[]): string[] =>
    aspects.filter(([, of]) => differ(of(running), of(wanted))).map(([name]) => name);
  const changed = differing(live);
  const needsRestart = differing(fixed);
  compareGroups(running, wanted, changed, needsRestart);
  return { config: merge(running, wanted), changed, needsRestart };
}

function compareGroups(
  running: ResolvedConfig,
  wanted: ResolvedConfig,
  changed: string[],
  needsRestart: string[],
): void {
  const names = new Set([...running.control.groups, ...wanted.control.groups].map((group) => group.name));
  for (const name of names) {
    const before = parts(running, name);
    const after = parts(wanted, name);
    if (before === undefined || after === undefined) {
      needsRestart.push(`groups.${name}`);
      continue;
    }
    if (differ(before.control.checks, after.control.checks)) changed.push(`groups.${name}.checks`);
    if (differ(served(before.link), served(after.link)))
      needsRestart.push(`groups.${name} (interface or addresses)`);
    if (!sameMembers(before.engine, after.engine)) needsRestart.push(`groups.${name}.members`);
    else if (differ(before.engine, after.engine)) changed.push(`groups.${name}`);
  }
}

function parts(config: ResolvedConfig, name: string) {
  const control = config.control.groups.find((group) => group.name === name);
  const link = config.reactor.groups.find((group) => group.id === control?.id);
  const engine = config.reactor.engine.groups.find((group) => group.id === control?.id);
  return control === undefined || link === undefined || engine === undefined
    ? undefined
    : { control, link, engine };
}

/** What devices and tables were made for; whether there are checks, the reactor asks at its start only. */
function served(link: GroupLink): Omit<GroupLink, 'checked'> {
  const { checked: _, ...rest } = link;
  return rest;
}

function merge(running: ResolvedConfig, wanted: ResolvedConfig): ResolvedConfig {
  const engine: Omit<EngineConfig, 'boot'> = {
    ...wanted.reactor.engine,
    self: running.reactor.engine.self,
    peers: running.reactor.engine.peers,
    groups: running.reactor.engine.groups.map((group) => {
      const wish = wanted.reactor.engine.groups.find((candidate) => candidate.id === group.id);
      return wish !== undefined && sameMembers(group, wish) ? wish : group;
    }),
  };
  const groups: ControlGroup[] = running.control.groups.map((group) => {
    const wish = wanted.control.groups.find((candidate) => candidate.id === group.id);
    return { ...group, checks: (wish ?? group).checks };
  });
  return {
    reactor: { ...running.reactor, engine },
    control: { ...running.control, logLevel: wanted.control.logLevel, groups },
  };
}

function sameMembers(a: GroupConfig, b: GroupConfig): boolean {
  const ids = (group: GroupConfig): number[] =>
    group.members.map((member) => member.id).sort((x, y) => x - y);
  return !differ(ids(a), ids(b));
}

/** Plain data, made by the same code in the same order. */
function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
