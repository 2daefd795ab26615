/** The scenarios of the lab by name. A new one is one more file and two more lines here. */
import type { Scenario } from './scenario.ts';

export const scenarioSummaries = {
  fig1a: 'the patent’s fig. 1A: a LAN with two hosts, a primary and a redundant machine with a direct link',
  fig1b:
    'the patent’s fig. 1B: two hosts and ARP proxy servers on a LAN, a primary and a redundant machine behind them',
  pbx: 'the same with a telephone exchange on both members, and a host whose sessions with it are watched',
} as const;

export type ScenarioName = keyof typeof scenarioSummaries;

const loaders: Record<ScenarioName, () => Promise<Scenario>> = {
  fig1a: async () => (await import('./fig1a.ts')).fig1a,
  fig1b: async () => (await import('./fig1b.ts')).fig1b,
  pbx: async () => (await import('./pbx.ts')).pbx,
};

export function isScenarioName(text: string): text is ScenarioName {
  return Object.hasOwn(scenarioSummaries, text);
}

export async function loadScenario(name: ScenarioName): Promise<Scenario> {
  return await loaders[name]();
}
