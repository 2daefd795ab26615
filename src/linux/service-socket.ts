/**
 * TCP sockets of a service, driven by a loop of our own: listening at an address, connections with part reads and part
 * writes, and what the kernel says of them (tcp(7), `struct tcp_info`). Descriptors are non-blocking.
 */
import { formatIp, type IpAddress, isIpv4 } from '../wire/address.ts';
import { EAGAIN, EINPROGRESS, EINTR, ENAMETOOLONG } from './errno.ts';
import { closeDescriptor, lastErrno, native, pinned } from './ffi.ts';
import {
  addressLength,
  Construction,
  familyOf,
  IPPROTO_IP,
  IPPROTO_IPV6,
  readPort,
  readSocketAddress,
  SO_MARK,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
  setOption,
  writeSocketAddress,
} from './socket.ts';

const AF_UNIX = 1;
const SO_LINGER = 13;
const SO_ERROR = 4;
const SO_RCVBUFFORCE = 33;
const IP_FREEBIND = 15;
const IPV6_FREEBIND = 78;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_WINDOW_CLAMP = 10;
const TCP_INFO = 11;
const TCP_USER_TIMEOUT = 18;
const TCP_REPAIR = 19;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
/** TCP_CLOSE of `enum` in net/tcp_states.h: the connection is over, or in TIME_WAIT. */
const stateClosed = 7;

const listen = native<[fd: number, backlog: number]>('int listen(int, int)');
const accept4 = native<[fd: number, address: Uint8Array, length: Uint8Array, flags: number]>(
  'int accept4(int, void *, void *, int)',
);
const connect = native<[fd: number, address: Uint8Array, length: number]>(
  'int connect(int, void *, unsigned int)',
);
const getsockname = native<[fd: number, address: Uint8Array, length: Uint8Array]>(
  'int getsockname(int, void *, void *)',
);
const getsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]>(
  'int getsockopt(int, int, int, void *, void *)',
);
const recv = native<[fd: number, into: Uint8Array, length: number, flags: number]>(
  'long recv(int, void *, unsigned long, int)',
);
const send = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long send(int, void *, unsigned long, int)',
);
const shutdown = native<[fd: number, how: number]>('int shutdown(int, int)');

export interface SocketEnd {
  readonly address: IpAddress;
  readonly port: number;
}

/** Where a server listens: TCP, or the path of a Unix socket. */
export type ServerPlace = SocketEnd | { readonly path: string };

/** `sun_path` with its final zero, bytes. */
const pathBytesMax = 108;
/** `struct linger` on, 0 seconds: closing ends the connection with an RST. */
const atOnce = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

const peer = pinned(addressLength);
const peerLength = pinned(4);
const information = pinned(256);
const informationLength = pinned(4);

export class ServiceListener {
  readonly fd: number;
  /** The port it got, where 0 was asked for. */
  readonly port: number;

  /** `early`: the address may come later. Throws OperationError: EADDRINUSE, EADDRNOTAVAIL. */
  static open(o: SocketEnd & { readonly backlog: number; readonly early?: boolean }): ServiceListener {
    const socket = new Construction({
      operation: 'listen for TCP connections',
      subject: `${formatIp(o.address)} port ${o.port}`,
      family: familyOf(o.address),
      type: SOCK_STREAM,
    });
    socket.option(SOL_SOCKET, SO_REUSEADDR, 1);
    if (o.early === true) bindEarly(socket, o.address);
    const address = Buffer.alloc(addressLength);
    socket.bind(address, writeSocketAddress(address, 0, o.address, o.port));
    if (listen(socket.fd, o.backlog) !== 0) socket.fail(lastErrno());
    peerLength.writeUInt32LE(addressLength, 0);
    if (getsockname(socket.fd, peer, peerLength) !== 0) socket.fail(lastErrno());
    return new ServiceListener(socket.fd, readPort(peer, 0));
  }

  private constructor(fd: number, port: number) {
    this.fd = fd;
    this.port = port;
  }

  /** The next connection, or undefined when none waits. One that ended before it was taken is passed over. */
  accept(): { readonly socket: ServiceSocket; readonly from: SocketEnd } | undefined {
    for (;;) {
      peerLength.writeUInt32LE(addressLength, 0);
      const fd = accept4(this.fd, peer, peerLength, SOCK_CLOEXEC_NONBLOCK);
      if (fd >= 0) {
        const from = { address: readSocketAddress(peer, 0), port: readPort(peer, 0) };
        return { socket: new ServiceSocket(fd), from };
      }
      const errno = lastErrno();
      if (errno === EAGAIN || errno === EINTR) return undefined;
    }
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}

/** What the kernel says of a connection. Counts are of bytes, modulo 2^32. */
export interface TcpFacts {
  readonly closed: boolean;
  /** Payload sent, retransmissions not counted. */
  readonly sent: number;
  /** Sent and acknowledged; a FIN counts one. */
  readonly acknowledged: number;
  /** Received in order; a FIN counts one. */
  readonly received: number;
  /** Written, but not sent yet; a FIN counts one. */
  readonly unsent: number;
  /** The payload of the segments it sends, at most, bytes. */
  readonly segmentSize: number;
  /** The window scale that this side announced, bits. */
  readonly windowScale: number;
}

export class ServiceSocket {
  readonly fd: number;

