/** Roles change as relays hear of it that are late, or cannot hear each other just then: both machines live throughout. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ip } from '../namespace.ts';
import { type Load, type Process, type Seen, start, until } from './trial.ts';

type Name = 'active' | 'standby';

/** What a machine is told, and in which order. */
export type Order = readonly [Name, 'takeover' | 'yield'];

/** Nobody is given up: what is late here are words. */
const patienceMs = 10_000;

/** Each of `orders` ends with one machine as the active, which has all. */
export async function playOrders(load: Load, orders: readonly (readonly Order[])[]): Promise<Seen> {
  const { active, standby, client } = await start('ipv4', load, patienceMs);
  const machines = { active, standby };
  try {
    for (const order of orders) {
      let serving: Name = 'active';
      for (const [name, command] of order) {
        await machines[name].ask(command);
        if (command === 'takeover') serving = name;
        await sleep(Math.random() * 20);
      }
      await settled(machines[serving], load, order.join(' '));
      await sleep(100);
    }
    client.endInput();
    return (await client.report()) as unknown as Seen;
  } finally {
    await Promise.all([client.kill(), active.kill(), standby.kill()]);
  }
}

/** The active yields to itself or to the other one while the two have lost each other for a moment; each of `leaders` in turn. */
export async function playParted(load: Load, leaders: readonly Name[]): Promise<Seen> {
  const { active, standby, client } = await start('ipv4', load, patienceMs);
  const machines = { active, standby };
  let serving: Name = 'active';
  try {
    for (const leader of leaders) {
      await machines[serving].ask('yield');
      await until(machines[leader], 'it heard all', ({ partner }) => partner === 'standby');
      ip('-n active link set link0 down');
      await until(machines[leader], 'alone', ({ partner }) => partner === 'absent');
      await machines[leader].ask('takeover');
      serving = leader;
      ip('-n active link set link0 up');
      await settled(machines[serving], load, `${leader} led alone`);
    }
    client.endInput();
    return (await client.report()) as unknown as Seen;
  } finally {
    await Promise.all([client.kill(), active.kill(), standby.kill()]);
  }
}

/** It is the active, and every connection of its is on the other machine, too. */
async function settled(machine: Process, load: Load, after: string): Promise<void> {
  const counts = await until(
    machine,
    `mirrored after ${after}`,
    ({ role, partner, sessions, survivable }) =>
      role === 'active' && partner === 'standby' && survivable === sessions,
  );
  if (Number(counts['sessions']) < load.echo + load.idle)
    throw new Error(`after ${after} there are ${counts['sessions']} sessions`);
}
