/** A counter in the kernel that wakes whoever polls it: how one thread wakes another that sleeps in `Epoll.wait`. */
import { OperationError } from './errors.ts';
import { lastErrno, native } from './ffi.ts';

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const eventfd = native<[initial: number, flags: number]>('int eventfd(unsigned int, int)');
const read = native<[fd: number, into: Uint8Array, length: number]>('long read(int, void *, unsigned long)');
const write = native<[fd: number, bytes: Uint8Array, length: number]>(
  'long write(int, void *, unsigned long)',
);

const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const counter = new Uint8Array(8);

/** A new one, not inherited by child processes. Throws OperationError (EMFILE). */
export function createEventFd(): number {
  const fd = eventfd(0, EFD_CLOEXEC_NONBLOCK);
  if (fd < 0)
    throw new OperationError({ operation: 'create eventfd', subject: 'this process', errno: lastErrno() });
  return fd;
}

/** Makes it readable. A failure can only mean that the counter is full: it is readable already. */
export function signalEventFd(fd: number): void {
  write(fd, one, 8);
}

/** Makes it unreadable until the next signal. */
export function drainEventFd(fd: number): void {
  read(fd, counter, 8);
}
