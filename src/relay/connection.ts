/** One sealed connection between the two machines: the mirror stream's hello, keys and frames around pieces of bytes. */
import { EAGAIN, EINTR } from '../linux/errno.ts';
import type { ServiceSocket } from '../linux/service-socket.ts';
import { Conduit, type Identity, type Tally } from '../mirror/conduit.ts';
import { payloadMax } from '../mirror/frame.ts';
import type { Side } from '../mirror/hello.ts';
import { MessageType } from '../mirror/message.ts';

/** One read. */
const readBytes = 1 << 18;
const into = Buffer.alloc(readBytes);

export class Connection {
  readonly #socket: ServiceSocket;
  readonly #conduit: Conduit;
  /** Waits for the other side's hello. */
  #early: Uint8Array[] = [];
  #writing: Uint8Array | undefined;

  /** `peer`: the only one that is let in. */
  constructor(socket: ServiceSocket, side: Side, identity: Identity, tally: Tally, peer: string) {
    this.#socket = socket;
    this.#conduit = new Conduit(side, identity, tally, peer);
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** There is something to write that did not fit: `flush` when the descriptor is writable. */
  get blocked(): boolean {
    return this.#writing !== undefined;
  }

  send(bytes: Uint8Array): void {
    if (!this.#conduit.open) {
      this.#early.push(bytes);
      return;
    }
    for (let offset = 0; offset < bytes.length; offset += payloadMax)
      this.#conduit.send({ type: MessageType.piece, bytes: bytes.subarray(offset, offset + payloadMax) });
  }

  /** Reads what is there; each piece is proven to be the peer's. False: the connection is over. */
  receive(piece: (bytes: Uint8Array) => boolean): boolean {
    for (;;) {
      const count = this.#socket.read(into);
      if (count === 0) return false;
      if (count < 0) return count === -EAGAIN || count === -EINTR;
      for (const message of this.#conduit.receive(into.subarray(0, count)))
        if (message.type !== MessageType.piece || !piece(message.bytes)) return false;
      if (this.#conduit.broken !== undefined) return false;
      this.#settle();
    }
  }

  /** Writes what is queued. False: the connection is over. */
  flush(): boolean {
    this.#settle();
    for (;;) {
      this.#writing ??= this.#queued();
      if (this.#writing === undefined) return true;
      const count = this.#socket.write(this.#writing);
      if (count === -EAGAIN || count === -EINTR) return true;
      if (count < 0) return false;
      this.#writing = count === this.#writing.length ? undefined : this.#writing.subarray(count);
    }
  }

  close(): void {
    this.#socket.close();
  }

  #settle(): void {
    if (this.#early.length === 0 || !this.#conduit.open) return;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) this.send(bytes);
  }

  #queued(): Uint8Array | undefined {
    const frames: Uint8Array[] = [];
    for (let bytes = 0; bytes < readBytes; ) {
      const frame = this.#conduit.produce();
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.length;
    }
    return frames.length < 2 ? frames[0] : Buffer.concat(frames);
  }
}
