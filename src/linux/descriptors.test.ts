/**
 * The reactor's first step, proven with the runtime: a worker with a descriptor table of its own, free of the main
 * thread's sockets, that sleeps in `Epoll.wait` and still exchanges messages with a main thread that works on.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isMainThread, parentPort, receiveMessageOnPort, Worker, workerData } from 'node:worker_threads';
import { closeForeignDescriptors } from './descriptors.ts';
import { Epoll } from './epoll.ts';
import { createEventFd, drainEventFd, signalEventFd } from './eventfd.ts';
import { closeDescriptor } from './ffi.ts';
import { unshareFiles } from './sched.ts';

const table = '/proc/thread-self/fd';
/** What is open beyond the standard streams (which are sockets under the test runner). */
const targets = (): string[] =>
  readdirSync(table).flatMap((fd) => {
    if (Number(fd) <= 2) return [];
    try {
      return [readlinkSync(`${table}/${fd}`)];
    } catch {
      return [];
    }
  });

interface Told {
  readonly targets: string[];
  readonly heard: unknown[];
}

function reactor(eventFd: number): void {
  const port = parentPort;
  if (port === null) throw new Error('not a worker');
  unshareFiles();
  closeForeignDescriptors(new Set([eventFd]));
  const own = openSync(import.meta.filename, 'r');
  const epoll = Epoll.open();
  epoll.add(eventFd, 7);
  port.postMessage({ targets: targets(), heard: [] } satisfies Told);
  for (let stop = false; !stop; ) {
    const count = epoll.wait(-1);
    if (count === 0) continue;
    assert.equal(epoll.token(0), 7);
    drainEventFd(eventFd);
    const heard: unknown[] = [];
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
      heard.push(got.message);
      stop ||= got.message === 'stop';
    }
    port.postMessage({ targets: [], heard } satisfies Told);
  }
  closeDescriptor(own);
  port.close();
}

if (!isMainThread) {
  reactor((workerData as { eventFd: number }).eventFd);
} else {
  test('main thread and worker work on, and talk, after the worker has its own descriptor table', async (context) => {
    const server = createServer((_request, response) => response.end('served'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const file = openSync(import.meta.filename, 'r');
    const eventFd = createEventFd();
    const before = targets();
    assert.ok(before.includes(import.meta.filename) && before.some((target) => target.startsWith('socket:')));

    const worker = new Worker(import.meta.filename, { workerData: { eventFd } });
    context.after(() => {
      worker.postMessage('stop');
      signalEventFd(eventFd);
    });
    const [started] = (await once(worker, 'message')) as [Told];
    assert.ok(!started.targets.some((target) => target.startsWith('socket:')), started.targets.join(' '));
    const files = started.targets.filter((target) => target.startsWith('/') && !target.startsWith('/dev/'));
    assert.deepEqual(
      files.filter((target) => !target.startsWith('/proc/')),
      [import.meta.filename],
    );

    for (let round = 0; round < 200; round++) {
      const heard: unknown[] = [];
      worker.postMessage({ round });
      worker.postMessage('again');
      signalEventFd(eventFd);
      while (heard.length < 2) heard.push(...((await once(worker, 'message')) as [Told])[0].heard);
      assert.deepEqual(heard, [{ round }, 'again']);
    }

    // The main thread's own descriptors are untouched, and it can open, serve, and read asynchronously.
    assert.equal(readFileSync(file).length, (await readFile(import.meta.filename)).length);
    assert.equal(await (await fetch(url)).text(), 'served');
    assert.ok(targets().some((target) => target.startsWith('socket:')));

    worker.postMessage('stop');
    signalEventFd(eventFd);
    assert.deepEqual(await once(worker, 'exit'), [0]);
    assert.equal(await (await fetch(url)).text(), 'served');
    server.closeAllConnections();
    server.close();
    closeDescriptor(file);
  });
}
