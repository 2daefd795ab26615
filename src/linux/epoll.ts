/**
 * Sleeping until a descriptor is ready or a moment has come, in microseconds (`epoll_pwait2`, Linux 5.11): the heart
 * of the reactor's loop. Nothing is allocated by `wait` and the reading of what it reported.
 */
import { EINTR } from './errno.ts';
import { OperationError } from './errors.ts';
import { closeDescriptor, lastErrno, native, pinned } from './ffi.ts';

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLRDHUP = 0x2000;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
/** The same on every architecture; older C libraries have no name for it. */
const SYS_epoll_pwait2 = 441;
const eventsMax = 64;
/** `struct epoll_event` is packed on x86-64 and nowhere else. */
const eventLength = process.arch === 'x64' ? 12 : 16;
const tokenOffset = eventLength - 8;

const epollCreate = native<[flags: number]>('int epoll_create1(int)');
const epollControl = native<[epfd: number, operation: number, fd: number, event: Uint8Array]>(
  'int epoll_ctl(int, int, int, void *)',
);
const epollWait = native<
  [
    call: number,
    epfd: number,
    events: Uint8Array,
    max: number,
    timeout: Uint8Array | null,
    mask: null,
    maskLength: number,
  ]
>('long syscall(long, int, void *, int, void *, void *, unsigned long)');

export class Epoll {
  readonly #fd: number;
  readonly #events: Buffer = pinned(eventsMax * eventLength);
  readonly #change: Buffer = pinned(eventLength);
  readonly #timeout: Buffer = pinned(16);

  /** Throws OperationError (EMFILE). */
  static open(): Epoll {
    const fd = epollCreate(EPOLL_CLOEXEC);
    if (fd < 0)
      throw new OperationError({ operation: 'create epoll', subject: 'this thread', errno: lastErrno() });
    return new Epoll(fd);
  }

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Watches `fd`; `token` (32 bits, unsigned) comes back when it is ready. Level triggered. Throws OperationError. */
  add(fd: number, token: number, events: number = EPOLLIN): void {
    this.#control(EPOLL_CTL_ADD, 'watch descriptor', fd, token, events);
  }

  modify(fd: number, token: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, 'change watched descriptor', fd, token, events);
  }

  /** Must precede closing `fd` while another table or descriptor still has the same file open. */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, 'stop watching descriptor', fd, 0, 0);
  }

  /**
   * Sleeps until something is ready, at most `timeoutUs` microseconds (0: not at all, -1: for ever).
   * Returns how many are ready, at most 64; the others are reported next time. A signal ends the sleep with 0.
   */
  wait(timeoutUs: number): number {
    let timeout: Buffer | null = null;
    if (timeoutUs >= 0) {
      timeout = this.#timeout;
      const seconds = Math.floor(timeoutUs / 1_000_000);
      timeout.writeUInt32LE(seconds >>> 0, 0);
      timeout.writeUInt32LE(Math.floor(seconds / 0x1_0000_0000), 4);
      timeout.writeUInt32LE((Math.floor(timeoutUs) % 1_000_000) * 1000, 8);
    }
    const count = epollWait(SYS_epoll_pwait2, this.#fd, this.#events, eventsMax, timeout, null, 8);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EINTR) return 0;
    throw new OperationError({ operation: 'wait for descriptors', subject: 'epoll_pwait2', errno });
  }

  /** The token of the `index`th descriptor that the last `wait` reported. */
  token(index: number): number {
    return this.#events.readUInt32LE(index * eventLength + tokenOffset);
  }

  /** Its events: EPOLLIN and so on, or'ed. */
  events(index: number): number {
    return this.#events.readUInt32LE(index * eventLength);
  }

  close(): void {
    closeDescriptor(this.#fd);
  }

  #control(operation: number, verb: string, fd: number, token: number, events: number): void {
    this.#change.writeUInt32LE(events, 0);
    this.#change.writeUInt32LE(token, tokenOffset);
    if (epollControl(this.#fd, operation, fd, this.#change) === 0) return;
    throw new OperationError({ operation: verb, subject: `descriptor ${fd}`, errno: lastErrno() });
  }
}
