/** `understudy check`: what a configuration file comes to, in a few lines, or every problem with it. */
import { loadConfig } from './config/load.ts';

export interface ConfigSummary {
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

/** @throws ConfigUnreadableError, ConfigError */
export function summarizeConfig(path: string): ConfigSummary {
  const { control, reactor, warnings } = loadConfig(path);
  const { engine } = reactor;
  const member = (id: number): string => control.names.members.get(id) ?? `member ${id}`;
  const silenceMs = (engine.heartbeatIntervalUs * engine.missCount) / 1000;
  const scheduling =
    reactor.fifoPriority === 0 ? 'ordinary scheduling' : `SCHED_FIFO ${reactor.fifoPriority}`;
  return {
    warnings,
    lines: [
      `node       ${control.node} of cluster ${control.cluster}`,
      `control    ${control.socket}`,
      `state      ${control.stateDir}`,
      `devices    us${reactor.instance} (addresses), ush${reactor.instance} (held packets)`,
      `fence      nftables understudy-${reactor.instance}`,
      `lease      ${reactor.leaseMs} ms, renewed every ${reactor.renewIntervalUs / 1000} ms, ${scheduling}`,
      `silence    believed after ${silenceMs} ms on all paths`,
      ...reactor.paths.map((path) => {
        const name = control.names.paths.get(path.path);
        return `path       ${name} to ${member(path.peer)}: ${path.interface}, ${path.localAddress} -> ${path.peerAddress} port ${path.port}`;
      }),
      ...engine.groups.map((group) => {
        const own = control.groups.find((candidate) => candidate.id === group.id);
        const ranks = group.members
          .toSorted((a, b) => b.priority - a.priority)
          .map(({ id, priority }) => `${member(id)} (${priority})`);
        return `group      ${own?.name}: ${own?.addresses.join(', ')} on ${own?.interface}; ${ranks.join(', ')}`;
      }),
    ],
  };
}
