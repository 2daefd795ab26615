/**
 * One netlink socket. The kernel carries a request out inside `send` and has queued its answers when that returns, so
 * requests are synchronous without ever waiting: the socket is non-blocking, and an empty queue means "nothing more".
 */
import { filterProgram, SO_ATTACH_FILTER, type SocketFilter } from '../bpf.ts';
import { EAGAIN, EINTR, EIO, ENOBUFS } from '../errno.ts';
import { OperationError } from '../errors.ts';
import { closeDescriptor, lastErrno, native } from '../ffi.ts';
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
} from './constants.ts';
import { Attributes, Messages } from './reader.ts';
import { MessageWriter } from './writer.ts';

const socketCall = native<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
const bindCall = native<[fd: number, address: Uint8Array, length: number]>('int bind(int, void *, int)');
const setOption = native<[fd: number, level: number, option: number, value: Uint8Array, length: number]>(
  'int setsockopt(int, int, int, void *, int)',
);
const getName = native<[fd: number, address: Uint8Array, length: Uint8Array]>(
  'int getsockname(int, void *, void *)',
);
const sendCall = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long send(int, void *, unsigned long, int)',
);
const receiveCall = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long recv(int, void *, unsigned long, int)',
);

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;

/** The largest datagram the kernel sends (a dump's) is a fraction of this. */
const receiveLength = 128 * 1024;
const sendBufferBytes = 4 * 1024 * 1024;
/** How often a dump that changed while it was read is begun again. */
const dumpAttempts = 8;

const sequenceMax = 0x7fff_ffff;

/** A message the kernel refused. */
export interface Refusal {
  readonly sequence: number;
  readonly errno: number;
  /** The kernel's own sentence, where it gave one. */
  readonly extendedAck: string | undefined;
}

/** What is attempted, for the error's text. */
export interface Attempt {
  readonly operation: string;
  readonly subject: string;
}

const none: readonly Refusal[] = Object.freeze([]);

