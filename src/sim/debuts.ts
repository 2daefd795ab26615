/**
 * First activations of a life, judged from what the hosts' LAN carried: nobody who has heard of no active member takes an
 * address that somebody answers for there, nor takes any behind a port that passes nothing yet.
 */
import { type ControlMessage, MemberState, type NodeId } from '../wire/control/message.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Answers' way, wake-ups and turns, in a brisk world. */
const slackUs = 5_000;

export class Debuts {
  readonly #world: World;
  /** Members that have heard of nobody active in this life, nor been so themselves. */
  readonly #fresh = new Set<NodeId>();
  readonly #voiceSince = new Map<NodeId, number>();
  /** Voices that began with a first activation. */
  readonly #debutants = new Set<NodeId>();
  #disturbedAt = Number.NEGATIVE_INFINITY;

  constructor(world: World) {
    this.#world = world;
  }

  /** The LAN, or a machine on it, misbehaves now. */
  disturbed(): void {
    this.#disturbedAt = this.#now;
  }

  started({ id, isMember }: Machine): void {
    if (isMember && this.#world.lan.watched) this.#fresh.add(id);
  }

  heard({ id }: Machine, { groups, scope, state }: ControlMessage): void {
    const tells = (of: MemberState): boolean => of === MemberState.active || of === MemberState.draining;
    // Where a proxy says that it is served elsewhere, its flags do.
    if (groups.some((record) => tells(record.state) || record.flags !== 0) || (scope !== 0 && tells(state)))
      this.#fresh.delete(id);
  }

  activated(machine: Machine): void {
    if (this.#fresh.has(machine.id)) this.#debutants.add(machine.id);
    this.over(machine);
  }

  /** It has been active, or has tried to be, or an operator overruled what it found. */
  over({ id }: Machine): void {
    this.#fresh.delete(id);
  }

  voicesChanged({ id, isVoice }: Machine): void {
    if (!isVoice) this.#debutants.delete(id);
    if (!isVoice) this.#voiceSince.delete(id);
    else if (!this.#voiceSince.has(id)) this.#voiceSince.set(id, this.#now);
  }

  /** Why the machine must not open its fence, or undefined. */
  objection(machine: Machine): string | undefined {
    const { lan, network, plan, machines } = this.#world;
    const { id } = machine;
    if (!this.#fresh.has(id)) return undefined;
    if (network.isSilent(id)) return `member ${id} takes the address behind a port that passes nothing`;
    const enoughUs = plan.lan.probeUs + slackUs * plan.tempo.waits;
    const quietUs = this.#now - this.#disturbedAt;
    if (!lan.holds(machine) || quietUs < enoughUs) return undefined;
    if (lan.strangerUs > enoughUs) return `member ${id} takes the address from a stranger`;
    const holder = machines.find((other) => {
      if (other === machine || !other.isVoice) return false;
      if (!network.carries(id, other.id) || !network.carries(other.id, id)) return false;
      // Of two that asked at the same time, the one has heard the other ask.
      if (this.#debutants.has(other.id) && quietUs > 2 * enoughUs) return true;
      return this.#now - (this.#voiceSince.get(other.id) ?? this.#now) > enoughUs;
    });
    return holder && `member ${id} takes the address that ${holder.id} answers for on the LAN`;
  }

  get #now(): number {
    return this.#world.agenda.now;
  }
}
