/** Which frames speak with a service address: the question the capture at the switch asks of every frame. No I/O. */

/** The service addresses as they stand in a frame: 4 and 16 bytes. */
export interface Voices {
  readonly v4: Uint8Array;
  readonly v6: Uint8Array;
}

/**
 * `data`: an IP packet with a service address as source. `claim`: an ARP packet with it as sender, or a neighbour
 * advertisement for it: what makes hosts change their tables.
 */
export type Voice = 'data' | 'claim';

const etherTypes = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd };
const icmpv6 = 58;
const neighbourAdvertisement = 136;

/** The kind of voice in an Ethernet frame, or undefined when it does not speak with a service address. */
export function voiceOf(frame: Uint8Array, voices: Voices): Voice | undefined {
  if (frame.length < 42) return undefined;
  const etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  if (etherType === etherTypes.ipv4) return holds(frame, 26, voices.v4) ? 'data' : undefined;
  if (etherType === etherTypes.arp) return holds(frame, 28, voices.v4) ? 'claim' : undefined;
  if (etherType !== etherTypes.ipv6) return undefined;
  if (frame[20] === icmpv6 && frame[54] === neighbourAdvertisement && holds(frame, 62, voices.v6)) {
    return 'claim';
  }
  return holds(frame, 22, voices.v6) ? 'data' : undefined;
}

function holds(frame: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  if (frame.length < offset + bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (frame[offset + i] !== bytes[i]) return false;
  return true;
}

/** A voice at a port, by its number; CLOCK_MONOTONIC microseconds. */
export interface Heard {
  readonly port: number;
  readonly atUs: number;
}

/** The last voices heard at each port, in a ring. */
export class VoiceRecord {
  readonly #atUs: Float64Array;
  readonly #port: Uint8Array;
  readonly #claim: Uint8Array;
  #next = 0;
  #forgottenUs = 0;

  constructor(capacity = 131_072) {
    this.#atUs = new Float64Array(capacity);
    this.#port = new Uint8Array(capacity);
    this.#claim = new Uint8Array(capacity);
  }

  add(port: number, voice: Voice, atUs: number): void {
    const slot = this.#next % this.#atUs.length;
    if (this.#next++ >= this.#atUs.length)
      this.#forgottenUs = Math.max(this.#forgottenUs, this.#atUs[slot] ?? 0);
    this.#atUs[slot] = atUs;
    this.#port[slot] = port;
    this.#claim[slot] = voice === 'claim' ? 1 : 0;
  }

  /** When the last voice was heard that is forgotten: later ones are all there. 0: none is forgotten. */
  get forgottenUs(): number {
    return this.#forgottenUs;
  }

  /** The first claim at `port` after `sinceUs`, or null. */
  firstClaim(port: number, sinceUs: number): number | null {
    for (const slot of this.#since(sinceUs)) {
      if (this.#port[slot] === port && this.#claim[slot] === 1) return this.#atUs[slot] ?? null;
    }
    return null;
  }

  /** How many frames at `port` spoke with a service address (in this way) after `sinceUs` and before `untilUs`. */
  count(port: number, sinceUs: number, untilUs: number = Number.POSITIVE_INFINITY, voice?: Voice): number {
    let frames = 0;
    for (const slot of this.#since(sinceUs)) {
      if (this.#port[slot] !== port || (this.#atUs[slot] ?? 0) >= untilUs) continue;
      if (voice === undefined || (voice === 'claim') === (this.#claim[slot] === 1)) frames++;
    }
    return frames;
  }

  /** The last frame at `port` that spoke with a service address after `sinceUs` and before `untilUs`, or null. */
  last(port: number, sinceUs: number, untilUs: number): number | null {
    let last: number | null = null;
    for (const slot of this.#since(sinceUs)) {
      const atUs = this.#atUs[slot] ?? 0;
      if (this.#port[slot] === port && atUs < untilUs) last = atUs;
    }
    return last;
  }

  /** What was heard in between, at all ports; in order for each of them. */
  *between(sinceUs: number, untilUs: number): Generator<Heard> {
    for (const slot of this.#since(sinceUs)) {
      const atUs = this.#atUs[slot] ?? 0;
      if (atUs < untilUs) yield { port: this.#port[slot] ?? 0, atUs };
    }
  }

  /** Slots in the order in which they were added: for one port, that of time. */
  *#since(sinceUs: number): Generator<number> {
    const capacity = this.#atUs.length;
    for (let number = Math.max(0, this.#next - capacity); number < this.#next; number++) {
      const slot = number % capacity;
      if ((this.#atUs[slot] ?? 0) > sinceUs) yield slot;
    }
  }
}
