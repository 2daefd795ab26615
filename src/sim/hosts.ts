/**
 * The hosts' LAN as a host sees it: whom its table names for the address, and where a packet sent there ends. It runs
 * nothing of ours and learns from announcements only.
 */
import type { NodeId } from '../wire/control/message.ts';
import type { Machine } from './machine.ts';
import { lanOf, placeOf } from './plan.ts';
import type { World } from './world.ts';

/** A packet's lifetime, machines. */
const hopsMax = 8;

export class Hosts {
  readonly #world: World;
  /** Whom the table names; 0: nobody yet. */
  #table: NodeId | 0 = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** A frame of a place with an open fence is on its way to every host and to the other places. */
  announced(machine: Machine): void {
    const { plan, network, agenda, random, machines } = this.#world;
    const lan = lanOf(plan);
    if (plan.proxies.length === 0 || !lan?.members.includes(machine.id) || !machine.open) return;
    if (!network.carrier(lan, machine.id)) return;
    agenda.after(random.between(plan.delayUs[0], plan.delayUs[1]), () => {
      if (network.carrier(lan, machine.id)) this.#table = machine.id;
    });
    for (const other of machines) {
      if (other === machine || !lan.members.includes(other.id)) continue;
      network.send(lan, machine.id, other.id, () => other.hearAnnouncement(machine.id));
    }
  }

  /** Where a packet to the address ends now: at a machine, or nowhere and why. */
  send(): Machine | string {
    const voice = this.#world.machines.find((machine) => machine.isVoice);
    let at = this.#table === 0 ? voice : this.#machine(this.#table);
    const way: NodeId[] = [];
    while (way.length < hopsMax) {
      if (at === undefined) return 'goes to nobody';
      way.push(at.id);
      if (!at.alive) return `ends at ${at.id}, which is dead (${way.join(' > ')})`;
      const { holds, forwardsTo, routesTo } = at.front;
      if (holds) return `is kept by ${at.id} (${way.join(' > ')})`;
      const next = forwardsTo === 0 ? routesTo : placeOf(this.#world.plan, forwardsTo);
      if (!at.isProxy && forwardsTo === 0) return at;
      if (next === 0) return `ends at ${at.id}, which routes it nowhere (${way.join(' > ')})`;
      at = this.#machine(next);
    }
    return `goes round in circles (${way.join(' > ')})`;
  }

  #machine(id: NodeId): Machine | undefined {
    return this.#world.machines.find((machine) => machine.id === id);
  }
}
