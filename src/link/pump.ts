/**
 * Between a socket and an end of the stream: bytes one way and the other, no more in memory than the socket's own buffer,
 * and the end's deadline on a timer.
 */
import type { Socket } from 'node:net';
import type { LinkEnd } from '../mirror/link-end.ts';
import { monotonicUs } from './clock.ts';

export class Pump {
  readonly #socket: Socket;
  readonly #end: LinkEnd;
  readonly #changed: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `changed` is called after the end was given something: its owner has news, and every pump may have to write. */
  constructor(socket: Socket, end: LinkEnd, changed: () => void) {
    this.#socket = socket;
    this.#end = end;
    this.#changed = changed;
    socket.setNoDelay(true);
    // The reason of an error is that of the 'close' after it: the connection is lost.
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      end.receive(bytes, monotonicUs());
      changed();
    });
    socket.on('drain', () => this.write());
    socket.on('close', () => {
      clearTimeout(this.#timer);
      end.lost();
      changed();
    });
  }

  get over(): boolean {
    return this.#socket.destroyed;
  }

  /** Writes what the end has, as far as the socket takes it, and sees to the deadline. */
  write(): void {
    if (this.#socket.destroyed) return;
    this.#socket.cork();
    while (!this.#socket.writableNeedDrain) {
      const bytes = this.#end.produce(monotonicUs());
      if (bytes === undefined) break;
      this.#socket.write(bytes);
    }
    this.#socket.uncork();
    if (this.#end.ended !== undefined) this.#socket.destroySoon();
    this.#schedule();
  }

  close(): void {
    this.#socket.destroy();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { deadlineUs } = this.#end;
    if (deadlineUs === undefined) return;
    const inMs = Math.max(1, Math.ceil((deadlineUs - monotonicUs()) / 1000));
    this.#timer = setTimeout(() => {
      this.#end.expire(monotonicUs());
      this.#changed();
      this.write();
    }, inMs);
  }
}
