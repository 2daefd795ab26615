/**
 * Output commit: what a program writes leaves only when the state that it may speak of is held by the standby. A guarded
 * socket is read and written like the socket in it; each write waits for the commits made before it.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** What a guard asks of the shadow. */
export interface OutputGate {
  /** Commits what has changed, and resolves when everything so far may be spoken of. Rejects when that will not be. */
  release(): Promise<unknown>;
}

type Done = (error?: Error | null) => void;

/** So much output may wait before the writer is asked to pause, bytes. */
const waitingBytesMax = 1_048_576;

export class GuardedSocket extends Duplex {
  /** The socket itself: for its addresses and options, not for writing. */
  readonly socket: Socket;
  readonly #gate: OutputGate;
  /** The last write's turn: writes leave in order. */
  #turn: Promise<void> = Promise.resolve();
  #waitingBytes = 0;
  #held: Done[] = [];

  constructor(socket: Socket, gate: OutputGate) {
    super({ allowHalfOpen: socket.allowHalfOpen, decodeStrings: true });
    // Otherwise a client that has said all would close our side before the held replies have left.
    socket.allowHalfOpen = true;
    this.socket = socket;
    this.#gate = gate;
    socket.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: Done): void {
    this.#waitingBytes += bytes.length;
    this.#after(async () => {
      if (!this.socket.write(bytes)) await drained(this.socket);
      this.#waitingBytes -= bytes.length;
      this.#resume();
    });
    // The writer goes on at once: its next write waits for its own commit, not for this one's.
    if (this.#waitingBytes < waitingBytesMax) done();
    else this.#held.push(done);
  }

  override _final(done: Done): void {
    this.#after(async () => {
      this.socket.end();
      done();
    });
  }

  override _destroy(error: Error | null, done: Done): void {
    this.socket.destroy();
    for (const held of this.#held.splice(0)) held(error ?? new Error('the connection was closed'));
    done(error);
  }

  #after(act: () => Promise<void>): void {
    const released = this.#gate.release();
    this.#turn = Promise.all([this.#turn, released])
      .then(act)
      // What may not be said must not be: the connection ends without it.
      .catch((error: unknown) => void this.destroy(error instanceof Error ? error : undefined));
  }

  #resume(): void {
    if (this.#waitingBytes >= waitingBytesMax) return;
    for (const held of this.#held.splice(0)) held();
  }
}

/** Resolves also when the socket is closed: nobody waits for a drain that will not come. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
    if (socket.destroyed) done();
  });
}
