/** A mirrored program without a relay: two copies are fed the same, cut differently, and must say the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MirroredServer, type MirroredSocket, mirroredServer } from '../../src/library/index.ts';
import {
  decodeFeedReply,
  encodeFeedEntry,
  type FeedEntry,
  FeedReader,
  type FeedReply,
  feedMessage,
  feedSeedLength,
  feedWindowBytes,
} from '../../src/wire/feed.ts';

const directory = mkdtempSync(join(tmpdir(), 'understudy-feed-'));
after(() => rmSync(directory, { recursive: true, force: true }));

type Program = (server: MirroredServer, socket: MirroredSocket) => void;

const begin: FeedEntry = { kind: 'begin', timeUs: 1_000_000, seed: new Uint8Array(feedSeedLength).fill(5) };
const open = (connection: number, timeUs: number): FeedEntry => ({
  kind: 'open',
  timeUs,
  connection,
  flow: 'f',
  address: '192.0.2.1',
  port: 1000 + connection,
});
const data = (connection: number, timeUs: number, text: string): FeedEntry => ({
  kind: 'data',
  timeUs,
  connection,
  bytes: Buffer.from(text),
});

/** The connection with which a feed ends here. */
const last = 999;

/** What a copy of `program` replies to these entries. */
async function replies(program: Program, entries: readonly FeedEntry[], cut: number): Promise<FeedReply[]> {
  const path = join(directory, `${Math.random()}`);
  const relay = createServer().listen(path);
  await once(relay, 'listening');
  const server: MirroredServer = mirroredServer({ relay: path }, (socket) => {
    if (socket.remotePort === 1000 + last) socket.write('!');
    else program(server, socket);
  });
  const [pipe] = (await once(relay, 'connection')) as [Socket];
  const reader = new FeedReader();
  const heard: FeedReply[] = [];
  const done = Promise.withResolvers<void>();
  pipe.on('data', (bytes) => {
    for (const body of reader.read(bytes) ?? []) {
      const reply = decodeFeedReply(body);
      if (reply?.kind === 'output' && reply.connection === last) done.resolve();
      else if (reply?.kind === 'output') heard.push({ ...reply, bytes: Uint8Array.from(reply.bytes) });
      else if (reply !== undefined) heard.push(reply);
    }
  });
  const all = [...entries, open(last, entries.at(-1)?.timeUs ?? 0)];
  const stream = Buffer.concat(all.map((entry) => feedMessage(encodeFeedEntry(entry))));
  for (let at = 0; at < stream.length; at += cut) {
    pipe.write(stream.subarray(at, at + cut));
    if (cut < stream.length) await sleep(0);
  }
  await done.promise;
  server.close();
  relay.close();
  await server.ended;
  return heard;
}

const said = (heard: readonly FeedReply[], connection: number): string =>
  heard
    .map((reply) =>
      reply.kind === 'output' && reply.connection === connection ? String(Buffer.from(reply.bytes)) : '',
    )
    .join('');

const busy: Program = (server, socket) => {
  socket.on('error', () => undefined);
  socket.on('data', async (bytes: Buffer) => {
    await Promise.resolve();
    socket.write(`${bytes} ${server.now()} ${server.random()} ${server.randomBytes(3).toString('hex')}\n`);
    server.setTimeout(() => socket.write(`timer of ${bytes} at ${server.now()}\n`), bytes.length);
  });
};

test('two copies reply the same, however their feed is cut', async () => {
  const entries: FeedEntry[] = [begin];
  for (let connection = 1; connection <= 5; connection++) entries.push(open(connection, 1_000_000));
  for (let index = 0; index < 60; index++)
    entries.push(data(1 + (index % 5), 1_001_000 + index * 777, 'x'.repeat(1 + ((index * 7) % 11))));
  entries.push(
    { kind: 'end', timeUs: 1_200_000, connection: 2 },
    { kind: 'gone', timeUs: 1_200_000, connection: 2 },
  );
  const [one, other] = await Promise.all([replies(busy, entries, 37), replies(busy, entries, 1 << 20)]);
  const compared = (heard: readonly FeedReply[]): string =>
    JSON.stringify(heard.filter(({ kind }) => kind !== 'wake'));
  assert.ok(compared(one) === compared(other), 'every reply, in order');
  assert.match(said(one, 1), /^x 1001 0\.\d+ [0-9a-f]{6}\n/);
  assert.ok(
    one.some((reply) => reply.kind === 'finish' && reply.connection === 2),
    'an ended connection is ended',
  );
});

