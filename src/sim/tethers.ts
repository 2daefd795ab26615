/** TCP connections as the kernels keep them: ended by the death of a process, or by a time-out when nothing passes. */
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { PathPlan } from './wiring.ts';
import type { World } from './world.ts';

const lookUs = 10_000;
/** TCP_USER_TIMEOUT of the model. */
const timeoutUs = 60_000;
/** TCP_RTO_MIN. */
const retransmitUs = 200_000;
const retransmitMaxUs = 10_000_000;

interface Tether {
  readonly path: PathPlan;
  readonly ends: readonly [Machine, Machine];
  boots: readonly [number, number] | undefined;
  /** Since when nothing passes. */
  stuckSince: number | undefined;
}

export class SimulatedTethers {
  readonly #world: World;
  readonly #random: Random;
  readonly #all: Tether[] = [];

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    for (const path of world.plan.paths) {
      const ends = world.machines.filter(({ id }) => path.members.includes(id));
      for (const one of ends) {
        for (const other of ends) {
          if (one.id < other.id)
            this.#all.push({ path, ends: [one, other], boots: undefined, stuckSince: undefined });
        }
      }
    }
  }

  begin(): void {
    this.#world.agenda.after(lookUs * this.#world.plan.tempo.waits, () => {
      for (const tether of this.#all) this.#look(tether);
      this.begin();
    });
  }

  /** The kernel closes what the process had open; the other end hears it if the path passes. */
  died(machine: Machine): void {
    for (const tether of this.#all) {
      const side = tether.ends.indexOf(machine);
      const other = tether.ends[1 - side];
      if (side < 0 || other === undefined || tether.boots === undefined) continue;
      const boot = tether.boots[side] ?? 0;
      if (!this.#passes(tether)) continue;
      tether.boots = undefined;
      const us = this.#world.random.between(800, 2_400) + this.#retransmissionUs();
      this.#world.agenda.after(us, () => this.#tell(tether, other, machine, false, boot, true));
    }
  }

  /** The kernel says the end again when its word was lost, each time after twice as long. */
  #retransmissionUs(): number {
    const share = Math.max(this.#world.plan.lossShare, this.#world.network.stormLossShare);
    let us = 0;
    for (let wait = retransmitUs; us < retransmitMaxUs && this.#random.chance(share); wait *= 2) us += wait;
    return us;
  }

  #look(tether: Tether): void {
    const [one, other] = tether.ends;
    const passes = this.#passes(tether);
    const { agenda, random } = this.#world;
    if (tether.boots === undefined) {
      const proven = one.hasProven(other, tether.path.id) && other.hasProven(one, tether.path.id);
      if (!passes || !proven || one.frozen || other.frozen || random.chance(0.3)) return;
      tether.boots = [one.boot, other.boot];
      tether.stuckSince = undefined;
      this.#tell(tether, one, other, true, other.boot, tether.path.cable);
      this.#tell(tether, other, one, true, one.boot, tether.path.cable);
      return;
    }
    const dead = one.boot !== tether.boots[0] || other.boot !== tether.boots[1] || !one.alive || !other.alive;
    if (passes && !dead) {
      tether.stuckSince = undefined;
      return;
    }
    tether.stuckSince ??= agenda.now;
    if (agenda.now - tether.stuckSince < timeoutUs * this.#world.plan.tempo.waits) return;
    const boots = tether.boots;
    tether.boots = undefined;
    if (one.boot === boots[0]) this.#tell(tether, one, other, false, boots[1], false);
    if (other.boot === boots[1]) this.#tell(tether, other, one, false, boots[0], false);
  }

  #passes({ path, ends: [one, other] }: Tether): boolean {
    const { network } = this.#world;
    return network.passes(path, one.id, other.id) && network.passes(path, other.id, one.id);
  }

  #tell(tether: Tether, to: Machine, about: Machine, up: boolean, boot: number, sure: boolean): void {
    const proof = sure && tether.path.cable;
    this.#world.trace(to.id, () => `tether to ${about.id} on path ${tether.path.id} ${up ? 'up' : 'ended'}`);
    to.tell({ kind: 'tether', peer: about.id, path: tether.path.id, up, proof, boot });
  }
}
