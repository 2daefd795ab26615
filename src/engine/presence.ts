/**
 * A proxy's presence on the hosts' LAN: what was asked for so far, so that only changes are asked for. It answers or not;
 * packets for the group go to one place, wait, or are sent on.
 */
import type { GroupId, NodeId } from '../wire/control/message.ts';
import type { Effect } from './effect.ts';

export class Presence {
  readonly #group: GroupId;
  readonly #emit: (effect: Effect) => void;
  #answers = false;
  #holds = false;
  #forwardsTo: NodeId | 0 = 0;
  #routesTo: NodeId | 0 = 0;

  constructor(group: GroupId, emit: (effect: Effect) => void) {
    this.#group = group;
    this.#emit = emit;
  }

  get answers(): boolean {
    return this.#answers;
  }

  /** Packets wait. */
  get holds(): boolean {
    return this.#holds;
  }

  get routesTo(): NodeId | 0 {
    return this.#routesTo;
  }

  answer(on: boolean): void {
    if (this.#answers === on) return;
    this.#answers = on;
    this.#emit({ kind: 'answer', group: this.#group, on });
  }

  hold(): void {
    if (this.#holds) return;
    this.#holds = true;
    this.#emit({ kind: 'hold', group: this.#group, action: 'begin' });
  }

  /** What waited goes where packets are routed now, in order; or is forgotten. */
  release(action: 'deliver' | 'discard'): void {
    if (!this.#holds) return;
    this.#holds = false;
    this.#emit({ kind: 'hold', group: this.#group, action });
  }

  /** Stragglers; 0 ends it. */
  forward(to: NodeId | 0): void {
    if (this.#forwardsTo === to) return;
    this.#forwardsTo = to;
    this.#emit({ kind: 'forward', group: this.#group, to });
  }

  route(to: NodeId | 0): void {
    if (this.#routesTo === to) return;
    this.#routesTo = to;
    this.#emit({ kind: 'route', group: this.#group, to });
  }
}
