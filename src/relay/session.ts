/**
 * One connection of the service on one machine: its socket, and the program that answers. Input goes to the program as it
 * takes it; its output goes to the kernel as the other machine's part in it allows (`Output`).
 */
import { EAGAIN, EINTR } from '../linux/errno.ts';
import type { ServiceSocket } from '../linux/service-socket.ts';
import type { Output } from '../sessions/output.ts';
import type { FlowKey } from '../sessions/packet.ts';
import type { Program } from './program.ts';

/** What a client says at a time, as several of its packets wait when much is said. */
const inputBytes = 1 << 18;
/** What a program says at a time, and what of it waits at most for the other machine and the client, bytes. */
const chunkBytes = 1 << 16;
const waitingBytesMax = 1 << 18;
const readsPerTurn = 4;
const input = Buffer.alloc(inputBytes);

export class Session<Kind extends Output = Output> {
  readonly flow: FlowKey;
  readonly socket: ServiceSocket;
  readonly output: Kind;
  readonly #program: Program;
  /** The client says no more. */
  #ended = false;
  /** There is no connection any more. */
  #failed = false;
  #finishing = false;
  /** The output knows that nothing follows. */
  #concluded = false;

  constructor(flow: FlowKey, socket: ServiceSocket, program: Program, output: Kind) {
    this.flow = flow;
    this.socket = socket;
    this.output = output;
    this.#program = program;
  }

  /** Output waits for room in the kernel: wait until the socket is writable. */
  get blocked(): boolean {
    return !this.#failed && !this.#finishing && this.output.next().length > 0;
  }

  /** More input is wanted. */
  get reading(): boolean {
    return !this.#ended && !this.#failed && this.#program.appetite > 0;
  }

  /** Everything is written, and nothing will follow: `finish` when the other machine agrees. */
  get finished(): boolean {
    return this.#concluded && this.output.waiting === 0 && !this.#failed;
  }

  /** The program broke down: `abort` when the other machine agrees. */
  get broken(): boolean {
    return this.#program.failed && !this.#failed;
  }

  /** The FIN is said. */
  get finishing(): boolean {
    return this.#finishing;
  }

  /** Nothing more will happen between this program and its client. */
  get over(): boolean {
    return this.#failed || (this.#finishing && this.#ended);
  }

  /**
   * Reads, lets the program answer, writes, until one of them can do no more; `reads` false: there is nothing to read. True
   * when anything happened.
   */
  pump(reads = true): boolean {
    let moved = this.#write();
    for (let turn = 0; reads && turn < readsPerTurn && this.reading; turn++) {
      const room = input.subarray(0, Math.min(this.#program.appetite, inputBytes));
      const count = this.socket.read(room);
      if (count === -EAGAIN || count === -EINTR) break;
      moved = true;
      if (count < 0) this.#failed = true;
      else if (count === 0) {
        this.#ended = true;
        this.#program.end();
      } else this.#program.feed(room.subarray(0, count));
      this.#write();
      // That was all: to be told so costs a call for each short message.
      if (count < room.length) break;
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

  /** Ends it with an RST, which is heard where it has the `mark`. */
  abort(mark?: number): void {
    if (mark !== undefined) this.socket.mark(mark);
    this.socket.abort();
    this.#program.close();
  }

  /** Ends it without a word: the client goes on with the other machine, or has nobody. */
  vanish(): void {
    this.socket.vanish();
    this.#program.close();
  }

  /** When it is `over`. */
  close(): void {
    this.socket.close();
    this.#program.close();
  }

  #write(): boolean {
    let moved = false;
    while (!this.#failed && !this.#finishing) {
      this.#collect();
      const bytes = this.output.next();
      if (bytes.length === 0) break;
      const count = this.socket.write(bytes);
      if (count === -EAGAIN || count === -EINTR) break;
      moved = true;
      if (count < 0) this.#failed = true;
      else this.output.taken(count);
    }
    return moved;
  }

  #collect(): void {
    while (!this.#concluded && (this.output.waiting < waitingBytesMax || this.output.short)) {
      const bytes = this.#program.produce(chunkBytes);
      if (bytes.length > 0) this.output.add(bytes);
      else {
        if (!this.#program.finished) return;
        this.#concluded = true;
        this.output.end();
      }
    }
  }
}
