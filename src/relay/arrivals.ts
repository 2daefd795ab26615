/**
 * What becomes of a packet: of those off the LAN the ones for connections that are known here go on to the other machine, and
 * when that has them to the kernel or to a replica; those that the other machine had first go to replicas.
 */
import { monotonicUs } from '../linux/clock.ts';
import { decodePacket, isFirst, type Packet } from '../sessions/packet.ts';
import type { Accepted } from './accepted.ts';
import type { EarlyFrames } from './early.ts';
import type { EndedFlows } from './ended.ts';
import type { Openings } from './openings.ts';
import type { Partner } from './partner.ts';
import type { Replicas } from './replicas.ts';
import type { ServiceWire } from './wire.ts';

export interface ArrivalParts {
  readonly wire: ServiceWire;
  readonly early: EarlyFrames;
  readonly partner: Partner;
  readonly replicas: Replicas;
  readonly accepted: Accepted;
  /** Handshakes that are answered here. */
  readonly openings: Openings;
  readonly ended: EndedFlows;
  /** The service's. */
  readonly port: number;
  /** That this machine announces, bits. */
  readonly windowScale: number;
  /** This machine speaks. */
  readonly leads: () => boolean;
}

export class Arrivals {
  readonly #parts: ArrivalParts;

  constructor(parts: ArrivalParts) {
    this.#parts = parts;
  }

  /** Frames that the diversion took off the LAN. */
  receive(): void {
    const { replicas, wire, partner } = this.#parts;
    // Those of older frames that are only looked at are looked at before their memory is used again.
    replicas.settle();
    wire.receive(partner.oldest, (frame) => this.#arrive(frame));
    partner.flush();
  }

  /** Those that came before this machine knew that it leads. */
  takeEarly(): void {
    for (const frame of this.#parts.early.take()) this.#arrive(frame);
  }

  /** A packet that the other machine had first. */
  mirrored(frame: Uint8Array): void {
    const packet = decodePacket(frame);
    if (packet.ok) this.#parts.replicas.arrive(packet.value, false);
  }

  /** The standby has it, or there is none. */
  deliver(frame: Uint8Array): void {
    const { replicas, wire } = this.#parts;
    if (!replicas.empty) {
      const packet = decodePacket(frame);
      if (packet.ok && replicas.arrive(packet.value, true)) return;
    }
    wire.inject(frame);
  }

  /**
   * The other machine had it while it thought itself the active. Its kernel may have answered a SYN: then the connection goes on
   * from there with what its client sends next; else the SYN comes again.
   */
  stray(frame: Uint8Array): void {
    const { accepted, replicas } = this.#parts;
    const packet = decodePacket(frame);
    if (!packet.ok || !isFirst(packet.value)) return this.#arrive(frame);
    if (accepted.get(packet.value.flow) === undefined) replicas.arrive(packet.value, false);
  }

  #arrive(frame: Uint8Array): void {
    const { port, leads, early, replicas, openings, ended, partner, windowScale } = this.#parts;
    const packet = decodePacket(frame);
    // The kernel says things of its own into the device; what is no packet of the service is nobody's.
    if (!packet.ok || packet.value.destination.port !== port) return;
    if (!leads()) return early.keep(frame);
    const { flow } = packet.value;
    const begins = isFirst(packet.value);
    if (begins || !replicas.has(flow)) openings.watch(packet.value, windowScale);
    if (!begins && !this.#knows(flow)) return this.#stranger(packet.value);
    if (begins) ended.delete(flow);
    partner.arrive(frame, begins ? flow : undefined, monotonicUs());
  }

  /** The other machine may have answered its SYN a moment ago, and has not said yet that it leads no more: then it comes again. */
  #stranger(packet: Packet): void {
    const { partner, wire } = this.#parts;
    if (!partner.leads) wire.refuse(packet);
  }

  #knows(flow: string): boolean {
    const { accepted, replicas, openings, ended } = this.#parts;
    if (accepted.get(flow) !== undefined || replicas.knows(flow)) return true;
    return openings.knows(flow) || ended.has(flow);
  }
}
