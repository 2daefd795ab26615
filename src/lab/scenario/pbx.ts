/**
 * What the patent was written for: a small telephone exchange on both members of its fig. 1B, and a host whose sessions with
 * it go on while the role moves.
 */
import { formatExchanged } from '../pbx/report.ts';
import { Sessions } from '../pbx/sessions.ts';
import { planFig1b } from '../plan-fig1b.ts';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';

export const pbx: Scenario = (options, surroundings) => {
  const { topology, link, stream, json } = options;
  const plan = planFig1b({ topology, link, reachable: stream });
  const sessions = new Sessions({
    plan,
    hear: (exchanged) => {
      if (!json) surroundings.progress(`  ${sessions.host.name}> ${formatExchanged(exchanged)}`);
    },
  });
  return play(plan, options, surroundings, { topology, link, mirrored: false }, sessions);
};
