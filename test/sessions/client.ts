/**
 * The client of the test, as a process: ordinary sockets of node:net on an ordinary kernel. It works until its stdin ends,
 * finishes what it began, and prints what it saw.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Bytes } from './programs.ts';

const [host = '', plan = '{}'] = process.argv.slice(2);
const { echo, get, put, idle, bytes } = JSON.parse(plan) as Record<
  'echo' | 'get' | 'put' | 'idle' | 'bytes',
  number
>;
const seen = {
  opened: 0,
  finished: 0,
  lost: [] as string[],
  wrong: [] as string[],
  echoes: 0,
  bulkBytes: 0,
  stallsMs: [] as number[],
};
const patienceMs = 5000;
let stopping = false;
const stopped = once(process.stdin.resume(), 'end').then(() => {
  stopping = true;
});

async function open(): Promise<Socket> {
  const socket = connect({ host, port: 7000, noDelay: true });
  await once(socket, 'connect');
  seen.opened++;
  return socket;
}

/** The next bytes. A connection that ends, or says nothing for `patienceMs`, is lost. */
async function heard(socket: Socket): Promise<string> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const data = once(socket, 'data', { signal });
    const end = once(socket, 'end', { signal }).then(() => {
      throw new Error('ended by the server');
    });
    const silence = delay(patienceMs, undefined, { signal }).then(() => {
      throw new Error(`silent for ${patienceMs} ms`);
    });
    for (const each of [end, silence]) each.catch(() => undefined);
    return String((await Promise.race([data, end, silence]))[0]);
  } finally {
    over.abort();
  }
}

/** Lines with a running counter, one at a time; the longest wait for an answer is the stall. */
async function echoes(socket: Socket, pause: () => Promise<unknown>): Promise<void> {
  socket.write('ECHO\n');
  let text = '';
  let stallMs = 0;
  for (let count = 1; !stopping || count < 3; count++) {
    const sent = performance.now();
    const line = `line ${count} of ${socket.localPort}`;
    socket.write(`${line}\n`);
    while (!text.includes('\n')) text += await heard(socket);
    stallMs = Math.max(stallMs, performance.now() - sent);
    const end = text.indexOf('\n');
    if (text.slice(0, end) !== `${count} ${line}`)
      seen.wrong.push(`echo '${text.slice(0, end)}', not '${count} ${line}'`);
    text = text.slice(end + 1);
    seen.echoes++;
    await pause();
  }
  seen.stallsMs.push(Math.round(stallMs));
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`no end for ${patienceMs} ms`)));
  socket.end();
  for await (const rest of socket) seen.wrong.push(`echo: more '${rest}'`);
}

async function download(socket: Socket, seed: number): Promise<void> {
  const expected = new Bytes(bytes, seed);
  const ours = createHash('sha256');
  while (expected.left > 0) ours.update(expected.next(1 << 16));
  const theirs = createHash('sha256');
  let length = 0;
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`silent for ${patienceMs} ms`)));
  socket.write(`GET ${bytes} ${seed}\n`);
  for await (const chunk of socket) {
    length += (chunk as Buffer).length;
    theirs.update(chunk as Buffer);
  }
  seen.bulkBytes += length;
  if (length !== bytes || ours.digest('hex') !== theirs.digest('hex'))
    seen.wrong.push(`download: ${length} of ${bytes} bytes`);
}

async function upload(socket: Socket, seed: number): Promise<void> {
  const data = new Bytes(bytes, seed);
  const hash = createHash('sha256');
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`silent for ${patienceMs} ms`)));
  socket.write(`PUT ${bytes}\n`);
  while (data.left > 0) {
    const chunk = data.next(1 << 16);
    hash.update(chunk);
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  let text = '';
  while (!text.includes('\n')) text += await heard(socket);
  if (text !== `${hash.digest('hex')}\n`) seen.wrong.push('upload: another hash');
  seen.bulkBytes += bytes;
  socket.end();
  for await (const rest of socket) seen.wrong.push(`upload: more '${rest}'`);
}

async function guarded(name: string, work: (socket: Socket) => Promise<void>): Promise<void> {
  try {
    await work(await open());
    seen.finished++;
  } catch (error) {
    seen.lost.push(`${name}: ${error instanceof Error ? error.message : error}`);
  }
}

async function again(
  name: string,
  work: (socket: Socket, seed: number) => Promise<void>,
  first: number,
): Promise<void> {
  for (let seed = first; !stopping; seed += 100) await guarded(name, (socket) => work(socket, seed));
}

const each = (count: number, work: (index: number) => Promise<void>): Promise<void>[] =>
  Array.from({ length: count }, (_, index) => work(index));
const breath = (): Promise<void> => delay(1);
await Promise.all([
  ...each(echo, () => guarded('echo', (socket) => echoes(socket, breath))),
  ...each(get, (index) => again('download', download, index + 1)),
  ...each(put, (index) => again('upload', upload, index + 51)),
  ...each(idle, () => guarded('idle', (socket) => echoes(socket, () => stopped))),
]);
process.stdout.write(`${JSON.stringify(seen)}\n`);
