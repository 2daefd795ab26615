/**
 * A TCP socket in the middle of a connection that it did not open (TCP_REPAIR, CAP_NET_ADMIN): the kernel is told both
 * sequence numbers and what the handshake agreed, and runs the connection from there. Nothing is sent meanwhile.
 * Order of the steps: `tcp_repair` in Linux' net/ipv4/tcp.c and CRIU's soccr.
 */
import { formatIp, type IpAddress } from '../wire/address.ts';
import { EADDRNOTAVAIL, EBUSY, EINVAL, EPERM } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';
import {
  addressLength,
  bindSocket,
  familyOf,
  intBytes,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
  setOption,
  writeSocketAddress,
} from './socket.ts';

const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const IPPROTO_TCP = 6;
const TCP_MAXSEG = 2;
const TCP_REPAIR = 19;
const TCP_REPAIR_QUEUE = 20;
const TCP_QUEUE_SEQ = 21;
const TCP_REPAIR_OPTIONS = 22;
const TCP_TIMESTAMP = 24;
const TCP_REPAIR_WINDOW = 29;
const repairOn = 1;
/** With a window probe: the byte before the first that is unacknowledged, whose answer says what the other side expects. */
const repairOffProbing = 0;
const repairOffSilent = -1;
const receiveQueue = 1;
const sendQueue = 2;
const SO_RCVBUFFORCE = 33;
/** Kinds of `struct tcp_repair_opt`. */
const option = { mss: 2, windowScale: 3, sackPermitted: 4, timestamps: 8 } as const;
/** What TCP_MAXSEG takes, bytes. */
const segmentSize = { min: 88, max: 32_767 } as const;
/** Bit 0 of TCP_TIMESTAMP says that the clock counts microseconds. */
const microseconds = 1;

const socket = native<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
const connect = native<[fd: number, address: Uint8Array, length: number]>(
  'int connect(int, void *, unsigned int)',
);
const getsockopt = native<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]>(
  'int getsockopt(int, int, int, void *, void *)',
);

/** An established connection as its socket has it. Sequence numbers are unsigned 32-bit integers. */
export interface RepairedConnection {
  readonly local: { readonly address: IpAddress; readonly port: number };
  readonly remote: { readonly address: IpAddress; readonly port: number };
  readonly sendSequence: number;
  readonly receiveSequence: number;
  readonly mss: number;
  /** Bits; undefined: neither side scales. */
  readonly windowScale: { readonly theirs: number; readonly ours: number } | undefined;
  readonly sack: boolean;
  /** What this side's clock shows now, ms; undefined: no timestamps. */
  readonly timestamp: number | undefined;
  /** What the other side is ready to take, bytes. */
  readonly sendWindow: number;
  /** What this side is ready to take, bytes: as much as may have been promised in its name. */
  readonly receiveWindow: number;
  /** Whether it begins by asking the other side for an acknowledgment; else in silence. */
  readonly probe?: boolean;
}

/**
 * The descriptor of an established socket, non-blocking, with SO_REUSEADDR as a listener's own connections have it. The
 * local address must be on this machine. Throws OperationError: EPERM (CAP_NET_ADMIN), EADDRNOTAVAIL (the address is not
 * here, or tentative), EADDRINUSE (this connection exists already), EINVAL (windows that contradict the sequence numbers).
 */
