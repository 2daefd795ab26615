/**
 * Whole Ethernet frames from and to one interface (packet(7)): how the reactor hears ARP and neighbour discovery, and
 * speaks them. Frames sent pass the egress fence like everything else (PACKET_QDISC_BYPASS would go around it).
 */
import { formatMac, type MacAddress, writeMac } from '../wire/address.ts';
import { filterProgram, SO_ATTACH_FILTER, type SocketFilter } from './bpf.ts';
import { monotonicUs, realtimeUs } from './clock.ts';
import { EMSGSIZE } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native, pinned } from './ffi.ts';
import { interfaceIndex } from './interfaces.ts';
import { Messages } from './messages.ts';
import {
  Construction,
  interactive,
  SO_MARK,
  SO_PRIORITY,
  SOCK_RAW,
  SOL_SOCKET,
  setOption,
} from './socket.ts';

const AF_PACKET = 17;
const SOL_PACKET = 263;
/** The option, and the kind of control message it asks for. */
const SO_TIMESTAMPNS = 35;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_MULTICAST = 0;
const ETH_P_ALL = 3;
const slots = 32;
const bufferBytes = 1 << 20;
/** A frame of the usual MTU with its header, and room to spare. */
const frameMax = 2048;
/** `struct cmsghdr` with a `struct timespec` of the arrival, CLOCK_REALTIME. */
const stampLength = 32;
const stampKindAt = 12;
const secondsAt = 16;
const nanosecondsAt = 24;
/** A flood must not keep the loop from its other descriptors. */
const framesPerTurn = 256;

const getsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]>(
  'int getsockopt(int, int, int, void *, void *)',
);
/** `struct tpacket_stats`: frames that passed the filter, and how many of them were dropped. */
const statistics = pinned(8);
const statisticsLength = pinned(4);
const droppedAt = 4;

export class PacketSocket {
  readonly fd: number;
  readonly interfaceIndex: number;
  readonly #interface: string;
  readonly #incoming: Messages;
  readonly #stamped: boolean;
  readonly #outgoing: Messages = new Messages({ slots, data: frameMax });
  #missed = 0;

  /**
   * Hears every frame of the interface that passes `filter`; `deaf`: none, it only sends. With `ignoreOutgoing` not those this
   * machine sends. With `stamped` the kernel says when each arrived, however late it is read. What it sends has the `mark`.
   * Throws OperationError: ENODEV with the interfaces that exist, EPERM (CAP_NET_RAW).
   */
  static open(o: {
    interface: string;
    filter?: SocketFilter;
    ignoreOutgoing?: boolean;
    stamped?: boolean;
    deaf?: boolean;
    mark?: number;
  }): PacketSocket {
    const { stamped = false } = o;
    const index = interfaceIndex(o.interface);
    const socket = new Construction({
      operation: 'open packet socket',
      subject: o.interface,
      family: AF_PACKET,
      type: SOCK_RAW,
    });
    // Protocol 0 until bound: nothing arrives before the filter is in place.
    if (o.filter !== undefined) socket.option(SOL_SOCKET, SO_ATTACH_FILTER, filterProgram(o.filter));
    if (o.ignoreOutgoing === true) socket.option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    if (stamped) socket.option(SOL_SOCKET, SO_TIMESTAMPNS, 1);
    if (o.mark !== undefined) socket.option(SOL_SOCKET, SO_MARK, o.mark);
    socket.buffers(bufferBytes);
    socket.option(SOL_SOCKET, SO_PRIORITY, interactive);
    const address = Buffer.alloc(20); // struct sockaddr_ll
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeUInt16BE(o.deaf === true ? 0 : ETH_P_ALL, 2);
    address.writeInt32LE(index, 4);
    socket.bind(address, address.length);
    return new PacketSocket(socket.fd, index, o.interface, stamped);
  }

  private constructor(fd: number, index: number, name: string, stamped: boolean) {
    this.fd = fd;
    this.interfaceIndex = index;
    this.#interface = name;
    this.#stamped = stamped;
    this.#incoming = new Messages({ slots, data: frameMax, ...(stamped ? { control: stampLength } : {}) });
  }

