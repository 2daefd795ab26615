/**
 * Two that serve the address at one time: when the second may begin beside the first, and how long both may last. Nothing
 * excuses who hears the other, or could. Else the second may when it has not heard the first for more than an interval (it
 * had reason to believe it dead), when the network or a scheduler misbehaved a moment ago, or, once in a world, when both
 * decided at one time; even then they must end soon. A proxy that is succeeded answers until it hears of it. A strict group
 * knows no excuse, and is judged elsewhere. Time is world time, microseconds.
 */
import type { NodeId } from '../wire/control/message.ts';
import { voicesContactUs } from './contact.ts';
import type { Knowledge } from './knowledge.ts';
import type { Machine } from './machine.ts';
import { longUs } from './plan.ts';
import type { World } from './world.ts';

/** After a disturbance, for so long, two voices are excused: longer than any patience or wait of the engine. */
const excuse = { us: 350_000, counts: 4 };
/** The longest that a packet which has arrived waits for a turn of its machine. */
const turnUs = 100;
/** Two wake-ups, and what a turn takes. */
const turnsUs = 200;
/** Who was heard within so many intervals is not silent. */
const silence = 1.3;
/** Who is up, runs and is reached is heard within so many heartbeats, also after a start. */
const hearing = 4;
/** A new life waits so many heartbeats longer on each path: until the one before has been quiet. */
const retiring = 5;

export class Rivals {
  readonly #world: World;
  readonly #knowledge: Knowledge;
  #disturbedAt = Number.NEGATIVE_INFINITY;
  #overlapSince: number | undefined;
  /** How often two decided at one time. */
  #coincidences = 0;

  constructor(world: World, knowledge: Knowledge) {
    this.#world = world;
    this.#knowledge = knowledge;
  }

  /** The network or a scheduler misbehaves now. */
  disturbed(): void {
    this.#disturbedAt = this.#now;
  }

  /** Nothing has misbehaved for longer than anything the engine waits for. */
  get quiet(): boolean {
    return this.#now - this.#disturbedAt >= longUs(this.#world.plan, excuse);
  }

  /** Why the machine must not open its fence beside the holder, or undefined. */
  objection(machine: Machine, holder: Machine): string | undefined {
    const what = `member ${machine.id} opens its fence while member ${holder.id} has its open`;
    const unheeded = this.#unheeded(machine, holder);
    if (unheeded !== undefined) return `${what}, ${unheeded}`;
    const { calm, delayUs, intervalUs } = this.#world.plan;
    const silentUs = this.#knowledge.silenceUs(holder.id, machine.id);
    const tenureUs = this.#now - this.#knowledge.activatedAt(holder.id);
    // Nobody can know what a member did a moment ago that it has never heard.
    if (silentUs === Number.POSITIVE_INFINITY && tenureUs < intervalUs) return undefined;
    // And in a rough world the first word of a newcomer may be lost.
    if (!calm && !this.#knowledge.hasMet(holder.id, machine.id) && tenureUs < intervalUs) return undefined;
    if (!calm && silentUs >= silence * intervalUs) return undefined;
    if (!this.quiet) return undefined;
    // Who decides while the other's word is on its way cannot know of it. Once in a world that is chance.
    if (tenureUs <= delayUs[1] + turnUs && this.#coincidences++ === 0) return undefined;
    return `${what}, heard ${silentUs} µs ago`;
  }

  /** They activated within a packet's way of each other: neither could know. */
  coincide(one: NodeId, other: NodeId): boolean {
    const apartUs = this.#knowledge.activatedAt(one) - this.#knowledge.activatedAt(other);
    return Math.abs(apartUs) <= this.#world.plan.delayUs[1] + turnUs;
  }

  /** Follows how long there are two. */
  follow(voices: readonly Machine[]): void {
    if (voices.length < 2) this.#overlapSince = undefined;
    else this.#overlapSince ??= this.#now;
  }

  /** Why they must not both speak any longer, or undefined. */
  overlong(voices: readonly Machine[]): string | undefined {
    this.follow(voices);
    const [one, other] = voices;
    if (this.#overlapSince === undefined || one === undefined || other === undefined) return undefined;
    const names = voices.map(({ id }) => id).join(' and ');
    const undisturbedUs = this.#now - Math.max(this.#overlapSince, this.#disturbedAt);
    if (undisturbedUs > this.#boundUs) return `${names} speak both for ${undisturbedUs} µs`;
    // Whatever is disturbed elsewhere.
    const us = Math.min(this.#now - this.#overlapSince, voicesContactUs(this.#world, one, other));
    if (us <= this.#contactBoundUs) return undefined;
    return `${names} speak both, and could hear each other for ${us} µs`;
  }

  /** Whatever goes wrong elsewhere: nobody acts beside a member that it hears or could hear. */
  #unheeded(machine: Machine, holder: Machine): string | undefined {
    const { plan } = this.#world;
    const heardUs = this.#knowledge.activeHeardUs(holder.id, machine.id);
    if (heardUs < silence * plan.intervalUs && this.#isUp(machine, holder))
      return `and heard that it is active ${heardUs} µs ago`;
    const tenureUs = this.#now - this.#knowledge.activatedAt(holder.id);
    const us = Math.min(tenureUs, this.#audibleUs(machine, holder), holder.steadyUs, machine.steadyUs);
    return us > hearing * plan.intervalUs ? `and could hear it for ${us} µs` : undefined;
  }

  /** For how long the holder could be heard and believed: on a path that is new to them, once each has heard the other. */
  #audibleUs({ id }: Machine, holder: Machine): number {
    const { network, plan } = this.#world;
    const each = plan.paths.map((path) => {
      const thereUs = network.soundOnUs(path, holder.id, id) ?? 0;
      const isProven = this.#knowledge.heardOnAt(path.id, holder.id, id) > Number.NEGATIVE_INFINITY;
      if (isProven) return thereUs;
      return Math.min(thereUs, network.soundOnUs(path, id, holder.id) ?? 0) - retiring * plan.intervalUs;
    });
    return Math.max(0, ...each);
  }

  /** Where carrier is gone from the last path that was heard on, nothing more will come. */
  #isUp(machine: Machine, holder: Machine): boolean {
    const { network, plan } = this.#world;
    const sinceUs = this.#now - (plan.missCount - 1) * plan.intervalUs;
    return plan.paths.some((path) => {
      const at = this.#knowledge.heardOnAt(path.id, holder.id, machine.id);
      return at > sinceUs && at > network.carrierSince(path, machine.id);
    });
  }

  /** One that is frozen keeps its lease for so long; then both must hear each other once. */
  get #boundUs(): number {
    const { intervalUs, missCount, delayUs, calm, proxies, leaseUs } = this.#world.plan;
    if (calm && proxies.length > 0) return delayUs[1] + turnsUs;
    return leaseUs + (missCount + 10) * intervalUs;
  }

  /** Of two that can hear each other, and whose members can: one word of each, also after a start. */
  get #contactBoundUs(): number {
    const { intervalUs, leaseUs } = this.#world.plan;
    return leaseUs + hearing * intervalUs;
  }

  get #now(): number {
    return this.#world.agenda.now;
  }
}
