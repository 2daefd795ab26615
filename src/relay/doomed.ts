/**
 * Connections that cannot go on after a takeover, because their replica said something else or was lost: their clients are
 * to be told by an RST. It must have the very number that the client expects (RFC 5961 §3.2), and what the dead active
 * sent last is not known here. So the client is made to say it, by a byte that it has already; its answer is answered by
 * the RST, and so is whatever else it sends.
 */
import { OperationError } from '../linux/errors.ts';
import { ServiceSocket } from '../linux/service-socket.ts';
import { openRepaired } from '../linux/tcp-repair.ts';
import type { SocketPlan } from '../sessions/handshake.ts';
import { bareOf, type FlowKey, type Packet } from '../sessions/packet.ts';
import { tcpFlag } from '../wire/tcp.ts';

interface Doomed {
  readonly plan: SocketPlan;
  /** The client's newest packet. */
  last: Packet;
  questions: number;
  told: boolean;
}

const doomedMax = 65_536;
/** How often a client that does not answer is asked. */
const questionsMax = 8;
const window = 65_535;

export class DoomedConnections {
  readonly #farewellMark: number;
  readonly #doomed = new Map<FlowKey, Doomed>();
  #reset = 0;

  constructor(farewellMark: number) {
    this.#farewellMark = farewellMark;
  }

  get size(): number {
    return this.#doomed.size;
  }

  has(flow: FlowKey): boolean {
    return this.#doomed.has(flow);
  }

  /** Clients that were told. */
  get reset(): number {
    return this.#reset;
  }

  /** Its own socket must be closed. The oldest is forgotten when there are too many. */
  add(flow: FlowKey, plan: SocketPlan, last: Packet): void {
    this.#doomed.set(flow, { plan, last, questions: 0, told: false });
    if (this.#doomed.size <= doomedMax) return;
    for (const oldest of this.#doomed.keys()) {
      this.#doomed.delete(oldest);
      return;
    }
  }

  forget(flow: FlowKey): void {
    this.#doomed.delete(flow);
  }

  clear(): void {
    this.#doomed.clear();
  }

  /** A packet of the client, no SYN. False: not of these. */
  arrive(packet: Packet, speaks: boolean): boolean {
    const doomed = this.#doomed.get(packet.flow);
    if (doomed === undefined) return false;
    const { flags } = packet.segment;
    if ((flags & tcpFlag.rst) !== 0) this.#doomed.delete(packet.flow);
    else if ((flags & tcpFlag.ack) !== 0) {
      doomed.last = bareOf(packet);
      if (!speaks || !this.#speak(doomed, 'reset')) return true;
      if (!doomed.told) this.#reset++;
      doomed.told = true;
    }
    return true;
  }

  /** Asks each client that was not told yet, one more time. */
  ask(): void {
    for (const doomed of this.#doomed.values()) {
      if (doomed.told || doomed.questions >= questionsMax) continue;
      doomed.questions++;
      this.#speak(doomed, 'ask');
    }
  }

  /** By a socket that exists for this only. False: it could not be made. */
  #speak({ plan, last }: Doomed, what: 'ask' | 'reset'): boolean {
    try {
      const fd = openRepaired({
        ...plan,
        sendSequence: last.segment.acknowledgment,
        receiveSequence: last.end,
        receiveWindow: window,
        sendWindow: window,
        // The client's clock rule (RFC 7323 §5.3) does not hold for an RST, nor is a question without one refused.
        timestamp: undefined,
        probe: what === 'ask',
      });
      const socket = new ServiceSocket(fd);
      if (what === 'reset') socket.mark(this.#farewellMark);
      socket.abort();
      return true;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      return false;
    }
  }
}
