/** Two programs, real daemons up to the reactor, real TCP on a loopback of our own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { MirrorError } from '../../src/library/errors.ts';
import { inNamespace, ip } from '../namespace.ts';
import { layPaths, mirrored, pairOf } from './members.ts';

inNamespace(import.meta.filename);
layPaths();

const codeOf = (code: MirrorError['code']) => (error: unknown) => (error as MirrorError).code === code;

test('a standby that takes over finds what was committed, and nothing else', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const [one, two] = [primary.program(context), redundant.program(context)];
  const [counters, copy] = [one.map<number>('counters'), two.map<number>('counters')];
  const [journal, journalCopy] = [one.log<string>('journal'), two.log<string>('journal')];
  await Promise.all([one.start(), two.start()]);
  assert.deepEqual([one.active, two.active], [true, false]);
  assert.equal(primary.activations[0]?.state, 'nothing');
  await mirrored(one);
  counters.set('a', 1);
  journal.append('first');
  assert.deepEqual(await one.commit(), { mirrored: true });
  assert.equal(copy.get('a'), 1);
  counters.set('a', 2);
  await assert.rejects(two.commit(), codeOf('notActive'));
  while (two.claim !== 'complete') await new Promise((resolve) => setTimeout(resolve, 5));
  const claimed = redundant.active(two);
  redundant.role('redundant', 6, false);
  assert.deepEqual(await claimed, { term: { counter: 6, member: 2 }, state: 'complete' });
  assert.deepEqual([copy.get('a'), [...journalCopy]], [1, ['first']]);
});

test('the old active program, told late, commits nothing more, and is a standby of the new one', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const [one, two] = [primary.program(context), redundant.program(context)];
  const [map, copy] = [one.map<number>('m'), two.map<number>('m')];
  await Promise.all([one.start(), two.start()]);
  await mirrored(one);
  redundant.role('redundant', 6);
  await redundant.active(two);
  map.set('split', 1);
  const late = assert.rejects(one.commit(), codeOf('notActive'));
  map.set('uncommitted', 1);
  copy.set('kept', 2);
  const first = two.commit();
  primary.role('redundant', 6);
  await late;
  assert.equal(map.get('uncommitted'), undefined, 'taken back');
  assert.deepEqual(await first, { mirrored: true });
  assert.deepEqual([...map], [['kept', 2]]);
  assert.equal(one.active, false);
});

test('degrade: without the standby commits resolve after a while, and are mirrored again when it is back', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const one = primary.program(context, { degradeAfterMs: 300 });
  const two = redundant.program(context);
  const map = one.map<number>('m');
  two.map<number>('m');
  await Promise.all([one.start(), two.start()]);
  await mirrored(one);
  await two.close();
  map.set('a', 1);
  assert.deepEqual(await one.commit(), { mirrored: false }, 'a standby that left is not waited for');
  const back = redundant.program(context);
  const copy = back.map<number>('m');
  await back.start();
  await mirrored(one);
  assert.equal(copy.get('a'), 1);
  map.set('a', 2);
  assert.deepEqual(await one.commit(), { mirrored: true });
});

test('wait: a commit waits for a standby that comes later', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const one = primary.program(context, { policy: 'wait' });
  const map = one.map<number>('m');
  await one.start();
  map.set('a', 1);
  const commit = one.commit();
  const two = redundant.program(context, { policy: 'wait' });
  const copy = two.map<number>('m');
  await two.start();
  assert.deepEqual(await commit, { mirrored: true });
  assert.equal(copy.get('a'), 1);
});

test('a path breaks under load, the other one carries on, and nothing is lost or doubled', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const [one, two] = [primary.program(context), redundant.program(context)];
  const [log, copy] = [one.log<number>('l'), two.log<number>('l')];
  await Promise.all([one.start(), two.start()]);
  await mirrored(one);
  const commits: Promise<unknown>[] = [];
  for (let index = 0; index < 300; index++) {
    log.append(index);
    commits.push(one.commit());
    if (index === 150) {
      ip('addr del 198.51.100.2/32 dev lo');
      context.after(() => ip('addr add 198.51.100.2/32 dev lo'));
    }
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const resolutions = await Promise.all(commits);
  assert.ok(resolutions.every((resolution) => (resolution as { mirrored: boolean }).mirrored));
  assert.deepEqual(
    [...copy],
    Array.from({ length: 300 }, (_, index) => index),
  );
});

test('another key, and nothing is believed', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const one = primary.program(context, { degradeAfterMs: 200 });
  const two = redundant.program(context, { keys: ['77'.repeat(32)] });
  const map = one.map<number>('m');
  const copy = two.map<number>('m');
  await Promise.all([one.start(), two.start()]);
  map.set('a', 1);
  assert.deepEqual(await one.commit(), { mirrored: false });
  while ((one.refused['unknownKey'] ?? 0) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(copy.size, 0);
});

test('encrypted, guarded: a reply leaves only when the standby has what it speaks of', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const options = { encrypt: true, policy: 'wait' } as const;
  const [one, two] = [primary.program(context, options), redundant.program(context, options)];
  const [map, copy] = [one.map<number>('m'), two.map<number>('m')];
  await one.start();
  const server = createServer((socket) => {
    const guarded = one.guard(socket).on('error', () => undefined);
    guarded.on('data', () => {
      map.set('n', (map.get('n') ?? 0) + 1);
      guarded.write(`${map.get('n')}\n`);
    });
  });
  context.after(() => server.close());
  server.listen(9000, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(9000, '127.0.0.1').setEncoding('utf8');
  context.after(() => client.destroy());
  client.write('increment');
  await once(server, 'connection');
  while (map.get('n') !== 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(client.bytesRead, 0);
  await two.start();
  assert.deepEqual(await once(client, 'data'), ['1\n']);
  assert.equal(copy.get('n'), 1);
  const closed = once(client as Socket, 'close');
  primary.role('redundant', 6);
  await closed;
});

test('handoff: the checkpoint comes before the switchover, and the successor finds it', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const [one, two] = [primary.program(context), redundant.program(context)];
  let counter = 0;
  one.handoff({ snapshot: () => ({ programCounter: counter }), everyMs: 0 });
  const found = two.handoff({ snapshot: () => ({ programCounter: -1 }), everyMs: 0 });
  await Promise.all([one.start(), two.start()]);
  await mirrored(one);
  assert.equal(found.value, undefined);
  counter = 42;
  await primary.rig.ask('POST', '/v1/switchover', '{"group":"web"}');
  await primary.rig.reactor.got('switchover');
  assert.deepEqual(found.value, { programCounter: 42 }, 'before the role moves');
  redundant.role('redundant', 6);
  await redundant.active(two);
  assert.deepEqual(found.value, { programCounter: 42 });
});

test('a program that is started again without its state gives the role to the one that has it', async (context) => {
  const [primary, redundant] = await pairOf(context);
  const [one, two] = [primary.program(context), redundant.program(context)];
  const [map, copy] = [one.map<number>('m'), two.map<number>('m')];
  await Promise.all([one.start(), two.start()]);
  await mirrored(one);
  map.set('a', 1);
  await one.commit();
  await one.close();
  const again = primary.program(context);
  const empty = again.map<number>('m');
  await again.start();
  assert.equal(primary.activations.at(-1)?.state, 'nothing');
  const nothingLeaves = assert.rejects(again.commit(), codeOf('notActive'));
  assert.equal((await primary.rig.reactor.got('switchover')).target, 2);
  redundant.role('redundant', 6);
  primary.role('redundant', 6);
  await redundant.active(two);
  await nothingLeaves;
  copy.set('b', 2);
  assert.deepEqual(await two.commit(), { mirrored: true });
  assert.deepEqual(
    [...empty],
    [
      ['a', 1],
      ['b', 2],
    ],
  );
});

test('a daemon that ends takes the role with it; a group that is not there is said', async (context) => {
  const [primary] = await pairOf(context);
  const one = primary.program(context);
  await one.start();
  const other = primary.program(context, { group: 'nope' });
  await assert.rejects(other.start(), codeOf('badOption'));
  const yielded = once(one, 'standby');
  primary.rig.signals.emit('SIGTERM');
  await yielded;
  await assert.rejects(one.commit(), codeOf('notActive'));
});
