/**
 * The client of the test, as a process: ordinary sockets of node:net on an ordinary kernel. It works until its stdin ends,
 * finishes what it began, and prints what it saw.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicUs } from '../../src/linux/clock.ts';
import { Bytes } from './programs.ts';
import type { Load, Seen } from './trial.ts';

type Writable<Type> = {
  -readonly [Key in keyof Type]: Type[Key] extends readonly (infer Each)[] ? Each[] : Type[Key];
};

const [host = '', plan = '{}'] = process.argv.slice(2);
const { echo, get, put, idle, bytes, brief = 0, pauseMs = 1, bytesPerMs } = JSON.parse(plan) as Load;
const seen: Writable<Seen> = {
  opened: 0,
  finished: 0,
  lost: [],
  wrong: [],
  echoes: 0,
  bulkBytes: 0,
  stallsMs: [],
  waits: [],
};
const patienceMs = 5000;
/** Shorter waits are not reported one by one. */
const longUs = 30_000;
/** So many connections are opened at a time: the others wait for their turn here and not for a second SYN. */
const openingMax = 100;
let stopping = false;
const stopped = once(process.stdin.resume(), 'end').then(() => {
  stopping = true;
});

/** Turns at opening. */
const turns: (() => void)[] = [];
let opening = 0;

async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (opening >= openingMax) await new Promise<void>((resolve) => turns.push(resolve));
  else opening++;
  try {
    return await work();
  } finally {
    const next = turns.shift();
    if (next === undefined) opening--;
    else next();
  }
}

interface Connection {
  readonly kind: string;
  readonly begunUs: number;
  port: number;
}

async function open(connection: Connection): Promise<Socket> {
  const socket = connect({ host, port: 7000, noDelay: true });
  // It may come when nobody waits: whoever waits next looks for it.
  socket.on('error', () => undefined);
  const fromUs = monotonicUs();
  await once(socket, 'connect');
  connection.port = socket.localPort ?? 0;
  waited({ ...connection, kind: 'open' }, fromUs);
  seen.opened++;
  return socket;
}

/** Returns how long it was, ms. */
function waited({ kind, port }: Connection, fromUs: number): number {
  const toUs = monotonicUs();
  if (toUs - fromUs > longUs) seen.waits.push({ kind, port, fromUs, toUs });
  return (toUs - fromUs) / 1000;
}

function requireWhole({ errored }: Socket): void {
  if (errored !== null) throw errored;
}

/** The next bytes. A connection that ends, or says nothing for `patienceMs`, is lost. */
async function heard(socket: Socket): Promise<string> {
  requireWhole(socket);
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

/** Lines with a running counter, one at a time. Returns the longest wait for an answer. */
async function converse(
  socket: Socket,
  connection: Connection,
  lines: (count: number) => boolean,
  pause: () => Promise<unknown>,
): Promise<number> {
  socket.write('ECHO\n');
  let text = '';
  let stallMs = 0;
  for (let count = 1; lines(count); count++) {
    const fromUs = monotonicUs();
    const line = `line ${count} of ${socket.localPort}`;
    socket.write(`${line}\n`);
    while (!text.includes('\n')) text += await heard(socket);
    stallMs = Math.max(stallMs, waited(connection, fromUs));
    const end = text.indexOf('\n');
    if (text.slice(0, end) !== `${count} ${line}`)
      seen.wrong.push(`echo '${text.slice(0, end)}', not '${count} ${line}'`);
    text = text.slice(end + 1);
    seen.echoes++;
    await pause();
  }
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`no end for ${patienceMs} ms`)));
  socket.end();
  for await (const rest of socket) seen.wrong.push(`echo: more '${rest}'`);
  return stallMs;
}

async function echoes(socket: Socket, connection: Connection, pause: () => Promise<unknown>): Promise<void> {
  seen.stallsMs.push(
    Math.round(await converse(socket, connection, (count) => !stopping || count < 3, pause)),
  );
}

/** A transfer lasts, until all is to end. */
async function pace(length: number): Promise<void> {
  if (bytesPerMs === undefined || stopping) return;
  const over = new AbortController();
  await Promise.race([delay(length / bytesPerMs, undefined, over).catch(() => undefined), stopped]);
  over.abort();
}

async function download(socket: Socket, connection: Connection, seed: number): Promise<void> {
  const expected = new Bytes(bytes, seed);
  const ours = createHash('sha256');
  while (expected.left > 0) ours.update(expected.next(1 << 16));
  const theirs = createHash('sha256');
  let length = 0;
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`silent for ${patienceMs} ms`)));
  socket.write(`GET ${bytes} ${seed}\n`);
  let fromUs = monotonicUs();
  for await (const chunk of socket) {
    waited(connection, fromUs);
    length += (chunk as Buffer).length;
    theirs.update(chunk as Buffer);
    await pace((chunk as Buffer).length);
    fromUs = monotonicUs();
  }
  seen.bulkBytes += length;
  if (length !== bytes || ours.digest('hex') !== theirs.digest('hex'))
    seen.wrong.push(`download: ${length} of ${bytes} bytes`);
}

async function upload(socket: Socket, connection: Connection, seed: number): Promise<void> {
  const data = new Bytes(bytes, seed);
  const hash = createHash('sha256');
  socket.setTimeout(patienceMs, () => socket.destroy(new Error(`silent for ${patienceMs} ms`)));
  socket.write(`PUT ${bytes}\n`);
  while (data.left > 0) {
    const chunk = data.next(bytesPerMs === undefined ? 1 << 16 : 1 << 14);
    hash.update(chunk);
    requireWhole(socket);
    const fromUs = monotonicUs();
    if (!socket.write(chunk)) await once(socket, 'drain');
    waited(connection, fromUs);
    await pace(chunk.length);
  }
  let text = '';
  const fromUs = monotonicUs();
  while (!text.includes('\n')) text += await heard(socket);
  waited(connection, fromUs);
  if (text !== `${hash.digest('hex')}\n`) seen.wrong.push('upload: another hash');
  seen.bulkBytes += bytes;
  socket.end();
  for await (const rest of socket) seen.wrong.push(`upload: more '${rest}'`);
}

async function guarded(
  kind: string,
  work: (socket: Socket, connection: Connection) => Promise<void>,
): Promise<void> {
  const connection: Connection = { kind, begunUs: monotonicUs(), port: 0 };
  try {
    await work(await inTurn(() => open(connection)), connection);
    seen.finished++;
  } catch (error) {
    seen.lost.push({ ...connection, why: error instanceof Error ? error.message : String(error) });
  }
}

async function again(
  kind: string,
  work: (socket: Socket, connection: Connection, seed: number) => Promise<void>,
  first: number,
): Promise<void> {
  for (let seed = first; !stopping; seed += 100)
    await guarded(kind, (socket, connection) => work(socket, connection, seed));
}

const each = (count: number, work: (index: number) => Promise<void>): Promise<void>[] =>
  Array.from({ length: count }, (_, index) => work(index));
const breath = (): Promise<void> => delay(pauseMs);

async function briefly(socket: Socket, connection: Connection): Promise<void> {
  await converse(socket, connection, (count) => count < 3, breath);
}

await Promise.all([
  ...each(echo, () => guarded('echo', (socket, connection) => echoes(socket, connection, breath))),
  ...each(get, (index) => again('download', download, index + 1)),
  ...each(put, (index) => again('upload', upload, index + 51)),
  ...each(brief, () => again('brief', briefly, 1)),
  ...each(idle, () => guarded('idle', (socket, connection) => echoes(socket, connection, () => stopped))),
]);
process.stdout.write(`${JSON.stringify(seen)}\n`);
