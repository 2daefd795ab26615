/**
 * An ordinary server as the program: each connection of the service is a connection to it. It is anything that answers the
 * same bytes with the same bytes. Flow control goes through: what the server does not take is not read from the client,
 * what the client does not take is not read from the server, and each side's end is the other's.
 */

import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { EAGAIN, EINTR, ENOTCONN, EPIPE } from '../linux/errno.ts';
import { OperationError } from '../linux/errors.ts';
import { type ServerPlace, ServiceSocket } from '../linux/service-socket.ts';
import type { Program, Programs, Site } from './program.ts';

/** What the server may leave lying, bytes. */
const unsentBytesMax = 1 << 18;
const read = Buffer.alloc(1 << 16);
const nothing = new Uint8Array(0);

/** A connection to the server at `place` for each of the service. */
export function backend(place: ServerPlace): Programs {
  return (site) => {
    try {
      return new Backend(site, ServiceSocket.connectTo(place));
    } catch (error) {
      if (error instanceof OperationError) return new Unreachable();
      throw error;
    }
  };
}

class Backend implements Program {
  readonly #site: Site;
  readonly #socket: ServiceSocket;
  /** Of the client's, what the server has not taken. */
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  /** The client says no more; passed on when all before it is. */
  #ending = false;
  /** The server reads no more: what the client says goes nowhere, as with the server's own socket. */
  #deaf = false;
  #reset = false;
  /** What the descriptor is watched for. */
  #events = 0;
  #watched = false;
  /** The server has said nothing since it was asked: it is not asked again before it can be read. */
  #silent = false;
  #closed = false;
  finished = false;
  failed = false;

  constructor(site: Site, socket: ServiceSocket) {
    this.#site = site;
    this.#socket = socket;
  }

  get appetite(): number {
    return this.failed ? 0 : Math.max(unsentBytesMax - this.#unsentBytes, 0);
  }

  feed(bytes: Uint8Array): void {
    if (this.#deaf) return;
    // What can leave at once is not copied.
    const count = this.#unsentBytes === 0 ? this.#socket.write(bytes) : 0;
    if (count < 0 && count !== -EAGAIN && count !== -EINTR) return this.#refused(-count);
    const left = bytes.subarray(Math.max(count, 0));
    if (left.length === 0) return;
    this.#unsent.push(Uint8Array.from(left));
    this.#unsentBytes += left.length;
    this.#send();
  }

  end(): void {
    this.#ending = true;
    this.#send();
  }

  produce(max: number): Uint8Array {
    if (this.finished || this.failed || this.#closed || this.#silent) return nothing;
    const count = this.#socket.read(read.subarray(0, max));
    if (count > 0) return Uint8Array.from(read.subarray(0, count));
    if (count === 0) {
      this.finished = !this.#reset;
      this.failed = this.#reset;
    } else if (count === -EAGAIN || count === -EINTR) {
      this.#silent = true;
      this.#want(EPOLLIN);
    } else this.failed = true;
    return nothing;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#watched) this.#site.readiness.forget(this.#socket.fd);
    this.#socket.close();
  }

  #send(): void {
    while (!this.#deaf && this.#unsent.length > 0) {
      const bytes = this.#unsent.length === 1 ? (this.#unsent[0] ?? nothing) : Buffer.concat(this.#unsent);
      const count = this.#socket.write(bytes);
      if (count === -EAGAIN || count === -EINTR) {
        this.#unsent = [bytes];
        this.#want(EPOLLOUT);
        return;
      }
      if (count < 0) return this.#refused(-count);
      this.#unsentBytes -= count;
      this.#unsent = count === bytes.length ? [] : [bytes.subarray(count)];
    }
    if (this.#ending) this.#socket.finish();
  }

  /** The server takes no more. What it said before, or why it broke down, is found by reading. */
  #refused(errno: number): void {
    this.#deaf = true;
    this.#silent = false;
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#reset = errno !== EPIPE && errno !== ENOTCONN;
  }

  #want(event: number): void {
    this.#events |= event;
    this.#watch();
  }

  #watch(): void {
    const { readiness } = this.#site;
    if (this.#watched) readiness.change(this.#socket.fd, this.#events);
    else readiness.watch(this.#socket.fd, this.#events, () => this.#ready());
    this.#watched = true;
  }

  /** Asked once, answered once: who still wants something asks again, mostly for the same: then the kernel is not told. */
  #ready(): void {
    this.#events = 0;
    this.#silent = false;
    this.#send();
    this.#site.wake();
    if (!this.#closed) this.#watch();
  }
}

/** A server that cannot even be asked. */
class Unreachable implements Program {
  readonly appetite = 0;
  readonly finished = false;
  readonly failed = true;

  feed(): void {}
  end(): void {}
  close(): void {}

  produce(): Uint8Array {
    return nothing;
  }
}
