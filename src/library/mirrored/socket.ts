/**
 * A connection as a mirrored program has it: a stream like `net.Socket`. Everything that it does follows from the feed, so
 * that it does the same on both machines: writes wait for room as the feed says, not as the network is.
 */
import { Duplex } from 'node:stream';
import { type FeedReply, feedPieceBytesMax, feedWindowBytes } from '../../wire/feed.ts';

export interface MirroredSocketOptions {
  readonly connection: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly reply: (reply: FeedReply) => void;
}

type Callback = (error?: Error | null) => void;

export class MirroredSocket extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #connection: number;
  readonly #reply: (reply: FeedReply) => void;
  #room: number = feedWindowBytes;
  #waiting: { bytes: Buffer; readonly done: Callback } | undefined;
  #unread = 0;
  #gone = false;
  #finished = false;

  constructor(o: MirroredSocketOptions) {
    super({ allowHalfOpen: false, emitClose: true });
    this.#connection = o.connection;
    this.remoteAddress = o.remoteAddress;
    this.remotePort = o.remotePort;
    this.#reply = o.reply;
  }

  /** For programs that expect a `net.Socket`; without effect. */
  setNoDelay(): this {
    return this;
  }

  /** As `setNoDelay`. */
  setKeepAlive(): this {
    return this;
  }

  /** As `setNoDelay`: use the server's own `setTimeout`. */
  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** The feed: the client said this. */
  arrive(bytes: Uint8Array): void {
    this.#unread += bytes.length;
    if (this.destroyed || this.push(Buffer.from(bytes))) this.#read();
  }

  arriveEnd(): void {
    if (!this.destroyed) this.push(null);
  }

  /** Ends the connection with an RST. */
  resetAndDestroy(): this {
    return this.destroy(Object.assign(new Error('reset by this program'), { code: 'ECONNRESET' }));
  }

  /** The feed: there is no connection any more. */
  vanish(): void {
    this.#gone = true;
    // Between two ends it is an end; before them the other side broke it off.
    if (this.destroyed) return;
    if (this.#finished && this.readableEnded) this.destroy();
    else this.destroy(Object.assign(new Error('connection reset by the client'), { code: 'ECONNRESET' }));
  }

  /** The feed: there is room for more output. */
  taken(count: number): void {
    this.#room += count;
    this.#send();
  }

  override _read(): void {
    this.#read();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.#waiting = { bytes: chunk, done };
    this.#send();
  }

  override _final(done: Callback): void {
    this.#finished = true;
    if (!this.#gone) this.#reply({ kind: 'finish', connection: this.#connection });
    done();
  }

  override _destroy(error: Error | null, done: Callback): void {
    if (!this.#gone && error !== null) this.#reply({ kind: 'reset', connection: this.#connection });
    else if (!this.#gone && !this.#finished) this.#reply({ kind: 'finish', connection: this.#connection });
    this.#finished = true;
    done(error);
    // What the client still says is read by nobody.
    this.#read();
  }

  #read(): void {
    if (this.#unread === 0 || this.#gone) return;
    this.#reply({ kind: 'consumed', connection: this.#connection, count: this.#unread });
    this.#unread = 0;
  }

  #send(): void {
    for (;;) {
      const waiting = this.#waiting;
      if (waiting === undefined) return;
      if (waiting.bytes.length === 0 || this.#gone) {
        this.#waiting = undefined;
        waiting.done();
        continue;
      }
      const bytes = waiting.bytes.subarray(0, Math.min(this.#room, feedPieceBytesMax));
      if (bytes.length === 0) return;
      this.#room -= bytes.length;
      this.#reply({ kind: 'output', connection: this.#connection, bytes });
      waiting.bytes = waiting.bytes.subarray(bytes.length);
    }
  }
}
