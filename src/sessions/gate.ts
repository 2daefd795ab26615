/**
 * The active side's door to the service: commit before deliver. A packet that arrives goes to the standby first, and to
 * the kernel's TCP only when the standby has it, so nothing that the kernel acknowledged is unknown there. Order is kept.
 * Packets in, effects out: no clock, no socket.
 */
export type GateEffect =
  /** Send it to the standby. Commits are counted from 1 in the order of these effects. */
  | { readonly kind: 'commit'; readonly frame: Uint8Array }
  /** Let the kernel receive it. */
  | { readonly kind: 'deliver'; readonly frame: Uint8Array };

export interface GateCounts {
  readonly committed: number;
  readonly delivered: number;
  /** Turned away because too much waits: the sender's TCP sends them again. */
  readonly dropped: number;
}

/**
 * `commit`: each packet waits for the standby. `follow`: the standby gets each, and none waits for it: it is not known yet
 * whether it is one. `alone`: there is none, packets pass at once.
 */
export type GateMode = 'commit' | 'follow' | 'alone';

export class Gate {
  readonly #heldBytesMax: number;
  #mode: GateMode;
  #held: Uint8Array[] = [];
  /** How many at the beginning of `#held` are gone already. */
  #gone = 0;
  #heldBytes = 0;
  #issued = 0;
  #resolved = 0;
  #delivered = 0;
  #dropped = 0;
  #effects: GateEffect[] = [];

  /** `heldBytesMax`: what may wait for the standby, bytes. */
  constructor(mode: GateMode, heldBytesMax: number) {
    this.#mode = mode;
    this.#heldBytesMax = heldBytesMax;
  }

  get mode(): GateMode {
    return this.#mode;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get counts(): GateCounts {
    return { committed: this.#issued, delivered: this.#delivered, dropped: this.#dropped };
  }

  /** The first of the packets that wait. */
  get oldest(): Uint8Array | undefined {
    return this.#held[this.#gone];
  }

  /** A packet from the network. The bytes stay what they are while it waits. */
  arrive(frame: Uint8Array): void {
    if (this.#mode === 'alone') return this.#deliver(frame);
    if (this.#mode === 'follow') {
      this.#issued++;
      this.#resolved++;
      this.#effects.push({ kind: 'commit', frame });
      return this.#deliver(frame);
    }
    if (this.#heldBytes + frame.length > this.#heldBytesMax) {
      this.#dropped++;
      return;
    }
    this.#issued++;
    this.#held.push(frame);
    this.#heldBytes += frame.length;
    this.#effects.push({ kind: 'commit', frame });
  }

  /** The standby has the first `count` commits of all. */
  committed(count: number): void {
    if (count > this.#issued) throw new RangeError(`${count} commits resolved, only ${this.#issued} issued`);
    while (this.#resolved < count) this.#release();
  }

  /** There is no standby any more, or one again. Packets that wait pass: nobody is left to have them. */
  setMode(mode: GateMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    if (mode !== 'commit') this.committed(this.#issued);
  }

  /** What waits, to be sent to another standby in the same order. Commits keep their numbers. */
  get held(): readonly Uint8Array[] {
    return this.#held.slice(this.#gone);
  }

  takeEffects(): readonly GateEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #release(): void {
    const frame = this.#held[this.#gone++];
    this.#resolved++;
    if (frame === undefined) return;
    this.#heldBytes -= frame.length;
    this.#deliver(frame);
    if (this.#gone < 1024 && this.#gone < this.#held.length) return;
    this.#held = this.#held.slice(this.#gone);
    this.#gone = 0;
  }

  #deliver(frame: Uint8Array): void {
    this.#delivered++;
    this.#effects.push({ kind: 'deliver', frame });
  }
}
