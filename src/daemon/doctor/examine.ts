/**
 * `understudy doctor`: what a daemon needs, and whether this machine, this kernel and this process offer it. Changes
 * nothing: what has to be tried is tried in a network of its own.
 */
import type { Finding } from '../../api/finding.ts';
import { examineNative, examineNode } from './runtime.ts';

/** With a configuration, also what that asks for. In the order in which one builds on the other. */
export async function examine(configPath?: string): Promise<Finding[]> {
  const ground = [examineNode(), await examineNative()];
  // Everything below needs native code.
  if (ground.some(({ state }) => state === 'missing')) return ground;
  const { examinePrivileges } = await import('./privileges.ts');
  const { examineClocks } = await import('./clocks.ts');
  const { examineScheduling, usualTiming } = await import('./scheduling.ts');
  const { examineKernel } = await import('./kernel.ts');
  const { examineConfiguration, examinePlace } = await import('./configuration.ts');
  const { examineNetwork } = await import('./network.ts');
  const { config, findings } =
    configPath === undefined ? { config: undefined, findings: [] } : examineConfiguration(configPath);
  const timing =
    config === undefined
      ? usualTiming
      : { ...config.reactor, renewMs: config.reactor.renewIntervalUs / 1000 };
  const mirrors = config?.control.groups.some(({ relay }) => relay !== undefined) ?? false;
  return [
    ...ground,
    ...examinePrivileges(),
    ...examineClocks(),
    ...examineScheduling(timing),
    ...(await examineKernel(mirrors)),
    ...findings,
    ...(config === undefined ? [] : [...examinePlace(config), ...examineNetwork(config)]),
  ];
}
