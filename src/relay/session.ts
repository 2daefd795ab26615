/**
 * One connection of the service on one machine: its socket, and the program that answers. The program sees a stream of
 * bytes and makes one; how they were cut into segments, and when they came, it cannot tell. So two machines that are fed
 * the same bytes say the same.
 */
import { EAGAIN, EINTR } from '../linux/errno.ts';
import type { ServiceSocket } from '../linux/service-socket.ts';
import { OutputDigest } from '../sessions/digest.ts';

/** A deterministic program for one connection: what it says depends on nothing but what it was told. */
export interface Program {
  /** The next bytes of the client. A view, valid during the call. */
  feed(bytes: Uint8Array): void;
  /** The client says no more. */
  end(): void;
  /** The next bytes of its answer, at most `max`; none when it has nothing to say now. They are the caller's. */
  produce(max: number): Uint8Array;
  /** It has said all it will, and closes the connection. */
  readonly finished: boolean;
}

const chunkBytes = 1 << 16;
const readsPerTurn = 16;
const input = Buffer.alloc(chunkBytes);
const nothing = new Uint8Array(0);

export class Session {
  readonly flow: string;
  readonly socket: ServiceSocket;
  readonly digest: OutputDigest = new OutputDigest();
  readonly #program: Program;
  #pending: Uint8Array = nothing;
  #ended = false;
  #failed = false;
  #finishing = false;

  constructor(flow: string, socket: ServiceSocket, program: Program) {
    this.flow = flow;
    this.socket = socket;
    this.#program = program;
  }

  /** Output waits for room in the kernel: wait until the socket is writable. */
  get blocked(): boolean {
    return this.#pending.length > 0;
  }

  /** More input is wanted. */
  get reading(): boolean {
    return !this.#ended && !this.#failed && this.#pending.length === 0;
  }

  /** Everything is written, and nothing will follow: `finish` when the other machine agrees. */
  get finished(): boolean {
    return this.#program.finished && this.#pending.length === 0 && !this.#failed;
  }

  /** The FIN is said. */
  get finishing(): boolean {
    return this.#finishing;
  }

  /** Nothing more will happen between this program and its client. */
  get over(): boolean {
    return this.#failed || (this.#finishing && this.#ended);
  }

  /** Reads, lets the program answer, writes, until one of them can do no more. True when anything happened. */
  pump(): boolean {
    let moved = this.#write();
    for (let turn = 0; turn < readsPerTurn && this.reading; turn++) {
      const count = this.socket.read(input);
      if (count === -EAGAIN || count === -EINTR) break;
      moved = true;
      if (count < 0) this.#failed = true;
      else if (count === 0) {
        this.#ended = true;
        this.#program.end();
      } else this.#program.feed(input.subarray(0, count));
      this.#write();
    }
    return moved;
  }

  /** Says goodbye: `mark` lets its packets pass. */
  finish(mark: number): void {
    if (this.#finishing || this.#failed) return;
    this.#finishing = true;
    this.socket.mark(mark);
    this.socket.finish();
  }

  #write(): boolean {
    let moved = false;
    while (!this.#failed && !this.#finishing) {
      if (this.#pending.length === 0) {
        this.#pending = this.#program.produce(chunkBytes);
        if (this.#pending.length === 0) break;
        this.digest.add(this.#pending);
      }
      const count = this.socket.write(this.#pending);
      if (count === -EAGAIN || count === -EINTR) break;
      moved = true;
      if (count < 0) this.#failed = true;
      else this.#pending = this.#pending.subarray(count);
    }
    return moved;
  }
}
