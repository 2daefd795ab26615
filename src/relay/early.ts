/** Frames for the service that arrive while the fence is open and the relay has not heard of it yet. */
import { monotonicUs } from '../linux/clock.ts';
import { offloadHeaderLength } from '../sessions/packet.ts';
import { type MacAddress, readMac } from '../wire/address.ts';

const bytesMax = 4 << 20;
/** A client has sent it again by then. */
const ageUs = 500_000;

export class EarlyFrames {
  readonly #macs: readonly MacAddress[];
  #frames: { readonly frame: Uint8Array; readonly atUs: number }[] = [];
  #bytes = 0;

  /** `macs`: this machine's on the LAN, and the waiting room's. */
  constructor(macs: readonly MacAddress[]) {
    this.#macs = macs;
  }

  keep(frame: Uint8Array): void {
    // A switch that does not know where the active is sends its packets everywhere.
    if (!this.#macs.includes(readMac(frame, offloadHeaderLength))) return;
    if (this.#bytes + frame.length > bytesMax) this.#drop();
    this.#frames.push({ frame: Uint8Array.from(frame), atUs: monotonicUs() });
    this.#bytes += frame.length;
  }

  take(): readonly Uint8Array[] {
    const sinceUs = monotonicUs() - ageUs;
    const young = this.#frames.filter(({ atUs }) => atUs >= sinceUs);
    this.#drop();
    return young.map(({ frame }) => frame);
  }

  #drop(): void {
    this.#frames = [];
    this.#bytes = 0;
  }
}
