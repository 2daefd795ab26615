/**
 * One connection's input on its way into the standby's kernel. Packets pass in the order in which the active's kernel got
 * them, each when the replica's own output has come as far as the packet acknowledges: an acknowledgment of what was
 * never sent is thrown away by TCP, with its data. A replica whose congestion window keeps it behind is told in steps of
 * what it has sent: the client has acknowledged more than that. What the kernel did not take (no window, no memory) stays
 * and is given again. Facts of the socket in, steps out: no clock, no socket.
 */

import { tcpFlag } from '../wire/tcp.ts';
import { acknowledgmentOnly, type Packet } from './packet.ts';
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

export class ReplicaInput {
  readonly #bytesMax: number;
  readonly #windowScale: number;
  #waiting: Packet[] = [];
  #first = 0;
  /** Given to the kernel, not known to have been taken. In order of arrival. */
  #unconfirmed: Packet[] = [];
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

  /** False when there is no room: then this replica has lost its connection, and says so. */
  arrive(packet: Packet): boolean {
    if (this.#bytes + packet.frame.length > this.#bytesMax) return false;
    this.#waiting.push(packet);
    this.#bytes += packet.frame.length;
    return true;
  }

  /** The next thing to do, or undefined while the socket must get further first. */
  next(progress: Progress): Step | undefined {
    this.#confirm(progress.receiveNext);
    const packet = this.#waiting[this.#first];
    if (packet === undefined) return undefined;
    const { flags, acknowledgment } = packet.segment;
    if ((flags & tcpFlag.ack) !== 0 && isAfter(acknowledgment, progress.sendNext)) {
      if (!isAfter(progress.sendNext, progress.sendUnacknowledged)) return undefined;
      this.#partials++;
      // Not younger than what the kernel may have to take again: its timestamp would make that look old (RFC 7323 §5).
      const model = this.#unconfirmed[0] ?? packet;
      const window = this.#windowOf(packet, progress.sendNext);
      return {
        frame: acknowledgmentOnly(model, progress.receiveNext, progress.sendNext, window),
        partial: true,
      };
    }
    this.#first++;
    if (this.#first > 256) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    if (isAfter(packet.end, progress.receiveNext)) this.#unconfirmed.push(packet);
    else this.#bytes -= packet.frame.length;
    return { frame: packet.frame, partial: false };
  }

  /** What the kernel has not taken, to be given again in order. */
  repeat({ receiveNext }: Progress): readonly Uint8Array[] {
    this.#confirm(receiveNext);
    this.#repeats += this.#unconfirmed.length;
    return [...this.#unconfirmed]
      .sort((one, other) => distance(other.segment.sequence, one.segment.sequence))
      .map((packet) => packet.frame);
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
    if (this.#unconfirmed.length === 0) return;
    const kept = this.#unconfirmed.filter((packet) => isAfter(packet.end, receiveNext));
    if (kept.length === this.#unconfirmed.length) return;
    for (const packet of this.#unconfirmed) {
      if (!isAfter(packet.end, receiveNext)) this.#bytes -= packet.frame.length;
    }
    this.#unconfirmed = kept;
  }
}
