/**
 * Which descriptors the loop watches and what to call when one is ready. A descriptor forgotten earlier in the same
 * turn is not called; every call-back reads until there is nothing more, so a call too many does no harm.
 */

import { monotonicUs } from '../../linux/clock.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, Epoll } from '../../linux/epoll.ts';

type Ready = () => void;

export class Watch {
  readonly #epoll: Epoll = Epoll.open();
  readonly #byDescriptor: Map<number, Ready> = new Map();

  readable(fd: number, ready: Ready): void {
    this.#epoll.add(fd, fd, EPOLLIN | EPOLLERR | EPOLLHUP);
    this.#byDescriptor.set(fd, ready);
  }

  writable(fd: number, ready: Ready): void {
    this.#epoll.add(fd, fd, EPOLLOUT | EPOLLERR | EPOLLHUP);
    this.#byDescriptor.set(fd, ready);
  }

  forget(fd: number): void {
    if (this.#byDescriptor.delete(fd)) this.#epoll.remove(fd);
  }

  /** Sleeps until something is ready or `timeoutUs` passed (-1: for ever); returns how many are ready. */
  wait(timeoutUs: number): number {
    return this.#epoll.wait(timeoutUs);
  }

  /** Runs the call-backs of the `count` descriptors the last `wait` reported. */
  dispatch(count: number): void {
    for (let index = 0; index < count; index++) this.#byDescriptor.get(this.#epoll.token(index))?.();
  }

  nowUs(): number {
    return monotonicUs();
  }

  close(): void {
    this.#epoll.close();
  }
}