export function openRepaired(connection: RepairedConnection): number {
  const { local, remote } = connection;
  const subject = `${formatIp(local.address)} port ${local.port} to ${formatIp(remote.address)} port ${remote.port}`;
  const fd = socket(familyOf(local.address), SOCK_STREAM | SOCK_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) throw refused('open TCP socket', subject, lastErrno());
  try {
    establish(fd, connection, subject);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

function establish(fd: number, connection: RepairedConnection, subject: string): void {
  const set = (step: string, level: number, name: number, value: number | Uint8Array): void => {
    const errno = setOption(fd, level, name, value);
    if (errno !== 0) throw refused(step, subject, errno);
  };
  const repair = (step: string, name: number, value: number | Uint8Array): void =>
    set(step, IPPROTO_TCP, name, value);
  const address = Buffer.alloc(addressLength);
  set('share TCP address', SOL_SOCKET, SO_REUSEADDR, 1);
  set('size TCP receive buffer', SOL_SOCKET, SO_RCVBUFFORCE, connection.receiveWindow);
  repair('begin TCP repair', TCP_REPAIR, repairOn);
  repair('choose TCP send queue', TCP_REPAIR_QUEUE, sendQueue);
  repair('set TCP send sequence', TCP_QUEUE_SEQ, connection.sendSequence | 0);
  repair('choose TCP receive queue', TCP_REPAIR_QUEUE, receiveQueue);
  repair('set TCP receive sequence', TCP_QUEUE_SEQ, connection.receiveSequence | 0);
  // Before connect: what it computes the segments' size from.
  repair(
    'set TCP segment size',
    TCP_MAXSEG,
    Math.max(segmentSize.min, Math.min(connection.mss, segmentSize.max)),
  );
  const { local, remote } = connection;
  const localLength = writeSocketAddress(address, 0, local.address, local.port);
  if (bindSocket(fd, address, localLength) !== 0) throw refused('bind TCP socket', subject, lastErrno());
  const remoteLength = writeSocketAddress(address, 0, remote.address, remote.port);
  if (connect(fd, address, remoteLength) !== 0) throw refused('connect TCP in repair', subject, lastErrno());
  repair('set TCP options', TCP_REPAIR_OPTIONS, optionsOf(connection));
  if (connection.timestamp !== undefined)
    repair('set TCP timestamp clock', TCP_TIMESTAMP, clockValue(connection.timestamp));
  repair('set TCP windows', TCP_REPAIR_WINDOW, windowsOf(connection));
  repair('end TCP repair', TCP_REPAIR, connection.probe === true ? repairOffProbing : repairOffSilent);
  // Repair mode leaves it off: the listener could not be opened again beside this socket.
  set('share TCP address', SOL_SOCKET, SO_REUSEADDR, 1);
}

/** What the socket's timestamp clock shows, ms as an unsigned 32-bit integer. Throws OperationError. */
export function timestampClock(fd: number): number {
  const value = Buffer.alloc(4);
  const errno = getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, value, intBytes(4)) === 0 ? 0 : lastErrno();
  if (errno !== 0) throw refused('read TCP timestamp clock', `descriptor ${fd}`, errno);
  return value.readUInt32LE(0);
}

/** Sets it, in silence. It must never go back: the other side drops what is older than what it saw (RFC 7323 §5). */
export function setTimestampClock(fd: number, value: number): void {
  const subject = `descriptor ${fd}`;
  const steps = [
    ['begin TCP repair', TCP_REPAIR, repairOn],
    ['set TCP timestamp clock', TCP_TIMESTAMP, clockValue(value)],
    ['end TCP repair', TCP_REPAIR, repairOffSilent],
  ] as const;
  for (const [step, name, wanted] of steps) {
    const errno = setOption(fd, IPPROTO_TCP, name, wanted);
    if (errno !== 0) throw refused(step, subject, errno);
  }
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

function clockValue(value: number): number {
  return ((value + microseconds) & ~microseconds) | 0;
}

/** An array of `struct tcp_repair_opt`: kind and value. */
function optionsOf({ mss, windowScale, sack, timestamp }: RepairedConnection): Uint8Array {
  const options: [kind: number, value: number][] = [[option.mss, mss]];
  if (windowScale !== undefined)
    options.push([option.windowScale, windowScale.theirs | (windowScale.ours << 16)]);
  if (sack) options.push([option.sackPermitted, 0]);
  if (timestamp !== undefined) options.push([option.timestamps, 0]);
  const bytes = Buffer.alloc(options.length * 8);
  for (const [index, [kind, value]] of options.entries()) {
    bytes.writeUInt32LE(kind, index * 8);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}

/** `struct tcp_repair_window`: snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup. */
function windowsOf({ receiveSequence, sendWindow, receiveWindow }: RepairedConnection): Uint8Array {
  const bytes = Buffer.alloc(20);
  for (const [index, value] of [
    receiveSequence,
    sendWindow,
    Math.max(sendWindow, 1),
    receiveWindow,
    receiveSequence,
  ].entries())
    bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

function refused(operation: string, subject: string, errno: number): OperationError {
  const remedy = remedies.get(errno);
  return new OperationError({ operation, subject, errno, ...(remedy === undefined ? {} : { remedy }) });
}

const remedies: ReadonlyMap<number, string> = new Map([
  [EPERM, 'run as root or grant CAP_NET_ADMIN; without it connections do not survive a takeover'],
  [
    EADDRNOTAVAIL,
    'the address must be on this machine, and an IPv6 one not tentative: `ip address` lists them',
  ],
  [EBUSY, 'the socket is connected already'],
  [
    EINVAL,
    'the windows contradict the sequence numbers, or this kernel has no TCP_REPAIR (CONFIG_CHECKPOINT_RESTORE)',
  ],
]);
