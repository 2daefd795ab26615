/**
 * What all kinds of socket share: a socket under construction, whose every failing step closes it and says what was
 * refused, and socket addresses laid out as the kernel reads them (`struct sockaddr_in`, `struct sockaddr_in6`).
 */
import { type IpAddress, isIpv4, readIpv4, readIpv6, writeIpv4, writeIpv6 } from '../wire/address.ts';
import { ENODEV, EPERM } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';
import { existingInterfaces } from './interfaces.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 1;
export const SO_MARK = 36;
export const SO_REUSEADDR = 2;
export const SO_PRIORITY = 12;
export const IPPROTO_IP = 0;
const IP_TOS = 1;
export const IP_TTL = 2;
export const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;
/** `struct sockaddr_in6`; the IPv4 form is shorter. */
export const addressLength = 28;

const IP_FREEBIND = 15;
const IPV6_FREEBIND = 78;
const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPV6_TCLASS = 67;
/** DSCP CS6, network control (RFC 4594 §3.2), as the byte that holds it. */
const networkControl = 0xc0;
/** TC_PRIO_INTERACTIVE: the highest band of the default queueing discipline that needs no privilege. */
export const interactive = 6;

const socket = native<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
/** Declared here for all kinds of socket. */
export const bindSocket: (fd: number, address: Uint8Array, length: number) => number = native<
  [fd: number, address: Uint8Array, length: number]
>('int bind(int, void *, unsigned int)');
const setsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
);

export type SocketOption = readonly [level: number, name: number, value: number | Uint8Array];

/**
 * What every socket of a path has: traffic over this interface only, `ttl` as the hop count of each packet (255
 * proves to the receiver that none was routed), and precedence over ordinary traffic, in the sender's queue and where
 * the network honours DSCP. It opens before its address is usable (an interface made anew, an IPv6 address still
 * tentative): until then the path is silent, and comes to life without being opened again.
 */
export function pathOptions(interfaceName: string, family: number, ttl: number): readonly SocketOption[] {
  const common: readonly SocketOption[] = [
    [SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${interfaceName}\0`)],
    [SOL_SOCKET, SO_PRIORITY, interactive],
  ];
  // IP_TOS sets the priority too: it comes first.
  if (family === AF_INET)
    return [
      [IPPROTO_IP, IP_TOS, networkControl],
      [IPPROTO_IP, IP_TTL, ttl],
      [IPPROTO_IP, IP_FREEBIND, 1],
      ...common,
    ];
  return [
    [IPPROTO_IPV6, IPV6_FREEBIND, 1],
    [IPPROTO_IPV6, IPV6_V6ONLY, 1],
    [IPPROTO_IPV6, IPV6_TCLASS, networkControl],
    [IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl],
    ...common,
  ];
}

/** A socket under construction: non-blocking, not inherited. Each step throws OperationError after closing it. */
export class Construction {
  readonly fd: number;
  readonly #operation: string;
  readonly #subject: string;
  readonly #capability: string;

  constructor(o: {
    operation: string;
    subject: string;
    capability?: string;
    family: number;
    type: number;
    protocol?: number;
  }) {
    this.#operation = o.operation;
    this.#subject = o.subject;
    this.#capability = o.capability ?? 'CAP_NET_RAW';
    this.fd = socket(o.family, o.type | SOCK_CLOEXEC_NONBLOCK, o.protocol ?? 0);
    if (this.fd < 0) this.fail(lastErrno());
  }

  option(level: number, name: number, value: number | Uint8Array): void {
    const errno = setOption(this.fd, level, name, value);
    if (errno !== 0) this.fail(errno);
  }

  options(options: readonly SocketOption[]): void {
    for (const [level, name, value] of options) this.option(level, name, value);
  }

  /** Buffers of `bytes` each way, beyond the system's limit where privilege allows, else up to it. */
  buffers(bytes: number): void {
    const forced = setOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
    if (forced !== 0 && forced !== EPERM) this.fail(forced);
    this.option(SOL_SOCKET, forced === 0 ? SO_SNDBUFFORCE : SO_SNDBUF, bytes);
    if (forced !== 0) this.option(SOL_SOCKET, SO_RCVBUF, bytes);
  }

  bind(address: Uint8Array, length: number): void {
    if (bindSocket(this.fd, address, length) !== 0) this.fail(lastErrno());
  }

  fail(errno: number): never {
    if (this.fd >= 0) closeDescriptor(this.fd);
    throw new OperationError({
      operation: this.#operation,
      subject: this.#subject,
      errno,
      capability: this.#capability,
      ...(errno === ENODEV ? { remedy: existingInterfaces() } : {}),
    });
  }
}

/** 0 or the error number. A number is passed as a C int. */
export function setOption(fd: number, level: number, name: number, value: number | Uint8Array): number {
  const bytes = typeof value === 'number' ? intBytes(value) : value;
  return setsockopt(fd, level, name, bytes, bytes.length) === 0 ? 0 : lastErrno();
}

/** A C int as the kernel reads it. */
export function intBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value, 0);
  return bytes;
}

export function familyOf(address: IpAddress): number {
  return isIpv4(address) ? AF_INET : AF_INET6;
}

/**
 * Writes a socket address and returns its length. IPv6 link-local addresses need no scope here: every socket is bound
 * to its interface first.
 */
export function writeSocketAddress(into: Buffer, offset: number, address: IpAddress, port: number): number {
  into.writeUInt16LE(familyOf(address), offset);
  into.writeUInt16BE(port, offset + 2);
  if (isIpv4(address)) {
    writeIpv4(into, offset + 4, address);
    into.fill(0, offset + 8, offset + 16);
    return 16;
  }
  into.writeUInt32LE(0, offset + 4);
  writeIpv6(into, offset + 8, address);
  into.writeUInt32LE(0, offset + 24);
  return addressLength;
}

export function readSocketAddress(from: Buffer, offset: number): IpAddress {
  return from.readUInt16LE(offset) === AF_INET ? readIpv4(from, offset + 4) : readIpv6(from, offset + 8);
}

export function readPort(from: Buffer, offset: number): number {
  return from.readUInt16BE(offset + 2);
}
