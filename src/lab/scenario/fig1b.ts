/** Fig. 1B of the patent: hosts and ARP proxy servers on a LAN, and behind those a primary and a redundant machine. */
import { planFig1b } from '../plan-fig1b.ts';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';

export const fig1b: Scenario = (options, surroundings) => {
  const { topology, link, stream } = options;
  return play(planFig1b({ topology, link, reachable: stream }), options, surroundings, { topology, link });
};
