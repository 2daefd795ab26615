/**
 * Many messages in one system call (`recvmmsg`, `sendmmsg`), laid out once: headers, vectors, data, sender addresses
 * and control data of every slot in memory that never moves. Calls allocate nothing.
 */
import { lastErrno, native, pinned, writePointer } from './ffi.ts';

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `struct mmsghdr` on 64-bit machines: a `struct msghdr` of 56 bytes, then how many bytes came. */
const headerLength = 64;
const nameAt = 0;
const nameLengthAt = 8;
const vectorAt = 16;
const vectorCountAt = 24;
const controlAt = 32;
const controlLengthAt = 40;
const flagsAt = 48;
const lengthAt = 56;
/** `struct iovec`: where, how many. */
const vectorLength = 16;

const recvmmsg = native<[fd: number, headers: Uint8Array, count: number, flags: number, timeout: null]>(
  'int recvmmsg(int, void *, unsigned int, int, void *)',
);
const sendmmsg = native<[fd: number, headers: Uint8Array, count: number, flags: number]>(
  'int sendmmsg(int, void *, unsigned int, int)',
);

export interface SlotSizes {
  readonly slots: number;
  /** Bytes of one message; a longer one arrives truncated. */
  readonly data: number;
  /** Bytes of one sender's socket address; absent: not asked for. */
  readonly name?: number;
  /** Bytes of one message's control data; absent: not asked for. */
  readonly control?: number;
}

export class Messages {
  readonly #sizes: Required<SlotSizes>;
  readonly #headers: Buffer;
  readonly #vectors: Buffer;
  readonly #data: Buffer;
  /** Sender addresses: slot n begins at n times the size of one. */
  readonly names: Buffer;
  /** Control data: slot n begins at n times the size of one. */
  readonly control: Buffer;
  /** The last view made of each slot: most messages of a socket have the same length. */
  readonly #views: Uint8Array[] = [];

  constructor(sizes: SlotSizes) {
    const { slots, data, name = 0, control = 0 } = sizes;
    this.#sizes = { slots, data, name, control };
    this.#headers = pinned(slots * headerLength);
    this.#vectors = pinned(slots * vectorLength);
    this.#data = pinned(slots * data);
    this.names = pinned(slots * name);
    this.control = pinned(slots * control);
    for (let slot = 0; slot < slots; slot++) {
      const header = slot * headerLength;
      writePointer(this.#headers, header + nameAt, name === 0 ? null : this.names, slot * name);
      writePointer(this.#headers, header + vectorAt, this.#vectors, slot * vectorLength);
      this.#headers.writeUInt32LE(1, header + vectorCountAt);
      writePointer(this.#headers, header + controlAt, control === 0 ? null : this.control, slot * control);
      writePointer(this.#vectors, slot * vectorLength, this.#data, slot * data);
      this.#vectors.writeUInt32LE(data, slot * vectorLength + 8);
      this.#views.push(this.#data.subarray(slot * data, slot * data));
    }
  }

  /** How many arrived, at most `max`; when none, minus the error number (-EAGAIN: nothing waits). */
  receive(fd: number, max: number): number {
    const { slots, name, control } = this.#sizes;
    const count = Math.min(max, slots);
    // The kernel wrote what the last messages had; what is offered is the whole slot again.
    for (let slot = 0; slot < count; slot++) {
      this.#headers.writeUInt32LE(name, slot * headerLength + nameLengthAt);
      this.#headers.writeUInt32LE(control, slot * headerLength + controlLengthAt);
    }
    const received = recvmmsg(fd, this.#headers, count, MSG_DONTWAIT, null);
    return received >= 0 ? received : -lastErrno();
  }

  /** What the last `receive` put into a slot, or undefined when it did not fit. Valid until the next `receive`. */
  received(slot: number): Uint8Array | undefined {
    const header = slot * headerLength;
    if ((this.#headers.readInt32LE(header + flagsAt) & MSG_TRUNC) !== 0) return undefined;
    const length = this.#headers.readUInt32LE(header + lengthAt);
    const last = this.#views[slot];
    if (last?.length === length) return last;
    const start = slot * this.#sizes.data;
    const view = this.#data.subarray(start, start + length);
    this.#views[slot] = view;
    return view;
  }

  /** How many bytes of control data came with it. */
  controlLength(slot: number): number {
    return this.#headers.readUInt32LE(slot * headerLength + controlLengthAt);
  }

  /** Puts `bytes` into a slot to be sent; they must fit. */
  put(slot: number, bytes: Uint8Array): void {
    this.#data.set(bytes, slot * this.#sizes.data);
    this.#vectors.writeUInt32LE(bytes.length, slot * vectorLength + 8);
  }

  /** Sends `count` slots beginning with `first`: how many went; when none, minus the error number. */
  send(fd: number, first: number, count: number): number {
    const headers = first === 0 ? this.#headers : this.#headers.subarray(first * headerLength);
    const sent = sendmmsg(fd, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? sent : -lastErrno();
  }
}
