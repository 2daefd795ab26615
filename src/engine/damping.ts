/**
 * Flap damping (RFC 2439 in spirit): a member that has lost the role against its will more than once of late is held back
 * for a while after it is well again. Held back, it neither preempts nor goes before another able member; but where no
 * other is able it takes the role at once.
 *
 * A member counts its own falls and says the count in each heartbeat. The others remember it, and add the ends that it
 * cannot know of: a life that ended while it held the role. They tell a new life what they remember, until that has heard
 * it. So no restart clears the count, and everybody ranks by what the held-back member says itself.
 */
import {
  type BootNonce,
  fallsMax,
  type GroupId,
  type GroupRecord,
  type NodeId,
} from '../wire/control/message.ts';
import type { DampingConfig } from './config.ts';
import type { Context } from './context.ts';
import type { PeerWatch } from './peer.ts';
import { type Instant, later } from './time.ts';
import type { Timer } from './timers.ts';

/** What is remembered of another member. */
interface Memory {
  boot: BootNonce;
  /** By its last word it held the role. */
  held: boolean;
  falls: number;
  /** Its present life counts on from there: nothing need be told. */
  known: boolean;
}

export class Damping {
  readonly #context: Context;
  readonly #group: GroupId;
  readonly #memories = new Map<NodeId, Memory>();
  /** Wakes the loop; `review` does the rest at the end of that turn. */
  readonly #wake: Timer;
  #falls = 0;
  /** Since when we are well, without a fall; undefined while we are not. */
  #wellSince: Instant | undefined;
  #heldBack = false;

  constructor(context: Context, group: GroupId) {
    this.#context = context;
    this.#group = group;
    this.#wake = context.timers.create('damping', () => {});
    this.#wellSince = context.now;
  }

  /** How often we have fallen of late, 0..`fallsMax`. */
  get falls(): number {
    return this.#falls;
  }

  /** As we say to others. */
  get heldBack(): boolean {
    return this.#heldBack;
  }

  /** For how much longer we are held back, microseconds; 0: not at all. */
  get remainingUs(): number {
    const until = this.#until;
    return this.#heldBack && until !== undefined ? Math.max(0, until - this.#context.now) : 0;
  }

  /** We have lost the role, and no operator wished it. */
  fell(): void {
    this.#falls = Math.min(this.#falls + 1, fallsMax);
    this.#wellSince = undefined;
  }

  /** What a member said. `record`: its falls; absent in datagrams that are no heartbeat. `holds`: the role, by that. */
  heard(peer: PeerWatch, record: Partial<GroupRecord>, holds: boolean): void {
    const memory = this.#memoryOf(peer);
    if (memory.boot !== peer.boot) {
      // A life that left in order had given up the role before.
      if (memory.held) memory.falls = Math.min(memory.falls + 1, fallsMax);
      memory.boot = peer.boot;
      memory.known = false;
    }
    memory.held = holds;
    const { falls, yourFalls } = record;
    if (falls !== undefined) {
      memory.known ||= falls >= memory.falls;
      if (memory.known) memory.falls = falls;
    }
    if (yourFalls !== undefined && yourFalls > this.#falls) this.#falls = yourFalls;
  }

  /** What that member must be told of its former lives; 0: nothing. */
  toldTo(peer: NodeId): number {
    const memory = this.#memories.get(peer);
    return memory === undefined || memory.known ? 0 : memory.falls;
  }

  /** At the end of a turn, once it is known what we are. True: we are held back from now on, or not any more. */
  review({ healthy, holds }: { readonly healthy: boolean; readonly holds: boolean }): boolean {
    const { now, config } = this.#context;
    this.#wellSince = healthy ? (this.#wellSince ?? now) : undefined;
    this.#wake.cancel();
    if (this.#wellSince !== undefined && this.#falls > 0) {
      const forgetAt = later(this.#wellSince, config.damping.forgetUs);
      if (now >= forgetAt) this.#falls = 0;
      else this.#wake.arm(forgetAt);
    }
    const until = this.#until;
    const heldBack = until !== undefined && now < until && !holds;
    if (heldBack) this.#wake.arm(until);
    if (heldBack === this.#heldBack) return false;
    this.#heldBack = heldBack;
    this.#context.beatDue = true;
    this.#report();
    return true;
  }

  #report(): void {
    const group = this.#group;
    const { falls, remainingUs: us } = this;
    if (this.#heldBack) this.#context.report({ code: 'heldBack', group, falls, us });
    else this.#context.report({ code: 'heldBackEnded', group, falls });
  }

  /** Until when we would be held back; undefined: we are not well, or have not fallen often enough. */
  get #until(): Instant | undefined {
    const us = holdUs(this.#falls, this.#context.config.damping);
    return us === 0 || this.#wellSince === undefined ? undefined : later(this.#wellSince, us);
  }

  #memoryOf(peer: PeerWatch): Memory {
    let memory = this.#memories.get(peer.id);
    if (memory === undefined) {
      memory = { boot: peer.boot, held: false, falls: 0, known: true };
      this.#memories.set(peer.id, memory);
    }
    return memory;
  }
}

/** A first fall is no instability: whoever returns from it finds everything as it always was. */
export function holdUs(falls: number, { firstUs, maxUs }: DampingConfig): number {
  return falls < 2 ? 0 : Math.min(maxUs, firstUs * 2 ** (falls - 2));
}
