/** Guarded sockets, over unix sockets: what leaves, when, in which order, and what never does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { GuardedSocket, type OutputGate } from '../../src/library/output.ts';

/** A gate whose commits are resolved by hand, in order. */
class HandGate implements OutputGate {
  readonly waiting: PromiseWithResolvers<void>[] = [];

  release(): Promise<void> {
    const ticket = Promise.withResolvers<void>();
    this.waiting.push(ticket);
    return ticket.promise;
  }
}

class Rig {
  readonly gate = new HandGate();
  readonly path: string;
  client: Socket | undefined;
  heard = '';

  constructor(context: TestContext) {
    const directory = mkdtempSync(join(tmpdir(), 'understudy-output-'));
    this.path = join(directory, 'socket');
    context.after(() => {
      this.client?.destroy();
      rmSync(directory, { recursive: true });
    });
  }

  /** The server's end of a connection, guarded. */
  async guarded(context: TestContext): Promise<GuardedSocket> {
    const server = createServer();
    context.after(() => server.close());
    server.listen(this.path);
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    this.client = connect(this.path);
    this.client.setEncoding('utf8').on('data', (text: string) => {
      this.heard += text;
    });
    const [socket] = (await accepted) as [Socket];
    // A client that goes is no failure of a test.
    return new GuardedSocket(socket, this.gate).on('error', () => undefined);
  }

  async hears(text: string): Promise<void> {
    while (this.heard !== text) {
      assert.ok(this.client && text.startsWith(this.heard), `heard ${this.heard}`);
      await once(this.client, 'data');
    }
  }
}

/** Whatever follows from what has happened by now, short of the client's reading, has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('a write leaves when its commit is resolved, not before, and in order', async (context) => {
  const rig = new Rig(context);
  const guarded = await rig.guarded(context);
  guarded.write('one ');
  guarded.write('two');
  assert.equal(rig.gate.waiting.length, 2, 'each write asks for its own commit, at once');
  rig.gate.waiting[1]?.resolve();
  await settled();
  assert.equal(guarded.socket.bytesWritten, 0, 'the second does not overtake the first');
  rig.gate.waiting[0]?.resolve();
  await rig.hears('one two');
});

test('what may not be said is not said: the connection ends without it', async (context) => {
  const rig = new Rig(context);
  const guarded = await rig.guarded(context);
  guarded.write('good ');
  guarded.write('bad');
  rig.gate.waiting[0]?.resolve();
  await rig.hears('good ');
  const closed = once(rig.client as Socket, 'close');
  rig.gate.waiting[1]?.reject(new Error('not active'));
  await closed;
  assert.equal(rig.heard, 'good ');
});

test('a client that has said all still gets what is held', async (context) => {
  const rig = new Rig(context);
  const guarded = await rig.guarded(context);
  let asked = '';
  guarded.setEncoding('utf8').on('data', (text: string) => {
    asked += text;
  });
  rig.client?.end('question');
  guarded.on('end', () => undefined);
  await once(guarded, 'end');
  assert.equal(asked, 'question');
  assert.ok(guarded.writableEnded, 'as with any socket of this server');
  rig.gate.waiting[0]?.resolve();
  await once(rig.client as Socket, 'close');
});

test('a reply before the end leaves before the end', async (context) => {
  const rig = new Rig(context);
  const guarded = await rig.guarded(context);
  guarded.on('data', () => guarded.write('answer'));
  rig.client?.end('question');
  await once(guarded, 'end');
  const closed = once(rig.client as Socket, 'close');
  for (const ticket of rig.gate.waiting) ticket.resolve();
  await closed;
  assert.equal(rig.heard, 'answer');
});

test('a writer that is far ahead is asked to pause, and to go on', async (context) => {
  const rig = new Rig(context);
  const guarded = await rig.guarded(context);
  const part = Buffer.alloc(300_000, 'x');
  let writes = 0;
  while (guarded.write(part) || guarded.writableLength === 0) {
    writes++;
    if (writes > 50) break;
  }
  assert.ok(writes < 10, `${writes} writes of 300000 bytes went without a pause`);
  const drained = once(guarded, 'drain');
  const release = setInterval(() => {
    for (const ticket of rig.gate.waiting.splice(0)) ticket.resolve();
  }, 1);
  context.after(() => clearInterval(release));
  await drained;
});

test('an HTTP server takes a guarded connection', async (context) => {
  const rig = new Rig(context);
  const guarded = await rig.guarded(context);
  rig.client?.destroy();
  guarded.destroy();
  const http = createHttpServer((_request, response) => response.end('counted'));
  const path = `${rig.path}.http`;
  const server = createServer((socket) => http.emit('connection', new GuardedSocket(socket, rig.gate)));
  context.after(() => server.close());
  server.listen(path);
  await once(server, 'listening');
  const asked = request({ socketPath: path, agent: false });
  asked.end();
  while (rig.gate.waiting.length === 0) await settled();
  const answer = once(asked, 'response');
  const release = setInterval(() => {
    for (const ticket of rig.gate.waiting.splice(0)) ticket.resolve();
  }, 1);
  context.after(() => clearInterval(release));
  const [response] = (await answer) as [NodeJS.ReadableStream];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  assert.equal(text, 'counted');
});
