/** `understudy check`: what a configuration file comes to, in a few lines, or every problem with it. */
import type { GroupLink, Hop } from './bridge.ts';
import { loadConfig } from './config/load.ts';
import type { ResolvedConfig } from './config/resolve.ts';
import { holdDevice, tunDevice } from './devices.ts';

export interface ConfigSummary {
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

/** @throws ConfigUnreadableError, ConfigError */
export function summarizeConfig(path: string): ConfigSummary {
  const { control, reactor, warnings } = loadConfig(path);
  const { engine } = reactor;
  const silenceMs = (engine.heartbeatIntervalUs * engine.missCount) / 1000;
  const scheduling =
    reactor.fifoPriority === 0 ? 'ordinary scheduling' : `SCHED_FIFO ${reactor.fifoPriority}`;
  return {
    warnings,
    lines: [
      `node       ${control.node} of cluster ${control.cluster}`,
      `control    ${control.socket}`,
      `state      ${control.stateDir}`,
      `devices    ${tunDevice(reactor.instance)} (addresses), ${holdDevice(reactor.instance)} (held packets)`,
      `fence      nftables understudy-${reactor.instance}`,
      `lease      ${reactor.leaseMs} ms, renewed every ${reactor.renewIntervalUs / 1000} ms, ${scheduling}`,
      `silence    believed after ${silenceMs} ms on all paths`,
      ...reactor.paths.map((path) => {
        const name = control.names.paths.get(path.path);
        return `path       ${name} to ${nameOf(path.peer, { control })}: ${path.interface}, ${path.localAddress} -> ${path.peerAddress} port ${path.port}`;
      }),
      ...reactor.groups.map((link) => groupLine(link, { control, reactor })),
      ...proxyLines({ control, reactor }),
    ],
  };
}

/** A member: where it serves and who goes first. A proxy: where it answers, and how it reaches whom. */
function groupLine(link: GroupLink, config: ResolvedConfig): string {
  const name = config.control.names.groups.get(link.id);
  const what = `${name}: ${link.addresses.join(', ')} on ${link.interface}`;
  if (link.role === 'proxy') {
    return `proxy      ${what}; for ${link.clients.map((hop) => hopText(hop, config)).join(', ')}`;
  }
  const group = config.reactor.engine.groups.find(({ id }) => id === link.id);
  const ranks = (group?.members ?? [])
    .toSorted((a, b) => b.priority - a.priority)
    .map(({ id, priority }) => `${nameOf(id, config)} (${priority})`);
  const way = link.gateway === undefined ? '' : ` behind ${hopText(link.gateway, config)}`;
  return `group      ${what}${way}; ${ranks.join(', ')}`;
}

/** Durations and bounds of proxies, where this node is one or has one. */
function proxyLines({ reactor }: ResolvedConfig): string[] {
  const { engine } = reactor;
  const isProxy = engine.proxied.length > 0;
  if (!isProxy && engine.groups.every(({ proxy }) => proxy === 0)) return [];
  const lines = [`register   for ${engine.registrationUs / 1000} ms, renewed after a third of that`];
  if (isProxy) {
    lines.push(
      `waiting    ${reactor.holdBytesMax} bytes at most, ${reactor.holdAgeUs / 1000} ms each`,
      `stragglers sent on for ${engine.stragglersUs / 1000} ms after a takeover`,
    );
  }
  return lines;
}

function hopText({ node, interface: name, addresses }: Hop, config: ResolvedConfig): string {
  return `${nameOf(node, config)} (${name}, ${addresses.join(', ')})`;
}

function nameOf(node: number, { control }: Pick<ResolvedConfig, 'control'>): string {
  return control.names.members.get(node) ?? `member ${node}`;
}