  /** To a server on this machine; see `connect`. Throws OperationError: ENOENT, ECONNREFUSED, EAGAIN (its backlog is full). */
  static connectTo(place: ServerPlace): ServiceSocket {
    if (!('path' in place)) return ServiceSocket.connect(place);
    const socket = new Construction({
      operation: 'connect to Unix socket',
      subject: place.path,
      family: AF_UNIX,
      type: SOCK_STREAM,
    });
    const address = unixAddress(place.path);
    if (address === undefined) return socket.fail(ENAMETOOLONG);
    if (connect(socket.fd, address, address.length) !== 0) socket.fail(lastErrno());
    return new ServiceSocket(socket.fd);
  }

  /** Begins to connect, from `from`; it becomes writable when that succeeded or failed. Throws OperationError. */
  static connect(to: SocketEnd, from?: IpAddress): ServiceSocket {
    const socket = new Construction({
      operation: 'open TCP connection',
      subject: `${formatIp(to.address)} port ${to.port}`,
      family: familyOf(to.address),
      type: SOCK_STREAM,
    });
    const address = Buffer.alloc(addressLength);
    if (from !== undefined) {
      bindEarly(socket, from);
      socket.bind(address, writeSocketAddress(address, 0, from, 0));
    }
    if (connect(socket.fd, address, writeSocketAddress(address, 0, to.address, to.port)) !== 0) {
      const errno = lastErrno();
      if (errno !== EINPROGRESS) socket.fail(errno);
    }
    return new ServiceSocket(socket.fd);
  }

  /** Of a descriptor that is connected or about to be. Small writes leave at once. */
  constructor(fd: number) {
    this.fd = fd;
    setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  }

  /** Bytes read; 0 at the end of the stream; minus the error number when there is nothing (-EAGAIN) or no connection. */
  read(into: Uint8Array): number {
    const count = recv(this.fd, into, into.length, 0);
    return count >= 0 ? count : -lastErrno();
  }

  /** Bytes written, perhaps fewer than given; minus the error number when none was (-EAGAIN: no room). */
  write(bytes: Uint8Array): number {
    const count = send(this.fd, bytes, bytes.length, MSG_NOSIGNAL);
    return count >= 0 ? count : -lastErrno();
  }

  /** Marks every packet of the connection from now on (SO_MARK; CAP_NET_ADMIN). 0 or the error number. */
  mark(value: number): number {
    return setOption(this.fd, SOL_SOCKET, SO_MARK, value);
  }

  /** It is ready to take so much more than it read, bytes, whatever the kernel thought of it before. 0 or the error number. */
  takeAtLeast(bytes: number): number {
    return (
      setOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) ||
      setOption(this.fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, bytes)
    );
  }

  /** Data that stays unacknowledged for so long ends the connection; looked at when TCP sends it again. 0 or the error number. */
  giveUpAfter(ms: number): number {
    return setOption(this.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
  }

  /** Why it could not connect, once: an error number; 0: it did. */
  failure(): number {
    informationLength.writeUInt32LE(4, 0);
    if (getsockopt(this.fd, SOL_SOCKET, SO_ERROR, information, informationLength) !== 0) return lastErrno();
    return information.readInt32LE(0);
  }

  /** Nothing more is written: a FIN follows what is. */
  finish(): void {
    shutdown(this.fd, SHUT_WR);
  }

  facts(): TcpFacts {
    informationLength.writeUInt32LE(information.length, 0);
    if (getsockopt(this.fd, IPPROTO_TCP, TCP_INFO, information, informationLength) !== 0)
      return {
        closed: true,
        sent: 0,
        acknowledged: 0,
        received: 0,
        unsent: 0,
        segmentSize: 0,
        windowScale: 0,
      };
    return {
      closed: information[0] === stateClosed,
      sent: (information.readUInt32LE(200) - information.readUInt32LE(208)) >>> 0,
      acknowledged: information.readUInt32LE(120),
      received: information.readUInt32LE(128),
      unsent: information.readUInt32LE(144),
      segmentSize: information.readUInt32LE(16),
      windowScale: (information[6] ?? 0) >>> 4,
    };
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  /** Closes it with an RST, whatever is unsent. */
  abort(): void {
    setOption(this.fd, SOL_SOCKET, SO_LINGER, atOnce);
    closeDescriptor(this.fd);
  }

  /** Ends the connection without a word: the other end does not hear of it (TCP_REPAIR, CAP_NET_ADMIN). */
  vanish(): void {
    setOption(this.fd, IPPROTO_TCP, TCP_REPAIR, 1);
    closeDescriptor(this.fd);
  }
}

/** `struct sockaddr_un`, or undefined when the path is too long for it. */
export function unixAddress(path: string): Uint8Array | undefined {
  const name = Buffer.from(`${path}\0`);
  if (name.length > pathBytesMax) return undefined;
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}

function bindEarly(socket: Construction, address: IpAddress): void {
  if (isIpv4(address)) socket.option(IPPROTO_IP, IP_FREEBIND, 1);
  else socket.option(IPPROTO_IPV6, IPV6_FREEBIND, 1);
}

/**
 * The window scale that this kernel announces in its SYN-ACKs, bits: asked of a connection to itself over `loopback`,
 * because it follows from memory settings in ways of the kernel's own. Throws OperationError when lo is down.
 */
export function announcedWindowScale(loopback: IpAddress): number {
  const listener = ServiceListener.open({ address: loopback, port: 0, backlog: 1 });
  const client = ServiceSocket.connect({ address: loopback, port: listener.port });
  // Over lo the whole handshake is done before connect returns.
  const accepted = listener.accept();
  const scale = accepted?.socket.facts().windowScale;
  accepted?.socket.close();
  client.close();
  listener.close();
  if (scale === undefined) throw new Error('a connection over lo was not there at once; is lo up?');
  return scale;
}
