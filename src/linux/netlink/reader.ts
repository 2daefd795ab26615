/**
 * Netlink messages and their attributes, read where they lie. A cursor is moved over the bytes; nothing is copied and
 * nothing beyond the given end is touched: a length that does not fit ends the iteration.
 */
import { messageHeaderLength, NLA_TYPE_MASK } from './constants.ts';

const attributeHeaderLength = 4;

/** Moves over the messages of one datagram. */
export class Messages {
  type = 0;
  flags = 0;
  sequence = 0;
  /** The fixed part begins here, and the message ends at `end`. */
  start = 0;
  end = 0;
  readonly bytes: Buffer;
  /** Reads by this one allocate nothing, those of a Buffer do: the lease is renewed 250 times a second. */
  readonly #view: DataView;
  #next = 0;
  #limit = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** `nl_pid`: in a notification, the socket that caused it; 0: the kernel itself. */
  get port(): number {
    return this.#view.getUint32(this.start - 4, true);
  }

  /** The error number of NLMSG_ERROR; 0: an ack. */
  get errno(): number {
    return -this.#view.getInt32(this.start, true);
  }

  /** Begins again with a datagram of `length` bytes. */
  over(length: number): this {
    this.#next = 0;
    this.#limit = Math.min(length, this.bytes.length);
    return this;
  }

  next(): boolean {
    const at = this.#next;
    if (at + messageHeaderLength > this.#limit) return false;
    const length = this.#view.getUint32(at, true);
    if (length < messageHeaderLength || at + length > this.#limit) return false;
    this.type = this.#view.getUint16(at + 4, true);
    this.flags = this.#view.getUint16(at + 6, true);
    this.sequence = this.#view.getUint32(at + 8, true);
    this.start = at + messageHeaderLength;
    this.end = at + length;
    this.#next = (this.end + 3) & ~3;
    return true;
  }
}

/** Moves over the attributes between two offsets. */
export class Attributes {
  /** Without the flag bits. */
  type = 0;
  /** The value, from `start` to `end`. */
  start = 0;
  end = 0;
  readonly bytes: Buffer;
  #next: number;
  readonly #limit: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.#next = start;
    this.#limit = Math.min(end, bytes.length);
  }

  next(): boolean {
    const at = this.#next;
    if (at + attributeHeaderLength > this.#limit) return false;
    const length = this.bytes.readUInt16LE(at);
    if (length < attributeHeaderLength || at + length > this.#limit) return false;
    this.type = this.bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK;
    this.start = at + attributeHeaderLength;
    this.end = at + length;
    this.#next = (this.end + 3) & ~3;
    return true;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** 0 when the value is shorter; so are `u32` and `be32`. */
  u8(): number {
    return this.length < 1 ? 0 : this.bytes.readUInt8(this.start);
  }

  u32(): number {
    return this.length < 4 ? 0 : this.bytes.readUInt32LE(this.start);
  }

  be32(): number {
    return this.length < 4 ? 0 : this.bytes.readUInt32BE(this.start);
  }

  /** Up to the first zero byte. */
  text(): string {
    const zero = this.bytes.indexOf(0, this.start);
    return this.bytes.toString('utf8', this.start, zero >= 0 && zero < this.end ? zero : this.end);
  }

  nested(): Attributes {
    return new Attributes(this.bytes, this.start, this.end);
  }
}
