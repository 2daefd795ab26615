/**
 * What a new configuration changes in a running daemon: what takes effect at once, and what needs a restart because the
 * reactor opened devices, sockets and tables for it. Never costs the role.
 */
import type { EngineConfig, GroupConfig, ProxiedGroupConfig } from '../engine/config.ts';
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
  ['startup', ({ reactor: { engine: e } }) => [e.startupGraceUs, e.probeUs, e.silentPortUs]],
  ['announce', ({ reactor: { engine } }) => [engine.announceScheduleUs, engine.defendIntervalUs]],
  [
    'switchover',
    ({ reactor: { engine }, control }) => [engine.drainUs, engine.switchoverTimeoutUs, control.handoffMs],
  ],
  ['damping', ({ reactor: { engine } }) => engine.damping],
  ['proxy', ({ reactor: { engine } }) => [engine.registrationUs, engine.stragglersUs]],
];

const fixed: readonly Aspect[] = [
  ['cluster', ({ control }) => control.cluster],
  ['node', ({ control, reactor }) => [control.node, reactor.engine.self]],
  ['key', ({ reactor }) => reactor.keys],
  ['stateDir', ({ control }) => control.stateDir],
  ['control', ({ control }) => control.socket],
  ['lease', ({ reactor }) => [reactor.leaseMs, reactor.renewIntervalUs]],
  ['realtime', ({ reactor }) => reactor.fifoPriority],
  ['holdBytes', ({ reactor }) => reactor.holdBytesMax],
  ['proxy.holdAgeMs', ({ reactor }) => reactor.engine.proxied.length > 0 && reactor.holdAgeUs],
  ['votes as a witness', ({ reactor }) => reactor.engine.witnessed],
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
  const controls = [running.control, wanted.control];
  const all = controls.flatMap(({ groups, proxied }) => [...groups, ...proxied]);
  for (const name of new Set(all.map((group) => group.name))) {
    const before = parts(running, name);
    const after = parts(wanted, name);
    if (before === undefined || after === undefined || before.link.role !== after.link.role) {
      needsRestart.push(`groups.${name}`);
      continue;
    }
    if (differ(before.checks, after.checks)) changed.push(`groups.${name}.checks`);
    if (differ(served(before.link), served(after.link)))
      needsRestart.push(`groups.${name} (interface or addresses)`);
    if (differ(before.relay, after.relay)) needsRestart.push(`groups.${name}.mirror`);
    const [was, will] = [bonds(before.engine), bonds(after.engine)];
    if (differ(was.members, will.members)) needsRestart.push(`groups.${name}.members`);
    if (differ(was.proxies, will.proxies)) needsRestart.push(`groups.${name}.proxies`);
    if (differ(was.quorum, will.quorum)) needsRestart.push(`groups.${name} (policy, witness or promises)`);
    if (!differ(was, will) && differ(before.engine, after.engine)) changed.push(`groups.${name}`);
  }
}

/** What the planes know of a group; `checks` on members only. */
function parts({ control, reactor }: ResolvedConfig, name: string) {
  const id = [...control.groups, ...control.proxied].find((group) => group.name === name)?.id;
  const member = control.groups.find((group) => group.id === id);
  const [checks, relay] = [member?.checks, member?.relay];
  const link = reactor.groups.find((group) => group.id === id);
  const { groups, proxied } = reactor.engine;
  const engine = [...groups, ...proxied].find((group) => group.id === id);
  return link === undefined || engine === undefined ? undefined : { checks, relay, link, engine };
}

/** What devices and tables were made for; whether there are checks, the reactor asks at its start only. */
function served(link: GroupLink): Omit<GroupLink, 'checked' | 'mirror'> {
  const { checked: _, mirror: __, ...rest } = link;
  return rest;
}

function merge(running: ResolvedConfig, wanted: ResolvedConfig): ResolvedConfig {
  const engine: Omit<EngineConfig, 'boot'> = {
    ...wanted.reactor.engine,
    self: running.reactor.engine.self,
    peers: running.reactor.engine.peers,
    groups: mergeEngine(running.reactor.engine.groups, wanted.reactor.engine.groups),
    witnessed: running.reactor.engine.witnessed,
    proxied: mergeEngine(running.reactor.engine.proxied, wanted.reactor.engine.proxied),
  };
  const groups: ControlGroup[] = running.control.groups.map((group) => {
    const wish = wanted.control.groups.find((candidate) => candidate.id === group.id);
    return { ...group, checks: (wish ?? group).checks };
  });
  return {
    reactor: { ...running.reactor, engine },
    control: {
      ...running.control,
      logLevel: wanted.control.logLevel,
      handoffMs: wanted.control.handoffMs,
      groups,
    },
  };
}

/** The running groups, each as wanted where that changes nothing that the engine has opened for it. */
function mergeEngine<Group extends GroupConfig | ProxiedGroupConfig>(
  running: readonly Group[],
  wanted: readonly Group[],
): Group[] {
  return running.map((group) => {
    const wish = wanted.find((candidate) => candidate.id === group.id);
    return wish !== undefined && !differ(bonds(group), bonds(wish)) ? wish : group;
  });
}

/** Who is tied to whom in a group, which the engine asks at its start only. The order in the file means nothing. */
function bonds(group: GroupConfig | ProxiedGroupConfig): {
  readonly members: unknown;
  readonly proxies: unknown;
  readonly quorum: unknown;
} {
  const inOrder = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b);
  if ('elsewhere' in group) {
    const elsewhere = group.elsewhere.toSorted((a, b) => a.member - b.member);
    return { members: [inOrder(group.members), elsewhere], proxies: [], quorum: null };
  }
  const members = inOrder(group.members.map(({ id }) => id));
  const quorum = group.quorum ?? null;
  return { members: [members, group.proxy], proxies: inOrder(group.proxies), quorum };
}

/** Plain data, made by the same code in the same order. */
function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
