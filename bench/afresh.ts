/** keepalived between two runs: what a fault left behind is removed by hand, because it does not go by itself. */
import type { Director } from '../src/lab/director.ts';
import { ip } from '../src/lab/topology.ts';
import { until } from '../src/lab/until.ts';

/** Ends the daemons, removes the addresses and what the hosts learned, starts them again; resolves when all is ready. */
export async function startAfresh(director: Director): Promise<void> {
  const { plan, system } = director;
  system.kill();
  await until(
    'the daemons have ended',
    async () => (await system.view()).why.split('does not run').length > 2,
  );
  for (const { name } of plan.members) {
    const held = ip(['-n', name, '-o', 'addr', 'show', 'dev', 'lan0']);
    for (const [address, length] of [
      [plan.service4, 32],
      [plan.service6, 128],
    ] as const) {
      if (held.includes(` ${address}/`))
        ip(['-n', name, 'addr', 'del', `${address}/${length}`, 'dev', 'lan0']);
    }
  }
  for (const { name } of plan.hosts) ip(['-n', name, 'neigh', 'flush', 'all']);
  // One after the other: started at once, each may win one family's instance.
  for (const member of plan.members) {
    await system.start(member);
    await until('a member has both addresses', async () => (await system.view()).active.length === 1);
  }
  await director.ready();
}
