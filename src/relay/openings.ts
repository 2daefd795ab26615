/**
 * Handshakes that this machine answers itself, watched as they pass: should it become the standby of a connection that began
 * here, this tells where its numbers began.
 */
import { monotonicUs } from '../linux/clock.ts';
import { Handshake, type SocketPlan } from '../sessions/handshake.ts';
import { bareOf, isFirst, type Packet } from '../sessions/packet.ts';

export interface Opening {
  readonly handshake: Handshake;
  /** When the SYN was here, µs. */
  readonly sinceUs: number;
}

/** How a connection began: the plan of its socket, and the packet that completed it, bare. */
export interface Beginning {
  readonly plan: SocketPlan;
  readonly packet: Packet;
}

/** Of each kind; the oldest give way. */
const openingsMax = 65_536;

export class Openings {
  readonly #openings = new Map<string, Opening>();
  readonly #beginnings = new Map<string, Beginning>();

  /** A packet from a client. `windowScale`: what this kernel announces, bits. */
  watch(packet: Packet, windowScale: number): void {
    const { flow } = packet;
    if (isFirst(packet)) {
      if (this.#openings.get(flow)?.handshake.repeats(packet) === true) return;
      this.#beginnings.delete(flow);
      this.begin(flow, packet);
      return;
    }
    const opening = this.#openings.get(flow);
    const plan = opening?.handshake.complete(packet, { windowScale, sack: true, timestamps: true });
    if (plan === undefined) return;
    this.#openings.delete(flow);
    this.#beginnings.set(flow, { plan, packet: bareOf(packet) });
  }

  begin(flow: string, syn: Packet): void {
    this.#openings.delete(flow);
    const handshake = Handshake.begin(bareOf(syn));
    if (handshake === undefined) return;
    this.#openings.set(flow, { handshake, sinceUs: monotonicUs() });
    if (this.#openings.size <= openingsMax) return;
    for (const oldest of this.#openings.keys()) {
      this.#openings.delete(oldest);
      return;
    }
  }

  /** Those that are not complete. */
  get names(): readonly string[] {
    return [...this.#openings.keys()];
  }

  get empty(): boolean {
    return this.#openings.size === 0;
  }

  get(flow: string): Opening | undefined {
    return this.#openings.get(flow);
  }

  beginning(flow: string): Beginning | undefined {
    return this.#beginnings.get(flow);
  }

  knows(flow: string): boolean {
    return this.#openings.has(flow) || this.#beginnings.has(flow);
  }

  forget(flow: string): void {
    this.#openings.delete(flow);
    this.#beginnings.delete(flow);
  }

  /** Those that are not complete go to `other`. */
  handOver(other: Openings): void {
    for (const [flow, opening] of this.#openings) other.#openings.set(flow, opening);
    this.clear();
  }

  clear(): void {
    this.#openings.clear();
    this.#beginnings.clear();
  }
}
