/** Fig. 1A of the patent: hosts, a primary and a redundant machine on one LAN, and a direct link between the two. */
import { planFig1a } from '../plan.ts';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';

export const fig1a: Scenario = (options, surroundings) =>
  play(planFig1a(options.members, options.policy), options, surroundings);