export class NetlinkSocket {
  readonly fd: number;
  readonly #bytes: Buffer = Buffer.alloc(receiveLength);
  readonly #messages: Messages = new Messages(this.#bytes);
  #sequence = 0;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** `groups`: bit n-1 subscribes to multicast group n. `receiveBytes`: the kernel's queue for us. */
  static open(options: { protocol: number; groups?: number; receiveBytes?: number }): NetlinkSocket {
    const attempt = { operation: 'open netlink socket', subject: `protocol ${options.protocol}` };
    const fd = socketCall(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, options.protocol);
    if (fd < 0) throw new OperationError({ ...attempt, errno: lastErrno() });
    const enable = (level: number, option: number, value: number): void => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value);
      setOption(fd, level, option, bytes, 4); // each is a betterment; without it the socket still works
    };
    enable(SOL_NETLINK, NETLINK_CAP_ACK, 1);
    enable(SOL_NETLINK, NETLINK_EXT_ACK, 1);
    enable(SOL_SOCKET, SO_SNDBUFFORCE, sendBufferBytes);
    if (options.receiveBytes !== undefined) enable(SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBytes);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(options.groups ?? 0, 8);
    if (bindCall(fd, address, address.length) !== 0) {
      const errno = lastErrno();
      closeDescriptor(fd);
      throw new OperationError({ ...attempt, errno });
    }
    return new NetlinkSocket(fd);
  }

  /** The kernel's number for this socket (`nl_pid`). */
  get portId(): number {
    const address = Buffer.alloc(12);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(address.length);
    if (getName(this.fd, address, length) === 0) return address.readUInt32LE(4);
    throw new OperationError({ operation: 'read netlink name', subject: 'socket', errno: lastErrno() });
  }

  /** The kernel drops messages that the filter does not pass before it queues them. Throws OperationError. */
  attach(filter: SocketFilter): void {
    const program = filterProgram(filter);
    if (setOption(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length) === 0) return;
    throw new OperationError({ operation: 'attach filter', subject: 'netlink socket', errno: lastErrno() });
  }

  /** Reserves `count` sequence numbers; returns the first. */
  sequences(count: number): number {
    // Never across the end of 32 bits: a lease renewed every 4 ms gets there in three weeks.
    if (this.#sequence + count > sequenceMax) this.#sequence = 0;
    const first = this.#sequence + 1;
    this.#sequence += count;
    return first;
  }

  /**
   * Sends messages with the sequence numbers `first`..`last` in one datagram and reads the answers. The last message
   * must ask for an ack; others may. Returns what was refused: nothing means that the last message was carried out.
   */
  transact(bytes: Buffer, length: number, first: number, last: number): readonly Refusal[] {
    const errno = this.#send(bytes, length);
    if (errno !== 0) return [{ sequence: first, errno, extendedAck: undefined }];
    let refusals: Refusal[] | undefined;
    for (;;) {
      const received = this.receive();
      if (received < 0) {
        // Aborted without a word about the last message: the refusals say why, or the kernel had no memory for them.
        const errno = received === -EAGAIN ? EIO : -received;
        return refusals ?? [{ sequence: last, errno, extendedAck: undefined }];
      }
      const messages = this.messages(received);
      while (messages.next()) {
        if (messages.type !== NLMSG_ERROR || messages.sequence < first || messages.sequence > last) continue;
        const refused = messages.errno;
        if (refused !== 0) {
          refusals ??= [];
          refusals.push({
            sequence: messages.sequence,
            errno: refused,
            extendedAck: this.#sentence(messages),
          });
        }
        if (messages.sequence === last) return refusals ?? none;
      }
    }
  }

  /**
   * Asks for a table and decodes each message of the answer; `undefined` leaves one out. Begins again when the table
   * changed meanwhile. Throws OperationError when the kernel refuses.
   */
  dump<Value>(
    attempt: Attempt,
    type: number,
    body: (writer: MessageWriter) => void,
    decode: (messages: Messages) => Value | undefined,
  ): Value[] {
    for (let left = dumpAttempts; ; left--) {
      const values: Value[] = [];
      const sequence = this.sequences(1);
      const writer = new MessageWriter();
      writer.message(type, NLM_F_REQUEST | NLM_F_DUMP, sequence, () => body(writer));
      const errno = this.#send(writer.buffer, writer.length);
      if (errno !== 0) throw new OperationError({ ...attempt, errno });
      const whole = this.#readDump(attempt, sequence, (messages) => {
        const value = decode(messages);
        if (value !== undefined) values.push(value);
      });
      if (whole || left === 1) return values;
    }
  }

  /** One datagram into the socket's memory: its length, or minus the error number (-EAGAIN: nothing there; -ENOBUFS: some was lost). */
  receive(): number {
    for (;;) {
      const length = receiveCall(this.fd, this.#bytes, receiveLength, MSG_TRUNC);
      if (length > receiveLength) return -ENOBUFS;
      if (length >= 0) return length;
      const errno = lastErrno();
      if (errno !== EINTR) return -errno;
    }
  }

  /** The messages of the datagram just received. Valid until the next `receive`. */
  messages(length: number): Messages {
    return this.#messages.over(length);
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  /** False: it changed while it was read. */
  #readDump(attempt: Attempt, sequence: number, each: (messages: Messages) => void): boolean {
    let whole = true;
    for (;;) {
      const received = this.receive();
      if (received < 0)
        throw new OperationError({ ...attempt, errno: received === -EAGAIN ? EIO : -received });
      const messages = this.messages(received);
      while (messages.next()) {
        if (messages.sequence !== sequence) continue;
        if ((messages.flags & NLM_F_DUMP_INTR) !== 0) whole = false;
        if (messages.type === NLMSG_DONE || messages.type === NLMSG_ERROR) {
          const errno = messages.end - messages.start < 4 ? 0 : messages.errno;
          if (errno === 0) return whole;
          throw new OperationError({ ...attempt, errno });
        }
        each(messages);
      }
    }
  }

  #send(bytes: Buffer, length: number): number {
    for (;;) {
      if (sendCall(this.fd, bytes, length, 0) >= 0) return 0;
      const errno = lastErrno();
      if (errno !== EINTR) return errno;
    }
  }

  #sentence(messages: Messages): string | undefined {
    if ((messages.flags & NLM_F_ACK_TLVS) === 0) return undefined;
    const quoted = (messages.flags & NLM_F_CAPPED) !== 0 ? 16 : this.#bytes.readUInt32LE(messages.start + 4);
    const attributes = new Attributes(this.#bytes, messages.start + 4 + ((quoted + 3) & ~3), messages.end);
    while (attributes.next()) if (attributes.type === NLMSGERR_ATTR_MSG) return attributes.text();
    return undefined;
  }
}

/** The error for a refused message. */
export function refusalError(attempt: Attempt, refusal: Refusal): OperationError {
  const { errno, extendedAck } = refusal;
  return new OperationError({ ...attempt, errno, ...(extendedAck === undefined ? {} : { extendedAck }) });
}
