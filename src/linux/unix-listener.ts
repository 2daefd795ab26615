/** Where programs on this machine connect (unix(7)), for a loop of our own. */
import { rmSync } from 'node:fs';
import { EAGAIN, EINTR, ENAMETOOLONG } from './errno.ts';
import { closeDescriptor, lastErrno, native } from './ffi.ts';
import { ServiceSocket, unixAddress } from './service-socket.ts';
import { bindSocket, Construction, SOCK_STREAM } from './socket.ts';

const AF_UNIX = 1;
const SOCK_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const backlog = 4;

const listen = native<[fd: number, backlog: number]>('int listen(int, int)');
const accept4 = native<[fd: number, address: null, length: null, flags: number]>(
  'int accept4(int, void *, void *, int)',
);

export class UnixListener {
  readonly fd: number;

  /** A socket that an earlier process left at `path` is replaced. Throws OperationError: ENOENT (no such directory), EACCES. */
  static open(path: string): UnixListener {
    const socket = new Construction({
      operation: 'listen at Unix socket',
      subject: path,
      family: AF_UNIX,
      type: SOCK_STREAM,
    });
    const address = unixAddress(path);
    if (address === undefined) return socket.fail(ENAMETOOLONG);
    rmSync(path, { force: true });
    if (bindSocket(socket.fd, address, address.length) !== 0) socket.fail(lastErrno());
    if (listen(socket.fd, backlog) !== 0) socket.fail(lastErrno());
    return new UnixListener(socket.fd);
  }

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** The next connection, or undefined when none waits. */
  accept(): ServiceSocket | undefined {
    for (;;) {
      const fd = accept4(this.fd, null, null, SOCK_CLOEXEC_NONBLOCK);
      if (fd >= 0) return new ServiceSocket(fd);
      const errno = lastErrno();
      if (errno === EAGAIN || errno === EINTR) return undefined;
    }
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}
