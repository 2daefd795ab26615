/**
 * TCP connections on one interface that live only as long as their processes: what tethers are. Every packet says
 * hop count 255, and packets that travelled too far are refused by the kernel (RFC 5082), so that on a direct cable
 * nobody else can end the connection. Options: tcp(7), ip(7), ipv6(7).
 */
import { formatIp, type IpAddress } from '../wire/address.ts';
import { EAGAIN, ECONNABORTED, ECONNRESET, EINPROGRESS, EINTR, ENOBUFS, EPIPE } from './errno.ts';
import { closeDescriptor, lastErrno, native, pinned } from './ffi.ts';
import {
  AF_INET,
  addressLength,
  bindSocket,
  Construction,
  familyOf,
  IPPROTO_IP,
  IPPROTO_IPV6,
  pathOptions,
  readSocketAddress,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
  type SocketOption,
  setOption,
  writeSocketAddress,
} from './socket.ts';

const SO_ERROR = 4;
const SO_KEEPALIVE = 9;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
/** Seconds of quiet before the first question, seconds between questions, and how many go unanswered. */
const keepalive = { idleS: 5, intervalS: 1, count: 3 };
const IP_MINTTL = 21;
const IPV6_MINHOPCOUNT = 73;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_USER_TIMEOUT = 18;
const MSG_NOSIGNAL = 0x4000;
const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const backlog = 16;

const listen = native<[fd: number, backlog: number]>('int listen(int, int)');
const accept4 = native<[fd: number, address: Uint8Array, length: Uint8Array, flags: number]>(
  'int accept4(int, void *, void *, int)',
);
const connect = native<[fd: number, address: Uint8Array, length: number]>(
  'int connect(int, void *, unsigned int)',
);
const getsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]>(
  'int getsockopt(int, int, int, void *, void *)',
);
const getpeername = native<[fd: number, address: Uint8Array, length: Uint8Array]>(
  'int getpeername(int, void *, void *)',
);
const recv = native<[fd: number, into: Uint8Array, length: number, flags: number]>(
  'long recv(int, void *, unsigned long, int)',
);
const send = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long send(int, void *, unsigned long, int)',
);

const peer = pinned(addressLength);
const peerLength = pinned(4);
const value = pinned(4);
const valueLength = pinned(4);

/** Where a connection may run: over which interface, from which address, and from how near its packets must come. */
export interface StreamLink {
  readonly interface: string;
  readonly localAddress: IpAddress;
  /** The least hop count a packet may arrive with; 0: any. On an attached link 255. */
  readonly minTtl: number;
}

export class StreamListener {
  readonly fd: number;

  /** Throws OperationError: ENODEV with the interfaces that exist, EADDRINUSE. */
  static open(o: StreamLink & { readonly port: number }): StreamListener {
    const socket = new Construction({
      operation: 'listen for TCP connections',
      subject: `${formatIp(o.localAddress)} port ${o.port} on ${o.interface}`,
      family: familyOf(o.localAddress),
      type: SOCK_STREAM,
    });
    socket.option(SOL_SOCKET, SO_REUSEADDR, 1);
    socket.options(streamOptions(o));
    const address = Buffer.alloc(addressLength);
    socket.bind(address, writeSocketAddress(address, 0, o.localAddress, o.port));
    if (listen(socket.fd, backlog) !== 0) socket.fail(lastErrno());
    return new StreamListener(socket.fd);
  }

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** The next connection, or undefined when none waits. A connection that ended before it was taken is passed over. */
  accept(): { readonly stream: Stream; readonly from: IpAddress } | undefined {
    for (;;) {
      peerLength.writeUInt32LE(addressLength, 0);
      const fd = accept4(this.fd, peer, peerLength, SOCK_CLOEXEC_NONBLOCK);
      // Its options it inherits from the listening socket.
      if (fd >= 0) return { stream: new Stream(fd, 0), from: readSocketAddress(peer, 0) };
      const errno = lastErrno();
      if (errno !== ECONNABORTED && errno !== EINTR) return undefined;
    }
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}

/**
 * What a read found besides bytes. `end`: the peer closed, or its process died (FIN); `reset`: its kernel said that
 * there is no connection, or gave it up because nothing was heard on it (RST); `timeout`: this machine gave the connection up, which says nothing about the peer.
 */
export type StreamSilence = 'again' | 'end' | 'reset' | 'timeout';

export class Stream {
  readonly fd: number;
  #failure: number;

