/**
 * Unmodified servers behind the relay, on the real kernel: one on each machine, fed the same bytes. Whatever they do, a
 * client gets the bytes of one of them or an RST, and never a mixture.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace } from '../namespace.ts';
import { Bytes } from './programs.ts';
import { Scene } from './scene.ts';
import { build, Process } from './trial.ts';

inNamespace(import.meta.filename);
build();

const servers = {
  active: new Process('active', 'odd-server.ts', 'active'),
  standby: new Process('standby', 'odd-server.ts', 'standby'),
};
await Promise.all([servers.active.report(), servers.standby.report()]);
after(() => Promise.all([servers.active.kill(), servers.standby.kill()]));

function scene(name: string, play: (scene: Scene) => Promise<void>): void {
  test(name, { timeout: 30_000 }, async (context) => {
    const one = await Scene.open();
    // Also when time is up: the next scene needs the names.
    context.after(() => one.close());
    await play(one);
  });
}

const command = (what: object): string => JSON.stringify(what);

scene('a client that ends first is answered, a server that ends first hears the rest', async (it) => {
  const counting = await it.client();
  const sent = createHash('sha256').update(new Bytes(300_000, 7).next(300_000)).digest('hex');
  counting.tell(command({ send: 'count\n', bytes: 300_000, end: true }));
  assert.deepEqual(await counting.report(), { data: `300000 ${sent}\n` });
  assert.equal((await counting.report())['end'], true);
  const leaving = await it.client();
  leaving.tell(command({ send: 'bye\n' }));
  assert.deepEqual(await leaving.report(), { data: 'bye\n' });
  assert.equal((await leaving.report())['end'], true);
  leaving.tell(command({ bytes: 300_000, end: true }));
  for (const server of [servers.active, servers.standby]) {
    const said = [await server.report(), await server.report(), await server.report()];
    assert.ok(
      said.some((each) => each['rest'] === `300000 ${sent}\n`),
      JSON.stringify(said),
    );
  }
  await it.until('active', 'sessions', 0);
});

scene('half-closed each way, connections outlive the active', async (it) => {
  const ended = await it.client();
  ended.tell(command({ send: 'slow\n', bytes: 100_000, end: true }));
  const leaving = await it.client();
  leaving.tell(command({ send: 'bye\n' }));
  assert.deepEqual(await leaving.report(), { data: 'bye\n' });
  assert.equal((await leaving.report())['end'], true);
  await it.takeOver();
  leaving.tell(command({ bytes: 4000, end: true }));
  const sent = createHash('sha256').update(new Bytes(100_000, 7).next(100_000)).digest('hex');
  assert.deepEqual(await ended.report(), { data: `100000 ${sent}\n` });
  assert.equal((await ended.report())['end'], true);
  for (;;) if ((await servers.standby.report())['rest'] !== undefined) break;
});

scene('a server that resets resets its client; one that is not there, too', async (it) => {
  const client = await it.client();
  client.tell(command({ send: 'reset\n' }));
  assert.deepEqual(await client.report(), { error: 'ECONNRESET' });
  await it.close();
  const elsewhere = await Scene.open('127.0.0.1 9');
  const refused = await elsewhere.client();
  assert.deepEqual(await refused.report(), { error: 'ECONNRESET' });
  await elsewhere.close();
});

scene('neither a slow client nor a slow server makes the relay keep more than its bounds', async (it) => {
  const slow = await it.client();
  slow.tell(command({ quiet: true, pause: true, send: 'big 30000000\n' }));
  await sleep(500);
  const client = await it.client();
  client.tell(command({ send: 'slow\n', bytes: 20_000_000, end: true }));
  const expected = new Bytes(20_000_000, 7).next(20_000_000);
  assert.deepEqual(await client.report(), {
    data: `20000000 ${createHash('sha256').update(expected).digest('hex')}\n`,
  });
  for (const machine of [it.active, it.standby]) {
    const { residentBytes } = await machine.ask('counts');
    assert.ok(Number(residentBytes) < 250e6, `${residentBytes} bytes`);
  }
  await it.takeOver();
  slow.tell(command({ pause: false }));
  const { length, sha256 } = await slow.report();
  const big = new Bytes(30_000_000, 7).next(30_000_000);
  assert.deepEqual([length, sha256], [30_000_000, createHash('sha256').update(big).digest('hex')]);
});

scene(
  'servers that say different things: reported, served on, reset at takeover, no wrong byte',
  async (it) => {
    const client = await it.client();
    const other = await it.client();
    other.tell(command({ send: 'echo\nfirst' }));
    assert.deepEqual(await other.report(), { data: 'first' });
    client.tell(command({ send: 'random\n' }));
    const first = await client.report();
    const { notices } = await it.until('active', 'diverged', 1);
    assert.deepEqual(
      (notices as { kind: string }[]).map(({ kind }) => kind),
      ['diverged'],
    );
    client.tell(command({ send: 'x' }));
    const second = await client.report();
    for (const { data } of [first, second]) assert.match(String(data), /^[0-9a-f-]{36}\n$/);
    const took = await it.takeOver();
    assert.equal(took['replicas'], 1);
    assert.deepEqual(await client.report(), { error: 'ECONNRESET' });
    other.tell(command({ send: 'second' }));
    assert.deepEqual(await other.report(), { data: 'second' });
    await it.until('standby', 'reset', 1);
  },
);

scene('a replica that never answers is given up: the client has its answer and its end', async (it) => {
  const client = await it.client();
  client.tell(command({ send: 'only active\n' }));
  assert.deepEqual(await client.report(), { data: 'done\n' });
  assert.equal((await client.report())['end'], true);
  const { notices } = await it.until('active', 'overdue', 1);
  assert.deepEqual(
    (notices as { kind: string; offset: number }[]).map(({ kind, offset }) => [kind, offset]),
    [['overdue', 5]],
  );
});

scene('an application that dies on the active says goodbye to nobody', async (it) => {
  const client = await it.client();
  client.tell(command({ send: 'quits active\n' }));
  assert.deepEqual(await client.report(), { data: 'hello\n' });
  await sleep(100);
  await it.takeOver();
  client.tell(command({ send: 'still here\n' }));
  assert.deepEqual(await client.report(), { data: 'still here\n' });
});
