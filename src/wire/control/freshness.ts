/**
 * Who is believed. An authentic datagram may still be a recording; only one that echoes our own boot nonce was
 * written after we started, and only a sequence number not seen before is not a repetition. No clock is asked.
 *
 * How two members come to believe each other: each puts the other's nonce, as last heard, into what it sends. The one
 * that started later has proven nobody yet, so it echoes what it hears; its first datagram with our nonce proves its
 * new boot to us. The one that has a proven peer keeps echoing that and does not listen to introductions at all: so a
 * recording cannot make it deaf to a living peer, and it need not, for the newcomer does the work.
 *
 * A datagram that echoes us, was lost, and is played back after the peer's restart looks like a newer boot. So another
 * boot replaces the proven one only when that has been quiet, or could not be heard, and even a replaced one returns, once its
 * successor is quiet, with a sequence number never heard from it: recordings run out, a living peer does not.
 */
import type { BootNonce, ControlMessage, NodeId, PathId } from './message.ts';
import { ReplayWindow } from './replay-window.ts';

/**
 * - `foreignCluster`, `wrongSender`, `notForUs`, `wrongPath`: meant for another place
 * - `reflected`: our own words came back; `sameNode`: somebody else who says that he is we
 * - `retiredBoot`: from a boot of the peer that another has replaced
 * - `replayed`: this sequence number was believed before; `stale`: too old to know whether it was
 */
export type FreshnessReason =
  | 'foreignCluster'
  | 'reflected'
  | 'sameNode'
  | 'wrongSender'
  | 'notForUs'
  | 'wrongPath'
  | 'retiredBoot'
  | 'replayed'
  | 'stale';

export type FreshnessVerdict =
  | { readonly verdict: 'believed' }
  /** Authentic, but without our nonce: it told us whom to echo, and nothing else of it counts. */
  | { readonly verdict: 'introduced' }
  | { readonly verdict: 'refused'; readonly reason: FreshnessReason };

export interface FreshnessOptions {
  readonly self: NodeId;
  readonly peer: NodeId;
  readonly cluster: number;
  readonly path: PathId;
  /** Our own nonce; not 0. */
  readonly boot: BootNonce;
}

/** How many replaced boots of a peer are remembered. */
const retiredMax = 64;
/** The proven boot is quiet when this many of our own datagrams left since we believed it last: no clock is needed. */
const quietSends = 4;

/** So often two boots of the peer spoke by turns: a restart makes one turn, delayed datagrams perhaps two. */
const contestsMin = 5;

const believed: FreshnessVerdict = { verdict: 'believed' };
const introduced: FreshnessVerdict = { verdict: 'introduced' };

