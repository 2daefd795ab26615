/**
 * What answers a connection: a deterministic program, whose output depends on nothing but its input. It sees a stream of
 * bytes and makes one; how they were cut into segments, and when they came, it cannot tell. So two machines that are fed
 * the same bytes say the same. It may be a piece of this process or a server that this process is connected to
 * (`backend.ts`); nothing in it blocks.
 */
import type { SocketEnd } from '../linux/service-socket.ts';
import type { FlowKey } from '../sessions/packet.ts';
import type { Readiness } from './readiness.ts';

export interface Program {
  /** How many bytes it takes now. 0: its site is woken when it takes more. */
  readonly appetite: number;
  /** The next bytes of the client, at most `appetite`. A view, valid during the call. */
  feed(bytes: Uint8Array): void;
  /** The client says no more. */
  end(): void;
  /** The next bytes of its answer, at most `max`; none when it has nothing to say now. They are the caller's. */
  produce(max: number): Uint8Array;
  /** It has said all it will, and closes the connection. */
  readonly finished: boolean;
  /** It broke down: it will say nothing more, and has not come to its end. */
  readonly failed: boolean;
  /** The connection is over: lets go of everything. */
  close(): void;
}

/** Where a program runs. */
export interface Site {
  readonly flow: FlowKey;
  readonly client: SocketEnd;
  readonly readiness: Readiness;
  /** It has something to say, or takes more, or has come to its end: not to be called from within its own functions. */
  wake(): void;
}

/** A program for a new connection. Must not throw. */
export type Programs = (site: Site) => Program;
