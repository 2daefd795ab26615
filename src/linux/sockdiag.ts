/**
 * Ends what speaks from an address this machine may no longer speak for: sock_diag finds the sockets and destroys them,
 * whoever owns them. Their programs see ECONNABORTED; the resets that the kernel sends are the closed fence's to stop.
 */
import { formatIp, type IpAddress, isIpv4, readIpv6 } from '../wire/address.ts';
import { ENOENT, EOPNOTSUPP } from './errno.ts';
import { OperationError } from './errors.ts';
import { NLM_F_ACK, NLM_F_REQUEST, netlinkSockDiag } from './netlink/constants.ts';
import type { Messages } from './netlink/reader.ts';
import { type Attempt, NetlinkSocket, refusalError } from './netlink/socket.ts';
import { MessageWriter } from './netlink/writer.ts';

const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
/** Bit per TCP state; 10 is LISTEN, 3 SYN_RECV, and 12 the same before there is a socket. */
const allButListen = 0x1fff & ~(1 << 10);
const halfOpen = (1 << 3) | (1 << 12);
/** `struct inet_diag_sockid`: ports, addresses, interface, cookie. */
const identityLength = 48;
/** In `struct inet_diag_msg`: family, state, timer, retransmissions, then the identity. */
const identityOffset = 4;
const sourceOffset = identityOffset + 4;
/** ::ffff:0:0/96, an IPv4 address in an IPv6 socket (RFC 4291 §2.5.5.2). */
const mappedPrefix = 0xffffn << 32n;
/** All acks of a send must fit the default receive buffer. */
const requestsPerSend = 128;

/** What is looked for. */
interface Target {
  readonly protocol: typeof IPPROTO_TCP | typeof IPPROTO_UDP;
  readonly localAddress: IpAddress;
  readonly states: number;
  /** Whether one with this local port is meant. */
  readonly isMeant: (port: number) => boolean;
}

interface Found {
  readonly family: number;
  readonly identity: Buffer;
}

/**
 * Destroys every TCP socket but listeners whose local address this is, IPv4 addresses of IPv6 sockets included; of some
 * ports only where `isMeant` says which. Returns how many. Throws OperationError, with EOPNOTSUPP where the kernel has no CONFIG_INET_DIAG_DESTROY.
 */
export function destroyTcpSockets(
  localAddress: IpAddress,
  isMeant: (port: number) => boolean = () => true,
): number {
  return destroySockets({ protocol: IPPROTO_TCP, localAddress, states: allButListen, isMeant });
}

/**
 * Forgets the handshakes that the kernel has answered at this place and that are not complete. They outlive their listener for
 * a second, and as long no other socket can have their connection. Nothing is sent. Returns how many. Throws as
 * `destroyTcpSockets`.
 */
export function forgetHandshakes(localAddress: IpAddress, localPort: number): number {
  const isMeant = (port: number): boolean => port === localPort;
  return destroySockets({ protocol: IPPROTO_TCP, localAddress, states: halfOpen, isMeant });
}

/**
 * Aborts every UDP socket whose local address this is. The kernel does not close it: its next call fails with
 * ECONNABORTED and it has lost its peer, if `connect` gave it one, but not its port, nor the address if it bound itself
 * to that. Of several sockets that share a port by SO_REUSEPORT the kernel aborts one. Returns how many. Throws as
 * `destroyTcpSockets`; ENOENT where the kernel has no CONFIG_INET_UDP_DIAG.
 */
export function destroyUdpSockets(localAddress: IpAddress): number {
  return destroySockets({
    protocol: IPPROTO_UDP,
    localAddress,
    states: allButListen,
    isMeant: () => true,
  });
}

function destroySockets(target: Target): number {
  const socket = NetlinkSocket.open({ protocol: netlinkSockDiag });
  try {
    const families = isIpv4(target.localAddress) ? [AF_INET, AF_INET6] : [AF_INET6];
    const found = families.flatMap((family) => list(socket, family, target));
    let destroyed = 0;
    for (let start = 0; start < found.length; start += requestsPerSend) {
      destroyed += destroy(socket, found.slice(start, start + requestsPerSend), target);
    }
    return destroyed;
  } finally {
    socket.close();
  }
}

function list(socket: NetlinkSocket, family: number, target: Target): Found[] {
  return socket.dump(
    attempt('list', target),
    SOCK_DIAG_BY_FAMILY,
    (writer) => writeRequest(writer, target, family, Buffer.alloc(identityLength)),
    (messages) => {
      if (!isLocal(messages, target.localAddress)) return undefined;
      const start = messages.start + identityOffset;
      if (!target.isMeant(messages.bytes.readUInt16BE(start))) return undefined;
      return { family, identity: Buffer.from(messages.bytes.subarray(start, start + identityLength)) };
    },
  );
}

/** Those that ended by themselves meanwhile are not counted. */
function destroy(socket: NetlinkSocket, found: readonly Found[], target: Target): number {
  const first = socket.sequences(found.length);
  const writer = new MessageWriter();
  found.forEach(({ family, identity }, position) => {
    writer.message(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, first + position, () =>
      writeRequest(writer, target, family, identity),
    );
  });
  const last = first + found.length - 1;
  const refusals = socket.transact(writer.buffer, writer.length, first, last);
  const failure = refusals.find((refusal) => refusal.errno !== ENOENT);
  if (failure !== undefined) {
    if (failure.errno !== EOPNOTSUPP) throw refusalError(attempt('destroy', target), failure);
    const remedy = 'a kernel with CONFIG_INET_DIAG_DESTROY can do it';
    throw new OperationError({ ...attempt('destroy', target), errno: failure.errno, remedy });
  }
  return found.length - refusals.length;
}

function attempt(verb: 'list' | 'destroy', { protocol, localAddress }: Target): Attempt {
  const kind = protocol === IPPROTO_TCP ? 'TCP' : 'UDP';
  return { operation: `${verb} ${kind} sockets`, subject: formatIp(localAddress) };
}

/** `struct inet_diag_req_v2`. */
function writeRequest(writer: MessageWriter, target: Target, family: number, identity: Uint8Array): void {
  writer.u8(family);
  writer.u8(target.protocol);
  writer.zeros(2); // extensions, padding
  writer.u32(target.states);
  writer.bytes(identity);
}

function isLocal(messages: Messages, address: IpAddress): boolean {
  const { bytes, start } = messages;
  const at = start + sourceOffset;
  if (bytes.readUInt8(start) === AF_INET) return isIpv4(address) && bytes.readUInt32BE(at) === address;
  return readIpv6(bytes, at) === (isIpv4(address) ? mappedPrefix | BigInt(address) : address);
}
