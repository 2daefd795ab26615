/** Which descriptors are watched for what, and what is done when one is ready. */
import { Epoll } from '../linux/epoll.ts';

export class Readiness {
  readonly #epoll = Epoll.open();
  readonly #watched = new Map<number, { readonly ready: () => void; events: number }>();

  /** `events`: EPOLLIN and so on, or'ed. Throws OperationError. */
  watch(fd: number, events: number, ready: () => void): void {
    this.#watched.set(fd, { ready, events });
    this.#epoll.add(fd, fd, events);
  }

  /** 0: nothing is reported, not even that the connection is gone. */
  change(fd: number, events: number): void {
    const watched = this.#watched.get(fd);
    if (watched === undefined || watched.events === events) return;
    if (events === 0) this.#epoll.remove(fd);
    else if (watched.events === 0) this.#epoll.add(fd, fd, events);
    else this.#epoll.modify(fd, fd, events);
    watched.events = events;
  }

  /** Before the descriptor is closed. */
  forget(fd: number): void {
    const watched = this.#watched.get(fd);
    if (watched === undefined) return;
    this.#watched.delete(fd);
    if (watched.events !== 0) this.#epoll.remove(fd);
  }

  /** Sleeps until something is ready, at most `timeoutUs`, and does what is to be done then. */
  turn(timeoutUs: number): void {
    const count = this.#epoll.wait(timeoutUs);
    for (let index = 0; index < count; index++) this.#watched.get(this.#epoll.token(index))?.ready();
  }
}
