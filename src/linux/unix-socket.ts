/** A stream to a local program's socket (unix(7)), for a loop of our own. */
import { EAGAIN, EINTR, ENAMETOOLONG } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';
import { unixAddress } from './service-socket.ts';

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

const socket = native<[family: number, type: number, protocol: number]>('int socket(int, int, int)');
const connect = native<[fd: number, address: Uint8Array, length: number]>(
  'int connect(int, void *, unsigned int)',
);
const recv = native<[fd: number, into: Uint8Array, length: number, flags: number]>(
  'long recv(int, void *, unsigned long, int)',
);
const send = native<[fd: number, bytes: Uint8Array, length: number, flags: number]>(
  'long send(int, void *, unsigned long, int)',
);

export class UnixSocket {
  readonly fd: number;

  /** Connected when it returns. Throws OperationError: ENOENT, ECONNREFUSED (nobody listens there), EACCES. */
  static connect(path: string): UnixSocket {
    const operation = 'connect to socket';
    const fd = socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
    if (fd < 0) throw new OperationError({ operation, subject: path, errno: lastErrno() });
    const address = unixAddress(path);
    if (address !== undefined && connect(fd, address, address.length) === 0) return new UnixSocket(fd);
    const errno = address === undefined ? ENAMETOOLONG : lastErrno();
    closeDescriptor(fd);
    throw new OperationError({ operation, subject: path, errno, remedy: 'is the daemon running?' });
  }

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** What is there, never waits: bytes read; 0 at the end; -1 when there is nothing now. */
  read(into: Uint8Array): number {
    const count = recv(this.fd, into, into.length, MSG_DONTWAIT_NOSIGNAL);
    if (count >= 0) return count;
    const errno = lastErrno();
    return errno === EAGAIN || errno === EINTR ? -1 : 0;
  }

  /** Never waits. False: the reader is behind, or gone, and not all was written. */
  write(bytes: Uint8Array): boolean {
    return send(this.fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL) === bytes.length;
  }
}
