/**
 * What a handshake tells about a connection: everything its replica's socket is built from. The client's SYN has its
 * initial sequence number and options; its first acknowledgment has the server's (RFC 9293 §3.5).
 */

import { tcpFlag } from '../wire/tcp.ts';
import { decodeTcpOptions, type TcpOptions } from '../wire/tcp-options.ts';
import type { Endpoint, Packet } from './packet.ts';

/** An established connection as the server's socket has it. */
export interface SocketPlan {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** The next number this side sends. */
  readonly sendSequence: number;
  /** The next number expected. */
  readonly receiveSequence: number;
  /** What the client can take in one segment, bytes. */
  readonly mss: number;
  /** Bits; undefined: neither side scales. */
  readonly windowScale: { readonly theirs: number; readonly ours: number } | undefined;
  readonly sack: boolean;
  /** What the server's clock showed when it answered the SYN; undefined: no timestamps. */
  readonly timestamp: number | undefined;
  /** What the client is ready to take, bytes. */
  readonly sendWindow: number;
}

/** What our SYN-ACKs say; the same kernel settings on both machines give the same. */
export interface ServerOptions {
  /** Bits. */
  readonly windowScale: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
}

/** Without the option: RFC 9293 §3.7.1. */
const mssDefault = { ipv4: 536, ipv6: 1220 } as const;

export class Handshake {
  readonly #syn: Packet;
  readonly #options: TcpOptions;

  /** The client's SYN. Undefined when its options cannot be read: no server would have answered in a known way. */
  static begin(syn: Packet): Handshake | undefined {
    const options = decodeTcpOptions(syn.segment.options);
    return options.ok ? new Handshake(syn, options.value) : undefined;
  }

  private constructor(syn: Packet, options: TcpOptions) {
    this.#syn = syn;
    this.#options = options;
  }

  /** The SYN came again, not another connection's. */
  repeats(syn: Packet): boolean {
    return syn.segment.sequence === this.#syn.segment.sequence;
  }

  /**
   * The first packet after the SYN: with it the connection is complete. Undefined when it does not acknowledge, or belongs
   * to another connection between the same ends.
   */
  complete(packet: Packet, server: ServerOptions): SocketPlan | undefined {
    const { segment } = packet;
    const first = this.#syn.end;
    if ((segment.flags & (tcpFlag.ack | tcpFlag.rst)) !== tcpFlag.ack) return undefined;
    if (segment.sequence !== first) return undefined;
    const options = decodeTcpOptions(segment.options);
    if (!options.ok) return undefined;
    const theirs = this.#options.windowScale;
    const timestamps = server.timestamps && this.#options.timestamps !== undefined;
    const fallback = typeof packet.source.address === 'number' ? mssDefault.ipv4 : mssDefault.ipv6;
    return {
      local: packet.destination,
      remote: packet.source,
      sendSequence: segment.acknowledgment,
      receiveSequence: first,
      mss: this.#options.mss ?? fallback,
      windowScale: theirs === undefined ? undefined : { theirs, ours: server.windowScale },
      sack: server.sack && this.#options.sackPermitted,
      timestamp: timestamps ? options.value.timestamps?.echo : undefined,
      sendWindow: segment.window * 2 ** (theirs ?? 0),
    };
  }
}
