import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { monotonicUs } from './clock.ts';
import { EPOLLIN, EPOLLOUT, Epoll } from './epoll.ts';
import { OperationError } from './errors.ts';
import { createEventFd, drainEventFd, signalEventFd } from './eventfd.ts';
import { closeDescriptor } from './ffi.ts';

if (!isMainThread) {
  const epoll = Epoll.open();
  epoll.add((workerData as { eventFd: number }).eventFd, 1);
  parentPort?.postMessage('asleep');
  // A signal may end a sleep early.
  while (epoll.wait(-1) === 0);
  parentPort?.postMessage(monotonicUs());
} else {
  test('the monotonic clock is the one Node reads', () => {
    const before = process.hrtime.bigint() / 1000n;
    const now = monotonicUs();
    const after = process.hrtime.bigint() / 1000n;
    assert.ok(Number.isInteger(now));
    assert.ok(before <= BigInt(now) && BigInt(now) <= after);
  });

  test('a sleep lasts as long as asked, and not much longer', () => {
    const epoll = Epoll.open();
    const late: number[] = [];
    for (let round = 0; round < 50; round++) {
      const start = monotonicUs();
      assert.equal(epoll.wait(1500), 0);
      late.push(monotonicUs() - start - 1500);
    }
    epoll.close();
    late.sort((a, b) => a - b);
    assert.ok((late[0] ?? -1) >= 0, `woke ${late[0]} µs early`);
    // The machine may be busy: the median shows that the sleep is not rounded up to milliseconds.
    assert.ok((late[25] ?? Infinity) < 1000, `median ${late[25]} µs late`);
  });

  test('what is ready comes with its token and events, until it is drained, changed, or removed', () => {
    const epoll = Epoll.open();
    const [a, b] = [createEventFd(), createEventFd()];
    epoll.add(a, 0xffff_fffe);
    epoll.add(b, 2);
    assert.equal(epoll.wait(0), 0);
    signalEventFd(a);
    assert.equal(epoll.wait(-1), 1);
    assert.equal(epoll.token(0), 0xffff_fffe);
    assert.equal(epoll.events(0), EPOLLIN);
    drainEventFd(a);
    assert.equal(epoll.wait(0), 0);
    epoll.modify(b, 3, EPOLLOUT);
    assert.equal(epoll.wait(0), 1);
    assert.equal(epoll.token(0), 3);
    assert.equal(epoll.events(0), EPOLLOUT);
    epoll.remove(b);
    assert.equal(epoll.wait(0), 0);
    for (const fd of [a, b]) closeDescriptor(fd);
    epoll.close();
  });

  test('a refused change says on which descriptor', () => {
    const epoll = Epoll.open();
    assert.throws(() => epoll.add(987_654, 1), OperationError);
    assert.throws(
      () => epoll.remove(987_654),
      /cannot stop watching descriptor \(descriptor 987654\): EBADF/,
    );
    epoll.close();
  });

  test('a thread asleep in wait is woken by an eventfd', async () => {
    const eventFd = createEventFd();
    const worker = new Worker(import.meta.filename, { workerData: { eventFd } });
    // The worker's last message and its exit may come in one turn of the loop.
    const exited = once(worker, 'exit');
    assert.deepEqual(await once(worker, 'message'), ['asleep']);
    const signalled = monotonicUs();
    signalEventFd(eventFd);
    const [woken] = (await once(worker, 'message')) as [number];
    assert.ok(woken >= signalled);
    await exited;
    closeDescriptor(eventFd);
  });
}
