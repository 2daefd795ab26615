/** The relay's end of the stream to a mirrored program: messages out as it takes them, replies in. */

import { EPOLLIN, EPOLLOUT } from '../../linux/epoll.ts';
import { EAGAIN, EINTR } from '../../linux/errno.ts';
import type { ServiceSocket } from '../../linux/service-socket.ts';
import { decodeFeedReply, FeedReader, type FeedReply, feedMessage } from '../../wire/feed.ts';
import type { Readiness } from '../readiness.ts';

const read = Buffer.alloc(1 << 17);
const readsPerTurn = 16;

export class ProgramPipe {
  readonly #socket: ServiceSocket;
  readonly #readiness: Readiness;
  readonly #reader = new FeedReader();
  readonly #heard: (reply: FeedReply) => void;
  /** There is room again, or (`over`) no program. */
  readonly #changed: (over: boolean) => void;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #over = false;

  constructor(
    socket: ServiceSocket,
    readiness: Readiness,
    heard: (reply: FeedReply) => void,
    changed: (over: boolean) => void,
  ) {
    this.#socket = socket;
    this.#readiness = readiness;
    this.#heard = heard;
    this.#changed = changed;
    readiness.watch(socket.fd, EPOLLIN, () => this.#ready());
  }

  /** What the program has not taken, bytes. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  send(body: Uint8Array): void {
    if (this.#over) return;
    const message = feedMessage(body);
    this.#unsent.push(message);
    this.#unsentBytes += message.length;
    if (this.#unsent.length === 1) this.#flush();
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#readiness.forget(this.#socket.fd);
    this.#socket.close();
    this.#changed(true);
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent.length === 1 ? this.#unsent[0] : Buffer.concat(this.#unsent);
      if (bytes === undefined) break;
      const count = this.#socket.write(bytes);
      if (count === -EAGAIN || count === -EINTR) {
        this.#unsent = [bytes];
        break;
      }
      // That it is gone, reading finds: what it said before counts.
      if (count < 0) this.#unsent = [];
      else this.#unsent = count === bytes.length ? [] : [bytes.subarray(count)];
      this.#unsentBytes = count < 0 ? 0 : this.#unsentBytes - count;
    }
    this.#readiness.change(this.#socket.fd, this.#unsent.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  #ready(): void {
    if (this.#unsent.length > 0) {
      this.#flush();
      this.#changed(false);
    }
    for (let turn = 0; turn < readsPerTurn && !this.#over; turn++) {
      const count = this.#socket.read(read);
      if (count === -EAGAIN || count === -EINTR) return;
      const bodies = count > 0 ? this.#reader.read(read.subarray(0, count)) : undefined;
      if (bodies === undefined) return this.end();
      for (const body of bodies) {
        const reply = decodeFeedReply(body);
        if (reply !== undefined) this.#heard(reply);
      }
    }
  }
}
