/** A file that is downloaded no faster than a host wants it, every byte compared as it comes. */
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { patienceMs } from './dialogue.ts';
import { Image } from './image.ts';
import { difference, type SessionLog } from './session-log.ts';

export const imageBytes: number = 8 << 20;
/** Bytes in a millisecond. */
const rate = 8192;

/** Compares what `stream` gives with the file `seed`. Rejects when it ends early. */
export async function receive(stream: Readable, log: SessionLog, seed: number): Promise<void> {
  const image = new Image(imageBytes, seed);
  for (;;) {
    log.await();
    const chunk = await next(stream);
    if (chunk === undefined) break;
    log.hear(chunk.length, difference(chunk, image.next(chunk.length)));
    await delay(chunk.length / rate);
  }
  log.hear(0, 0);
  if (image.left > 0) throw new Error(`ended after ${imageBytes - image.left} of ${imageBytes} bytes`);
}

/** Reads a response's head; resolves when the body is next. Rejects when it is not a success. */
export async function receiveHead(stream: Readable, log: SessionLog): Promise<void> {
  let head = '';
  log.await();
  while (!head.includes('\r\n\r\n')) {
    const chunk = await next(stream);
    if (chunk === undefined) throw new Error('ended in the head of the response');
    const end = chunk.indexOf('\r\n\r\n');
    const length = end < 0 ? chunk.length : end + 4;
    head += chunk.toString('latin1', 0, length);
    if (length < chunk.length) stream.unshift(chunk.subarray(length));
  }
  const right = head.startsWith('HTTP/1.0 200 ') && head.includes(`\r\nContent-Length: ${imageBytes}\r\n`);
  log.hear(head.length, right ? 0 : head.length);
  if (!right) throw new Error(`no image: '${head.split('\r\n')[0]}'`);
}

/** The next bytes, or undefined at the end; rejects when the stream fails or is silent for `patienceMs`. */
async function next(stream: Readable): Promise<Buffer | undefined> {
  const silence = performance.now() + patienceMs;
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) return chunk;
    if (stream.errored !== null) throw stream.errored;
    if (stream.readableEnded || stream.destroyed) return undefined;
    await readable(stream, silence - performance.now());
  }
}

function readable(stream: Readable, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const events = ['readable', 'end', 'error', 'close'] as const;
    const settle = (work: () => void): void => {
      clearTimeout(timer);
      for (const event of events) stream.off(event, ready);
      work();
    };
    const ready = (): void => settle(resolve);
    const timer = setTimeout(
      () => settle(() => reject(new Error(`silent for ${patienceMs / 1000} s`))),
      Math.max(0, timeoutMs),
    );
    for (const event of events) stream.on(event, ready);
  });
}
