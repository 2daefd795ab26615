/** Which descriptors are watched for what, and what is done when one is ready. */
import { monotonicUs } from '../linux/clock.ts';
import { Epoll } from '../linux/epoll.ts';

export class Readiness {
  readonly #epoll = Epoll.open();
  readonly #watched = new Map<number, { readonly ready: () => void; events: number }>();

  #alarm: { readonly atUs: number; readonly ring: () => void } | undefined;

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

  /** Calls `ring` once, at `atUs` of the monotonic clock; takes the place of the one before. */
  alarm(atUs: number, ring: () => void): void {
    this.#alarm = { atUs, ring };
  }

  /** Sleeps until something is ready, at most `timeoutUs`, and does what is to be done then. */
  turn(timeoutUs: number): void {
    const alarm = this.#alarm;
    const left = alarm === undefined ? timeoutUs : Math.max(alarm.atUs - monotonicUs(), 0);
    const count = this.#epoll.wait(Math.min(timeoutUs, left));
    if (alarm !== undefined && this.#alarm === alarm && monotonicUs() >= alarm.atUs) {
      this.#alarm = undefined;
      alarm.ring();
    }
    for (let index = 0; index < count; index++) this.#watched.get(this.#epoll.token(index))?.ready();
  }
}