  /**
   * Begins to connect. The descriptor becomes writable when that succeeded or failed: ask `connectError`, which also
   * tells what was refused at once (the interface or address is gone, no route). Data that stays unacknowledged for
   * `userTimeoutMs` ends the connection. Throws OperationError only when no socket can be had (EMFILE).
   */
  static connect(
    o: StreamLink & { readonly to: IpAddress; readonly port: number; readonly userTimeoutMs: number },
  ): Stream {
    const { fd } = new Construction({
      operation: 'open TCP connection',
      subject: `${formatIp(o.localAddress)} to ${formatIp(o.to)} port ${o.port} on ${o.interface}`,
      family: familyOf(o.localAddress),
      type: SOCK_STREAM,
    });
    return new Stream(fd, begin(fd, o));
  }

  /** For `connect` and `accept`: a descriptor, and why connecting it was refused already (0: it was not). */
  constructor(fd: number, failure: number) {
    this.fd = fd;
    this.#failure = failure;
  }

  /** 0: connected; EINPROGRESS: not yet; else why it failed (ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, …). */
  connectError(): number {
    if (this.#failure !== 0) return this.#failure;
    valueLength.writeUInt32LE(4, 0);
    if (getsockopt(this.fd, SOL_SOCKET, SO_ERROR, value, valueLength) !== 0) return lastErrno();
    // Asking clears it in the kernel.
    this.#failure = value.readInt32LE(0);
    if (this.#failure !== 0) return this.#failure;
    peerLength.writeUInt32LE(addressLength, 0);
    return getpeername(this.fd, peer, peerLength) === 0 ? 0 : EINPROGRESS;
  }

  /** Reads what has arrived, at most all of `into`, which must not be empty. Never throws. */
  read(into: Uint8Array): { readonly bytes: number } | StreamSilence {
    const bytes = recv(this.fd, into, into.length, 0);
    if (bytes > 0) return { bytes };
    if (bytes === 0) return 'end';
    const errno = lastErrno();
    if (errno === EAGAIN || errno === EINTR) return 'again';
    return errno === ECONNRESET || errno === EPIPE ? 'reset' : 'timeout';
  }

  /**
   * 0, or the error number. A part that did not fit into the kernel's buffer is ENOBUFS: the peer does not read, and
   * the connection is of no more use.
   */
  write(bytes: Uint8Array): number {
    const sent = send(this.fd, bytes, bytes.length, MSG_NOSIGNAL);
    if (sent === bytes.length) return 0;
    return sent < 0 ? lastErrno() : ENOBUFS;
  }

  /**
   * All is said: from here on the connection ends by the count of unanswered questions, not by `userTimeoutMs`, with which
   * one lost question were the end of it.
   */
  endHaste(): void {
    setOption(this.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
  }

  /** Sends a FIN (a RST when something was left unread). */
  close(): void {
    closeDescriptor(this.fd);
  }
}

/** Binds and connects; 0 while that is under way, else the first error number. */
function begin(
  fd: number,
  o: StreamLink & { readonly to: IpAddress; readonly port: number; readonly userTimeoutMs: number },
): number {
  for (const [level, name, wanted] of streamOptions(o)) {
    const errno = setOption(fd, level, name, wanted);
    if (errno !== 0) return errno;
  }
  setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, o.userTimeoutMs);
  const address = Buffer.alloc(addressLength);
  if (bindSocket(fd, address, writeSocketAddress(address, 0, o.localAddress, 0)) !== 0) return lastErrno();
  if (connect(fd, address, writeSocketAddress(address, 0, o.to, o.port)) === 0) return 0;
  const errno = lastErrno();
  return errno === EINPROGRESS ? 0 : errno;
}

function streamOptions(o: StreamLink): readonly SocketOption[] {
  const family = familyOf(o.localAddress);
  return [
    ...pathOptions(o.interface, family, 255),
    family === AF_INET ? [IPPROTO_IP, IP_MINTTL, o.minTtl] : [IPPROTO_IPV6, IPV6_MINHOPCOUNT, o.minTtl],
    // The other end of an idle connection may be long gone: a machine that lost its power says nothing.
    [SOL_SOCKET, SO_KEEPALIVE, 1],
    [IPPROTO_TCP, TCP_KEEPIDLE, keepalive.idleS],
    [IPPROTO_TCP, TCP_KEEPINTVL, keepalive.intervalS],
    [IPPROTO_TCP, TCP_KEEPCNT, keepalive.count],
    [IPPROTO_TCP, TCP_NODELAY, 1],
  ];
}