/** One peer on one path: each path has its own echo, proof and window. */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #window = new ReplayWindow();
  /** Replaced boots, oldest first, and the highest sequence number heard from each. */
  readonly #retired = new Map<BootNonce, number>();
  #proven: BootNonce = 0;
  #sendsSinceBelieved = 0;
  /** Another boot, with the right echo, spoke after the proven one; and how often that one spoke again then. */
  #rival = false;
  #contests = 0;
  #candidate: BootNonce = 0;
  #lot = 0;
  #draw = 0;
  #drawn = true;

  constructor(options: FreshnessOptions) {
    if (options.boot === 0)
      throw new RangeError('a boot nonce of 0 would be echoed by members that know nobody');
    this.#options = options;
  }

  /**
   * What to put into `echoBoot` of the next datagram; read it once for each. The proven boot; before there is one, the
   * winner among the boots that introduced themselves since the last read, by lot: one lot for each boot, however often
   * it calls, drawn anew each time. So recordings of D old boots, in any number and any order, cannot keep a living
   * peer from being echoed: it wins one draw in D + 1.
   */
  get echo(): BootNonce {
    this.#drawn = true;
    this.#sendsSinceBelieved += 1;
    return this.#proven === 0 ? this.#candidate : this.#proven;
  }

  /** The boot that echoed ours, or 0 until one did. */
  get proven(): BootNonce {
    return this.#proven;
  }

  /** Two boots of the peer live at the same time: there are two of it. Until a boot gives way to another. */
  get contested(): boolean {
    return this.#contests >= contestsMin;
  }

  /**
   * The path has no carrier, and whoever was proven on it is not heard: so a peer that was started anew meanwhile need not
   * wait for that one's quiet when the carrier is back.
   */
  cutOff(): void {
    this.#sendsSinceBelieved = quietSends;
  }

  /** Judges an authentic message (the seal was right) and learns from it. */
  check(message: ControlMessage): FreshnessVerdict {
    const misplaced = this.#misplaced(message);
    if (misplaced !== undefined) return misplaced;
    const boot = message.senderBoot;
    const wasRetired = this.#retired.has(boot);
    if (message.echoBoot !== this.#options.boot) {
      if (wasRetired) return refusals.retiredBoot;
      this.#introduce(boot);
      return introduced;
    }
    if (boot !== this.#proven && !this.#prove(boot, message.sequence)) {
      this.#rival ||= !wasRetired;
      return wasRetired ? refusals.retiredBoot : introduced;
    }
    const seen = this.#window.admit(message.sequence);
    if (seen !== 'new') return refusals[seen];
    this.#sendsSinceBelieved = 0;
    if (this.#rival) this.#contests += 1;
    this.#rival = false;
    return believed;
  }

  #misplaced(message: ControlMessage): FreshnessVerdict | undefined {
    const { self, peer, cluster, path } = this.#options;
    if (message.cluster !== cluster) return refusals.foreignCluster;
    if (message.sender === self)
      return message.senderBoot === this.#options.boot ? refusals.reflected : refusals.sameNode;
    if (message.sender !== peer) return refusals.wrongSender;
    if (message.receiver !== self) return refusals.notForUs;
    if (message.path !== path) return refusals.wrongPath;
    return undefined;
  }

  #introduce(boot: BootNonce): void {
    if (this.#drawn) {
      this.#drawn = false;
      this.#draw += 1;
      this.#lot = -1;
    }
    const lot = mixed(boot, this.#draw, this.#options.boot);
    if (lot <= this.#lot) return;
    this.#lot = lot;
    this.#candidate = boot;
  }

  /** Puts another boot in the place of the proven one, unless that still speaks or this is nothing new. */
  #prove(boot: BootNonce, sequence: number): boolean {
    const heard = this.#retired.get(boot) ?? 0;
    if (sequence <= heard) return false;
    if (this.#proven !== 0) {
      if (this.#sendsSinceBelieved < quietSends) return false;
      this.#retire();
    }
    this.#retired.delete(boot);
    this.#proven = boot;
    this.#rival = false;
    this.#contests = 0;
    this.#window.restart(heard);
    return true;
  }

  #retire(): void {
    this.#retired.set(this.#proven, this.#window.highest);
    if (this.#retired.size <= retiredMax) return;
    const [oldest] = this.#retired.keys();
    if (oldest !== undefined) this.#retired.delete(oldest);
  }
}

/**
 * Whether a datagram that arrived with this TTL (or hop limit) can have come over at most `hops` routers, given that
 * it left with 255 (RFC 5082). Attached paths state 0 and demand 255.
 */
export function hopsAllowed(ttl: number, hops: number): boolean {
  return ttl >= 255 - hops;
}

const refusals: Readonly<Record<FreshnessReason, FreshnessVerdict>> = {
  foreignCluster: { verdict: 'refused', reason: 'foreignCluster' },
  reflected: { verdict: 'refused', reason: 'reflected' },
  sameNode: { verdict: 'refused', reason: 'sameNode' },
  wrongSender: { verdict: 'refused', reason: 'wrongSender' },
  notForUs: { verdict: 'refused', reason: 'notForUs' },
  wrongPath: { verdict: 'refused', reason: 'wrongPath' },
  retiredBoot: { verdict: 'refused', reason: 'retiredBoot' },
  replayed: { verdict: 'refused', reason: 'replayed' },
  stale: { verdict: 'refused', reason: 'stale' },
};

/** A boot's lot in a draw: 32 well mixed bits (the finalizer of MurmurHash3 over the parts). */
function mixed(boot: BootNonce, draw: number, salt: number): number {
  let bits = salt >>> 0;
  for (const part of [boot % 0x1_0000_0000, Math.floor(boot / 0x1_0000_0000), draw]) {
    bits ^= part >>> 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
    bits ^= bits >>> 16;
  }
  return bits >>> 0;
}
