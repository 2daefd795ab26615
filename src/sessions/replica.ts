/**
 * One connection's input on its way into the standby's kernel. Packets pass in the order in which the active's kernel got
 * them, each when the replica's own output has come as far as the packet acknowledges: an acknowledgment of what was
 * never sent is thrown away by TCP, with its data. A replica whose congestion window keeps it behind is told in steps of
 * what it has sent: the client has acknowledged more than that. What the kernel did not take (no window, no memory) stays
 * and is given again. Facts of the socket in, steps out: no clock, no socket.
 */

import { tcpFlag } from '../wire/tcp.ts';
import { acknowledgmentOnly, ownPacket, type Packet } from './packet.ts';
import { distance, isAfter } from './sequence.ts';

/** What the replica's socket says of itself, as sequence numbers. */
export interface Progress {
  /** The next number it sends; a FIN that it sent counts. */
  readonly sendNext: number;
  /** The oldest number not acknowledged yet. */
  readonly sendUnacknowledged: number;
  /** The next number it expects. */
  readonly receiveNext: number;
}

/** Let the kernel receive this frame; then ask again. */
export interface Step {
  readonly frame: Uint8Array;
  /** Made here: the beginning of an acknowledgment that reaches too far. */
  readonly partial: boolean;
}

/** A packet that is not over; its frame may be a view of what somebody else will use again. */
interface Held {
  packet: Packet;
  readonly stamp: number | undefined;
  over: boolean;
}

export class ReplicaInput {
  readonly #bytesMax: number;
  readonly #windowScale: number;
  #waiting: Held[] = [];
  #first = 0;
  /** Given to the kernel, not known to have been taken. In order of arrival. */
  #unconfirmed: Held[] = [];
  /** Of these, the ones that came since `keep`. */
  #borrowed: Held[] = [];
  /** What was confirmed last. */
  #confirmedTo: number | undefined;
  /** The options of what the kernel took, with the newest timestamp of those; in bytes of their own. */
  #taken: { readonly stamp: number; readonly options: Uint8Array } | undefined;
  #bytes = 0;
  #partials = 0;
  #repeats = 0;

  /** `bytesMax`: what may be kept, bytes; `windowScale`: of the client's windows, bits. */
  constructor(bytesMax: number, windowScale = 0) {
    this.#bytesMax = bytesMax;
    this.#windowScale = windowScale;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Packets that still wait to be given. */
  get waiting(): number {
    return this.#waiting.length - this.#first;
  }

  /** Acknowledgments given in steps, and packets given again, since the beginning. */
  get counts(): { readonly partials: number; readonly repeats: number } {
    return { partials: this.#partials, repeats: this.#repeats };
  }

  /** Something was given that the kernel has not taken: ask for `repeat` after a while. */
  get incomplete(): boolean {
    return this.#unconfirmed.length > 0;
  }

  /**
   * False when there is no room: then this replica has lost its connection, and says so. The packet's bytes may be a view that
   * is valid until `keep`. One that acknowledges less than those that wait was given to the other machine, and comes late: what
   * they wait for is the answer to it. `stamp`: the client's clock in it, where the connection has timestamps.
   */
  arrive(packet: Packet, stamp?: number): boolean {
    if (this.#bytes + packet.frame.length > this.#bytesMax) return false;
    const held = { packet, stamp, over: false };
    let at = this.#waiting.length;
    while (at > this.#first && comesBefore(packet, this.#waiting[at - 1]?.packet)) at--;
    this.#waiting.splice(at, 0, held);
    this.#borrowed.push(held);
    this.#bytes += packet.frame.length;
    return true;
  }

  /** What is not over gets bytes of its own. */
  keep(): void {
    for (const held of this.#borrowed) if (!held.over) held.packet = ownPacket(held.packet);
    this.#borrowed = [];
  }

  /** The next packet may be given to a socket that has come at least so far. */
  passes({ sendNext }: Progress): boolean {
    const segment = this.#waiting[this.#first]?.packet.segment;
    if (segment === undefined) return false;
    return (segment.flags & tcpFlag.ack) === 0 || !isAfter(segment.acknowledgment, sendNext);
  }

  /** The next thing to do, or undefined while the socket must get further first. */
  next(progress: Progress): Step | undefined {
    this.#confirm(progress.receiveNext);
    const held = this.#waiting[this.#first];
    if (held === undefined) return undefined;
    const { packet } = held;
    if (!this.passes(progress)) {
      if (!isAfter(progress.sendNext, progress.sendUnacknowledged)) return undefined;
      this.#partials++;
      return { frame: this.#partial(packet, progress), partial: true };
    }
    this.#first++;
    if (this.#first > 256) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    if (isAfter(packet.end, progress.receiveNext)) this.#unconfirmed.push(held);
    else this.#end(held);
    return { frame: packet.frame, partial: false };
  }

  /** What the kernel has not taken, to be given again in order. */
  repeat({ receiveNext }: Progress): readonly Uint8Array[] {
    this.#confirm(receiveNext);
    this.#repeats += this.#unconfirmed.length;
    return this.#unconfirmed
      .map(({ packet }) => packet)
      .sort((one, other) => distance(other.segment.sequence, one.segment.sequence))
      .map((packet) => packet.frame);
  }

  /**
   * An acknowledgment of what was sent. Its timestamp must not make look old what the kernel has yet to take (RFC 7323 §5), be
   * it something that it did not take, or that the other machine delivered and this one hears of later; nor be older itself than
   * what the kernel took: so it has the newest one of what was given from where the kernel is.
   */
  #partial(packet: Packet, { sendNext, receiveNext }: Progress): Uint8Array {
    for (const held of this.#unconfirmed)
      if (!isAfter(held.packet.segment.sequence, receiveNext)) this.#stamp(held);
    const { segment } = this.#unconfirmed[0]?.packet ?? packet;
    const model = { ...packet, segment: { ...segment, options: this.#taken?.options ?? segment.options } };
    return acknowledgmentOnly(model, receiveNext, sendNext, this.#windowOf(packet, sendNext));
  }

  #stamp({ packet, stamp }: Held): void {
    if (stamp === undefined || (this.#taken !== undefined && !isAfter(stamp, this.#taken.stamp))) return;
    this.#taken = { stamp, options: Uint8Array.from(packet.segment.options) };
  }

  /**
   * The window field that reaches as far as the packet's when it acknowledges `from` only: a shorter one might close the
   * window before the replica has sent what the active could.
   */
  #windowOf({ segment }: Packet, from: number): number {
    const more = distance(from, segment.acknowledgment);
    return Math.min(segment.window + Math.ceil(more / 2 ** this.#windowScale), 0xffff);
  }

  #confirm(receiveNext: number): void {
    if (this.#unconfirmed.length === 0 || receiveNext === this.#confirmedTo) return;
    this.#confirmedTo = receiveNext;
    const over = this.#unconfirmed.filter(({ packet }) => !isAfter(packet.end, receiveNext));
    if (over.length === 0) return;
    for (const held of over) this.#end(held);
    this.#unconfirmed = this.#unconfirmed.filter((held) => !held.over);
  }

  #end(held: Held): void {
    held.over = true;
    this.#stamp(held);
    this.#bytes -= held.packet.frame.length;
  }
}

function comesBefore({ segment }: Packet, other: Packet | undefined): boolean {
  if (other === undefined || (segment.flags & other.segment.flags & tcpFlag.ack) === 0) return false;
  return isAfter(other.segment.acknowledgment, segment.acknowledgment);
}
