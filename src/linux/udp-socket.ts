/**
 * Datagrams on one interface, from one local address, with the hop count of each as it arrived: what heartbeats
 * travel on. Options: ip(7), ipv6(7), udp(7).
 */
import { formatIp, type IpAddress } from '../wire/address.ts';
import { EAGAIN } from './errno.ts';
import { closeDescriptor, lastErrno, native, pinned } from './ffi.ts';
import { Messages } from './messages.ts';
import {
  AF_INET,
  addressLength,
  Construction,
  familyOf,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  pathOptions,
  readPort,
  readSocketAddress,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOL_SOCKET,
  writeSocketAddress,
} from './socket.ts';

const IP_MTU_DISCOVER = 10;
const IP_RECVTTL = 12;
const IPV6_MTU_DISCOVER = 23;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
/** Fragments rather than learning a path MTU: a heartbeat fits any link, and must not be refused locally. */
const PMTUDISC_DONT = 0;
const MSG_DONTWAIT = 0x40;
const slots = 32;
const datagramMax = 2048;
const bufferBytes = 1 << 20;
/** `struct cmsghdr` (16) and an int, padded; with room for one more. */
const controlLength = 48;
const controlHeader = 16;
/** A flood must not keep the caller from what else is due: the descriptor stays readable. */
const datagramsPerTurn = 64;
const failuresPerTurn = 8;

const sendto = native<
  [fd: number, bytes: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number]
>('long sendto(int, void *, unsigned long, int, void *, unsigned int)');

/** Handed each datagram; `bytes` is valid during the call only; `ttl` is 0 where the kernel did not tell it. */
export type EachDatagram = (bytes: Uint8Array, from: IpAddress, fromPort: number, ttl: number) => void;

export class UdpSocket {
  readonly fd: number;
  readonly #incoming: Messages = new Messages({
    slots,
    data: datagramMax,
    name: addressLength,
    control: controlLength,
  });
  readonly #to: Buffer = pinned(addressLength);

  /**
   * Sends with `ttl` (255 when absent). Throws OperationError: ENODEV with the interfaces that exist, EADDRINUSE. An
   * address that is not here shows as silence.
   */
  static open(o: { interface: string; localAddress: IpAddress; port: number; ttl?: number }): UdpSocket {
    const family = familyOf(o.localAddress);
    const subject = `${formatIp(o.localAddress)} port ${o.port} on ${o.interface}`;
    const socket = new Construction({ operation: 'open UDP socket', subject, family, type: SOCK_DGRAM });
    socket.option(SOL_SOCKET, SO_REUSEADDR, 1);
    socket.options(pathOptions(o.interface, family, o.ttl ?? 255));
    if (family === AF_INET) {
      socket.option(IPPROTO_IP, IP_RECVTTL, 1);
      socket.option(IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DONT);
    } else {
      socket.option(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
      socket.option(IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DONT);
    }
    socket.buffers(bufferBytes);
    const address = Buffer.alloc(addressLength);
    socket.bind(address, writeSocketAddress(address, 0, o.localAddress, o.port));
    return new UdpSocket(socket.fd);
  }

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Hands over each waiting datagram and returns how many there were (at most 64; the rest next time). What ICMP
   * said about earlier datagrams is passed over: silence is judged by whoever counts heartbeats.
   */
  receive(each: EachDatagram, max: number = datagramsPerTurn): number {
    let total = 0;
    for (let failures = 0; total < max && failures < failuresPerTurn; ) {
      const count = this.#incoming.receive(this.fd, slots);
      if (count === -EAGAIN || count === 0) break;
      if (count < 0) failures++;
      for (let slot = 0; slot < count; slot++) this.#hand(slot, each);
      total += Math.max(0, count);
      if (count > 0 && count < slots) break;
    }
    return total;
  }

  /** Sends the first `length` bytes. 0 or the error number; never throws. */
  send(bytes: Uint8Array, length: number, to: IpAddress, port: number): number {
    const toLength = writeSocketAddress(this.#to, 0, to, port);
    return sendto(this.fd, bytes, length, MSG_DONTWAIT, this.#to, toLength) >= 0 ? 0 : lastErrno();
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  #hand(slot: number, each: EachDatagram): void {
    const bytes = this.#incoming.received(slot);
    if (bytes === undefined) return;
    const name = slot * addressLength;
    const { names } = this.#incoming;
    each(bytes, readSocketAddress(names, name), readPort(names, name), this.#ttl(slot));
  }

  #ttl(slot: number): number {
    const { control } = this.#incoming;
    const start = slot * controlLength;
    const end = start + this.#incoming.controlLength(slot);
    for (let at = start; at + controlHeader + 4 <= end; ) {
      const length = control.readUInt32LE(at);
      const level = control.readInt32LE(at + 8);
      const type = control.readInt32LE(at + 12);
      const isTtl =
        (level === IPPROTO_IP && type === IP_TTL) || (level === IPPROTO_IPV6 && type === IPV6_HOPLIMIT);
      if (isTtl) return control.readInt32LE(at + controlHeader);
      if (length < controlHeader) break;
      at += (length + 7) & ~7;
    }
    return 0;
  }
}
