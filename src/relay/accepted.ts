/** Connections of the service that this machine answered itself: its listeners, and what they gave. */
import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { ServiceListener } from '../linux/service-socket.ts';
import { type Commitment, SharedOutput } from '../sessions/output.ts';
import { type FlowKey, flowKey } from '../sessions/packet.ts';
import type { IpAddress } from '../wire/address.ts';
import type { SharedSession } from './flow.ts';
import type { Programs } from './program.ts';
import type { Readiness } from './readiness.ts';
import { Session } from './session.ts';

export interface AcceptedOptions {
  readonly addresses: readonly IpAddress[];
  readonly port: number;
  readonly program: Programs;
  readonly readiness: Readiness;
  readonly farewellMark: number;
  /** This machine leads; else a connection that the kernel has is nobody's. */
  readonly leads: () => boolean;
  /** Tells the other machine what a connection is about to say. See `SharedOutput`. */
  readonly commit: (flow: FlowKey, commitment: Commitment) => boolean;
  /** Whether the other machine agrees that this connection may be closed. */
  readonly mayClose: (session: SharedSession) => boolean;
  /** A program has something to do. The connection may be a replica by now. */
  readonly wake: (flow: FlowKey) => void;
  readonly ended: (flow: FlowKey) => void;
}

const backlog = 1024;

export class Accepted {
  readonly #options: AcceptedOptions;
  readonly #sessions = new Map<FlowKey, SharedSession>();
  #listeners: ServiceListener[] = [];

  constructor(options: AcceptedOptions) {
    this.#options = options;
    this.#listen();
  }

  get names(): readonly FlowKey[] {
    return [...this.#sessions.keys()];
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(flow: FlowKey): SharedSession | undefined {
    return this.#sessions.get(flow);
  }

  /** Lets a connection do what it can, and close when that is agreed. What it has to read is reported (`readable`). */
  progress(session: SharedSession, readable = false): void {
    if (this.#sessions.get(session.flow) !== session) return;
    session.pump(readable);
    const atEnd = session.broken || (session.finished && !session.finishing);
    const mayClose = atEnd && this.#options.mayClose(session);
    if (session.broken && mayClose) return this.#end(session, true);
    if (mayClose) session.finish(this.#options.farewellMark);
    if (session.over) return this.#end(session, false);
    this.#options.readiness.change(
      session.socket.fd,
      (session.reading ? EPOLLIN : 0) | (session.blocked ? EPOLLOUT : 0),
    );
  }

  /** What the kernel has and nobody took yet is of here, too. */
  acceptWaiting(): void {
    for (const [index, listener] of this.#listeners.entries()) {
      const address = this.#options.addresses[index];
      if (address !== undefined) this.#accept(listener, address, true);
    }
  }

  /** All of them, which are no more of here; nothing that was not accepted yet will be. */
  takeAll(): readonly SharedSession[] {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const { socket } of sessions) this.#options.readiness.forget(socket.fd);
    this.close();
    this.#listen();
    return sessions;
  }

  /** Listens no more. */
  close(): void {
    for (const listener of this.#listeners) {
      this.#options.readiness.forget(listener.fd);
      listener.close();
    }
    this.#listeners = [];
  }

  #listen(): void {
    const { addresses, port, readiness } = this.#options;
    this.#listeners = addresses.map((address) => {
      const listener = ServiceListener.open({ address, port, backlog, early: true });
      readiness.watch(listener.fd, EPOLLIN, () => this.#accept(listener, address, this.#options.leads()));
      return listener;
    });
  }

  #accept(listener: ServiceListener, address: IpAddress, wanted: boolean): void {
    const { port, program, readiness, commit, wake } = this.#options;
    for (;;) {
      const accepted = listener.accept();
      if (accepted === undefined) return;
      if (!wanted) {
        accepted.socket.vanish();
        continue;
      }
      const flow = flowKey(accepted.from, { address, port });
      const site = { flow, client: accepted.from, readiness, wake: () => wake(flow) };
      const output = SharedOutput.leading((commitment) => commit(flow, commitment));
      const session = new Session(flow, accepted.socket, program(site), output);
      this.#sessions.set(flow, session);
      readiness.watch(session.socket.fd, EPOLLIN, () => this.progress(session, true));
      this.progress(session, true);
    }
  }

  #end(session: SharedSession, aborted: boolean): void {
    this.#options.readiness.forget(session.socket.fd);
    if (aborted) session.abort(this.#options.farewellMark);
    else session.close();
    this.#sessions.delete(session.flow);
    this.#options.ended(session.flow);
  }
}