test('timers have their own times, in their order, before what came after them', async () => {
  const program: Program = (server, socket) => {
    const say = (name: string) => (): void => void socket.write(`${name} ${server.now()},`);
    server.setTimeout(say('late'), 30);
    server.setTimeout(say('soon'), 10);
    server.setTimeout(say('again'), 10);
    server.setTimeout(say('never'), 20).clear();
    server.setTimeout(() => server.setTimeout(say('nested'), 5), 10);
    socket.on('data', say('data'));
  };
  const heard = await replies(program, [begin, open(1, 2_000_000), data(1, 2_500_000, 'x')], 1 << 20);
  assert.equal(said(heard, 1), 'soon 2010,again 2010,nested 2015,late 2030,data 2500,');
  assert.deepEqual(
    heard.filter(({ kind }) => kind === 'wake').map((reply) => reply.kind === 'wake' && reply.timeUs),
    [2_010_000, 0],
  );
});

test('writes wait for the room that the feed gives, reads tell what they took', async () => {
  let drained = 0;
  const program: Program = (_server, socket) => {
    socket.on('drain', () => drained++);
    socket.write(Buffer.alloc(feedWindowBytes + 10));
  };
  const first = await replies(program, [begin, open(1, 1_000_000)], 1 << 20);
  assert.equal(said(first, 1).length, feedWindowBytes);
  assert.equal(drained, 0);
  const taken: FeedEntry = { kind: 'taken', timeUs: 1_000_100, connection: 1, count: 100 };
  assert.equal(
    said(await replies(program, [begin, open(1, 1_000_000), taken], 1 << 20), 1).length,
    feedWindowBytes + 10,
  );
  assert.equal(drained, 1);
  const reader: Program = (_server, socket) => {
    socket.on('data', () => undefined);
  };
  const read = await replies(reader, [begin, open(1, 1_000_000), data(1, 1_000_001, 'abc')], 1 << 20);
  assert.deepEqual(
    read.filter(({ kind }) => kind === 'consumed'),
    [{ kind: 'consumed', connection: 1, count: 3 }],
  );
  // It reads nothing: what its stream has no room for is not taken.
  const piece = data(1, 1_000_001, 'x'.repeat(60_000));
  const deaf = await replies(() => undefined, [begin, open(1, 1_000_000), piece, piece], 1 << 20);
  assert.deepEqual(
    deaf.filter(({ kind }) => kind === 'consumed'),
    [{ kind: 'consumed', connection: 1, count: 60_000 }],
  );
});

test('the ends of connections: destroy is a FIN, with an error an RST, and a client that vanishes is an error', async () => {
  const errors: unknown[] = [];
  const program: Program = (_server, socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
    if (socket.remotePort === 1001) socket.destroy();
    if (socket.remotePort === 1002) socket.resetAndDestroy();
  };
  const entries = [begin, ...[1, 2, 3].map((connection) => open(connection, 1_000_000))];
  const heard = await replies(
    program,
    [...entries, { kind: 'gone', timeUs: 1_000_001, connection: 3 }],
    1 << 20,
  );
  assert.deepEqual(
    heard.filter(({ kind }) => kind === 'finish' || kind === 'reset'),
    [
      { kind: 'finish', connection: 1 },
      { kind: 'reset', connection: 2 },
    ],
  );
  assert.deepEqual(errors, ['ECONNRESET', 'ECONNRESET']);
});

test('Node’s HTTP server serves its connections', async () => {
  let visitors = 0;
  const http = createHttpServer((request, response) => {
    response.sendDate = false;
    let length = 0;
    request.on('data', (bytes: Buffer) => {
      length += bytes.length;
    });
    request.on('end', () => response.end(`${request.method} ${request.url} ${length} ${++visitors}`));
  });
  const program: Program = (_server, socket) => void http.emit('connection', socket);
  const get = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
  const post = 'POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234';
  const entries = [begin, open(1, 1_000_000), data(1, 1_000_001, get + post), data(1, 1_000_002, '56789')];
  const [one, other] = [await replies(program, entries, 11), await replies(program, entries, 1 << 20)];
  assert.match(said(one, 1), /^HTTP\/1\.1 200 OK\r\n.*GET \/a 0 1HTTP\/1\.1 200 OK.*POST \/b 10 2$/s);
  assert.equal(
    said(one, 1)
      .replace(/ 1HTTP/, ' 3HTTP')
      .replace(/2$/, '4'),
    said(other, 1),
  );
  http.close();
});
