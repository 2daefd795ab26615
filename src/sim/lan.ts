/**
 * What frames on the hosts' LAN tell members that look before their first activation: answers to their questions, others
 * that ask at the same time, announcements, a stranger who has the address, and ports that pass nothing at first. Passes
 * also where the paths of the control datagrams are cut by something that only they meet. Not in every world.
 *
 * A machine's number is its physical address, too.
 */
import type { Event } from '../engine/event.ts';
import { type MacAddress, unspecifiedIpv4 } from '../wire/address.ts';
import type { NodeId } from '../wire/control/message.ts';
import type { Machine } from './machine.ts';
import { group } from './plan.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const silenceMaxUs = 300_000;
/** The longest rest between two rounds of probes, and a round, in lengths of a round. */
const longestRounds = 13;

/** Somebody claims the group's address: a machine, or a stranger (0). */
export function claimBy(machine: NodeId | 0): Event {
  return { kind: 'claim', group, member: machine, address: unspecifiedIpv4, mac: machine as MacAddress };
}

export class Lan {
  readonly #world: World;
  readonly #random: Random;
  /** Until when a stranger has the address, and since when. */
  #stranger = { from: 0, until: 0 };

  /** `random`: a stream of its own. */
  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Members look before their first activation. */
  get watched(): boolean {
    return this.#world.plan.lan.probeUs > 0;
  }

  /** How long a stranger has had the address; 0: none has. */
  get strangerUs(): number {
    const { now } = this.#world.agenda;
    return now < this.#stranger.until ? now - this.#stranger.from : 0;
  }

  /** Its power came back: its port may pass nothing yet. Where there are proxies, theirs would have to wait, too. */
  rose(machine: Machine): void {
    const { plan, network, agenda } = this.#world;
    const { id, isMember } = machine;
    if (!this.watched || plan.proxies.length > 0 || !isMember || network.isSilent(id)) return;
    if (this.#random.chance(0.5)) return;
    network.silence(id, true);
    agenda.after(this.#random.between(0, silenceMaxUs) * plan.tempo.waits, () => this.#passes(machine));
  }

  /** A daemon starts, and finds its port as it is. */
  started(machine: Machine): void {
    if (this.#world.network.isSilent(machine.id)) machine.tell({ kind: 'port', group, passes: false });
  }

  /** Asks everybody on the LAN. */
  probe(from: Machine): void {
    for (const other of this.#others(from)) {
      this.#deliver(from, other, () => {
        if (from.id < other.id) other.tell({ kind: 'rival', group });
        if (other.isVoice && !other.frozen) this.#deliver(other, from, () => from.tell(claimBy(other.id)));
      });
    }
    if (this.strangerUs > 0) this.#later(() => from.tell(claimBy(0)));
  }

  /** Those that answer hear it as machines of a world with proxies do (`hosts.ts`). */
  announced(by: Machine): void {
    if (!this.watched || !by.isVoice) return;
    const { proxies } = this.#world.plan;
    for (const other of this.#others(by)) {
      this.#deliver(by, other, () => {
        if (!other.front.answers) other.tell(claimBy(by.id));
        else if (proxies.length === 0) other.hearAnnouncement(by.id);
      });
    }
  }

  /** A stranger has the address for so long: whoever has known nobody active must not take it meanwhile. */
  invade(us: number): void {
    const { agenda, machines, checker, plan } = this.#world;
    const { now } = agenda;
    if (now >= this.#stranger.until) this.#stranger = { from: now, until: now + us };
    for (const machine of machines) if (this.holds(machine)) machine.tell(claimBy(0));
    checker.excuseUntil(this.#stranger.until + longestRounds * plan.lan.probeUs);
  }

  heal(): void {
    const { agenda, machines } = this.#world;
    this.#stranger.until = Math.min(this.#stranger.until, agenda.now);
    for (const machine of machines) this.#passes(machine);
  }

  /** The machine is on the LAN itself. */
  holds({ id, isMember, isProxy }: Machine): boolean {
    return isProxy || (isMember && !this.#world.plan.proxyOf.has(id));
  }

  #passes(machine: Machine): void {
    const { network } = this.#world;
    if (!network.isSilent(machine.id)) return;
    network.silence(machine.id, false);
    this.#world.trace(machine.id, () => 'its port passes traffic');
    machine.tell({ kind: 'port', group, passes: true });
  }

  #others(machine: Machine): readonly Machine[] {
    if (!this.holds(machine)) return [];
    return this.#world.machines.filter((other) => other !== machine && this.holds(other));
  }

  #deliver(from: Machine, to: Machine, run: () => void): void {
    const { network } = this.#world;
    if (!network.carries(from.id, to.id)) return;
    this.#later(() => {
      if (to.alive && network.carries(from.id, to.id)) run();
    });
  }

  #later(run: () => void): void {
    const { agenda, plan } = this.#world;
    agenda.after(this.#random.between(plan.delayUs[0], plan.delayUs[1]), run);
  }
}
