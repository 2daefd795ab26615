/** The scenarios of the lab by name. A new one is one more file and two more lines here. */
import type { Scenario } from './scenario.ts';

export const scenarioSummaries = {
  fig1a: 'the patent’s fig. 1A: a LAN with two hosts, a primary and a redundant machine with a direct link',
} as const;

export type ScenarioName = keyof typeof scenarioSummaries;

const loaders: Record<ScenarioName, () => Promise<Scenario>> = {
  fig1a: async () => (await import('./fig1a.ts')).fig1a,
};

export function isScenarioName(text: string): text is ScenarioName {
  return Object.hasOwn(scenarioSummaries, text);
}

export async function loadScenario(name: ScenarioName): Promise<Scenario> {
  return await loaders[name]();
}