  /**
   * Hands over each waiting frame, at most `max`, and returns how many there were. A frame is a view, valid during
   * the call only; one longer than 2048 bytes is left out. `arrivedUs`: of a stamped socket, CLOCK_MONOTONIC
   * microseconds; else 0. That the interface is down or gone shows elsewhere (netlink): here it means that nothing waits.
   */
  receive(each: (frame: Uint8Array, arrivedUs: number) => void, max: number = framesPerTurn): number {
    const clocksUs = this.#stamped ? realtimeUs() - monotonicUs() : 0;
    let total = 0;
    while (total < max) {
      const wanted = Math.min(slots, max - total);
      const count = this.#incoming.receive(this.fd, wanted);
      if (count <= 0) break;
      for (let slot = 0; slot < count; slot++) {
        const frame = this.#incoming.received(slot);
        if (frame === undefined) this.#missed++;
        else each(frame, this.#stamped ? this.#arrivedUs(slot) - clocksUs : 0);
      }
      total += count;
      if (count < wanted) break;
    }
    return total;
  }

  /**
   * Frames so far that passed the filter and were never handed over: the kernel had no room for them, or they were too long.
   * Throws OperationError.
   */
  missed(): number {
    statisticsLength.writeUInt32LE(statistics.length, 0);
    if (getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, statistics, statisticsLength) !== 0)
      throw new OperationError({
        operation: 'read packet statistics',
        subject: this.#interface,
        errno: lastErrno(),
      });
    // The kernel counts from 0 again each time it is asked.
    this.#missed += statistics.readUInt32LE(droppedAt);
    return this.#missed;
  }

  /** By the kernel's stamp, CLOCK_REALTIME microseconds; without one, now. */
  #arrivedUs(slot: number): number {
    const { control } = this.#incoming;
    const at = slot * stampLength;
    const stamped = this.#incoming.controlLength(slot) === stampLength;
    if (!stamped || control.readInt32LE(at + stampKindAt) !== SO_TIMESTAMPNS) return realtimeUs();
    const seconds = Number(control.readBigInt64LE(at + secondsAt));
    return seconds * 1_000_000 + Math.floor(Number(control.readBigInt64LE(at + nanosecondsAt)) / 1000);
  }

  /**
   * Sends the frames in order, each complete with its Ethernet header. Returns 0, or the error number of the first
   * that failed (ENOBUFS: dropped on its way out, ENETDOWN, ENXIO: the interface is gone); the others are sent.
   */
  sendBurst(frames: readonly Uint8Array[]): number {
    let failure = 0;
    for (let start = 0; start < frames.length; start += slots) {
      let filled = 0;
      for (let index = start; index < frames.length && index < start + slots; index++) {
        const frame = frames[index];
        if (frame === undefined) continue;
        if (frame.length <= frameMax) this.#outgoing.put(filled++, frame);
        else failure ||= EMSGSIZE;
      }
      for (let slot = 0; slot < filled; ) {
        const sent = this.#outgoing.send(this.fd, slot, filled - slot);
        if (sent < 0) failure ||= -sent;
        slot += Math.max(1, sent);
      }
    }
    return failure;
  }

  /** Another filter from the next frame on; what waits has passed the one before. Throws OperationError. */
  filter(filter: SocketFilter): void {
    const errno = setOption(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, filterProgram(filter));
    if (errno !== 0)
      throw new OperationError({ operation: 'attach filter', subject: this.#interface, errno });
  }

  /** Asks the network card for the frames to this multicast address. Throws OperationError. */
  joinMulticast(mac: MacAddress): void {
    const request = Buffer.alloc(16); // struct packet_mreq
    request.writeInt32LE(this.interfaceIndex, 0);
    request.writeUInt16LE(PACKET_MR_MULTICAST, 4);
    request.writeUInt16LE(6, 6);
    writeMac(request, 8, mac);
    const errno = setOption(this.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, request);
    if (errno === 0) return;
    const subject = `${formatMac(mac)} on ${this.#interface}`;
    throw new OperationError({ operation: 'join multicast group', subject, errno });
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}
