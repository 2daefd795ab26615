/** Waiting in a test for a descriptor, without letting the event loop run: everything awaited is in the kernel. */
import { monotonicUs } from '../src/linux/clock.ts';
import { EPOLLIN, Epoll } from '../src/linux/epoll.ts';

const patienceUs = 10_000_000;

/** Sleeps until one of `events` is there; throws after ten seconds. */
export function untilReady(fd: number, events: number = EPOLLIN): void {
  const epoll = Epoll.open();
  epoll.add(fd, 0, events);
  const deadline = monotonicUs() + patienceUs;
  // A signal (a child process ended) also ends a sleep.
  while (epoll.wait(100_000) === 0) {
    if (monotonicUs() > deadline) throw new Error(`descriptor ${fd} was not ready within ten seconds`);
  }
  epoll.close();
}
