/**
 * What the patent was written for: a small telephone exchange on both members of its fig. 1B, and a host whose sessions with
 * it go on while the role moves.
 */
import { formatExchanged } from '../pbx/report.ts';
import { exchangePort, localPort, Sessions } from '../pbx/sessions.ts';
import { planFig1b } from '../plan-fig1b.ts';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';

export const pbx: Scenario = (options, surroundings) => {
  const { topology, link, mirrored, stream, json } = options;
  const network = planFig1b({ topology, link, reachable: stream });
  const plan = mirrored ? { ...network, mirrored: { port: exchangePort, localPort } } : network;
  const sessions = new Sessions({
    plan,
    hear: (exchanged) => {
      if (!json) surroundings.progress(`  ${sessions.host.name}> ${formatExchanged(exchanged)}`);
    },
  });
  return play(plan, options, surroundings, { topology, link, mirrored }, sessions);
};
