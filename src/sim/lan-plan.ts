/** Whether members look at the hosts' LAN before their first activation, drawn from a stream of its own. */
import type { Random } from './random.ts';
import type { Tempo } from './tempo.ts';

export interface LanPlan {
  /** 0: they do not, and frames on the LAN are not played. */
  readonly probeUs: number;
  readonly silentPortUs: number;
}

const probeUs = 60_000;
/** Longer than any port is silent. */
const silentPortUs = 400_000;

export function drawLan(random: Random, { waits }: Tempo): LanPlan {
  if (random.chance(0.6)) return { probeUs: 0, silentPortUs: 0 };
  return { probeUs: probeUs * waits, silentPortUs: silentPortUs * waits };
}
