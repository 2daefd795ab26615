/**
 * One sealed connection between the two machines: the mirror stream's hello, keys and frames around pieces of bytes. A frame
 * is written into one buffer and sealed there, and read where it arrived, so that a busy connection costs no memory.
 */
import { EAGAIN, EINTR } from '../linux/errno.ts';
import type { ServiceSocket } from '../linux/service-socket.ts';
import { Conduit, type Identity, type Tally } from '../mirror/conduit.ts';
import { bodyAt, frameAt } from '../mirror/frame.ts';
import { helloLengthMax, type Side } from '../mirror/hello.ts';
import { MessageType } from '../mirror/message.ts';

/** The most that one frame has in all, bytes: a few packets of 64 KiB share a seal, which costs as much as 20 KiB of them. */
const frameBytesMax = 1 << 18;
/** One read, with what is no whole frame yet. */
const arrivedBytesMax = 2 * frameBytesMax;
const nothing = new Uint8Array(0);

export class Connection {
  readonly #socket: ServiceSocket;
  readonly #conduit: Conduit;
  readonly #arrived = Buffer.allocUnsafeSlow(arrivedBytesMax);
  #arrivedBytes = 0;
  #received = 0;
  readonly #frame = Buffer.allocUnsafeSlow(frameBytesMax);
  /** The source says something at once, with nothing in it: it proves to the sink that no old hello was played to it again. */
  #owesProof: boolean;
  /** Of a frame, what was not written yet. */
  #writing: Uint8Array = nothing;

  /** `peer`: the only one that is let in. */
  constructor(socket: ServiceSocket, side: Side, identity: Identity, tally: Tally, peer: string) {
    this.#socket = socket;
    this.#owesProof = side === 'source';
    this.#conduit = new Conduit(side, identity, tally, peer);
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** Bytes read since the beginning. */
  get received(): number {
    return this.#received;
  }

  /** There is something to write that did not fit: `flush` when the descriptor is writable. */
  get blocked(): boolean {
    return this.#writing.length > 0;
  }

  /**
   * Reads what is there; each piece is proven to be the peer's, and a view that is valid during the call. False: the connection
   * is over.
   */
  receive(piece: (bytes: Uint8Array) => boolean): boolean {
    for (;;) {
      const room = this.#arrived.subarray(this.#arrivedBytes);
      const count = this.#socket.read(room);
      if (count === 0) return false;
      if (count < 0) return count === -EAGAIN || count === -EINTR;
      this.#arrivedBytes += count;
      this.#received += count;
      if (!this.#take(piece)) return false;
      if (count < room.length) return true;
    }
  }

  /** Writes what waits, and all that `produce` has: it fills bytes, and says how many. False: the connection is over. */
  flush(produce: (into: Uint8Array) => number = () => 0): boolean {
    for (;;) {
      if (this.#writing.length === 0) this.#writing = this.#next(produce);
      if (this.#writing.length === 0) return true;
      const count = this.#socket.write(this.#writing);
      if (count === -EAGAIN || count === -EINTR) return true;
      if (count < 0) return false;
      this.#writing = this.#writing.subarray(count);
    }
  }

  close(): void {
    this.#socket.close();
  }

  /** The frames that are whole. */
  #take(piece: (bytes: Uint8Array) => boolean): boolean {
    const bytes = this.#arrived.subarray(0, this.#arrivedBytes);
    let begin = 0;
    for (;;) {
      const lengthMax = this.#conduit.open ? frameBytesMax : helloLengthMax;
      const { end, frame, reason } = frameAt(bytes, begin, lengthMax);
      if (reason !== undefined) this.#conduit.refuse(reason);
      const message = frame === undefined ? undefined : this.#conduit.accept(frame);
      if (this.#conduit.broken !== undefined) return false;
      if (frame === undefined) break;
      begin = end;
      if (message !== undefined && (message.type !== MessageType.piece || !piece(message.bytes)))
        return false;
    }
    this.#arrived.copyWithin(0, begin, this.#arrivedBytes);
    this.#arrivedBytes -= begin;
    return true;
  }

  /** The next frame to write. */
  #next(produce: (into: Uint8Array) => number): Uint8Array {
    const hello = this.#conduit.produce();
    if (hello !== undefined) return hello;
    if (!this.#conduit.open) return nothing;
    const { overhead } = this.#conduit;
    const length = produce(this.#frame.subarray(bodyAt, frameBytesMax - overhead));
    if (length === 0 && !this.#owesProof) return nothing;
    this.#owesProof = false;
    const frame = this.#frame.subarray(0, bodyAt + length + overhead);
    this.#conduit.seal(MessageType.piece, frame);
    return frame;
  }
}
