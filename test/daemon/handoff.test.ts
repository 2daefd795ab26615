/** Programs are told before a planned switchover and a stop, and the role waits for them, but not for ever. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { HandoffNotice } from '../../src/api/types.ts';
import { DaemonRig } from './running-daemon.ts';

const handoffMsLine = 10;

async function rigWith(context: TestContext, handoffMs: number): Promise<DaemonRig> {
  const rig = new DaemonRig(context);
  rig.configure({ [handoffMsLine]: `switchover: { handoffMs: ${handoffMs} }` });
  await rig.start();
  return rig;
}

/** A program that follows the notices. */
class Program {
  readonly #response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.#response = response.setEncoding('utf8');
  }

  static async of(rig: DaemonRig): Promise<Program> {
    return new Program(await rig.open('GET', '/v1/handoff?group=web'));
  }

  async notice(): Promise<HandoffNotice> {
    const [line] = (await once(this.#response, 'data')) as [string];
    return JSON.parse(line) as HandoffNotice;
  }

  leave(): void {
    this.#response.destroy();
  }
}

const switchover = (rig: DaemonRig) => rig.ask('POST', '/v1/switchover', '{"group":"web","to":"redundant"}');

function done(rig: DaemonRig, id: number): Promise<{ status: number; text: string }> {
  return rig.ask('POST', '/v1/handoff', JSON.stringify({ group: 'web', id }));
}

function posted(rig: DaemonRig, kind: string): boolean {
  return rig.reactor.received.some((message) => message.kind === kind);
}

test('a switchover waits until every program has handed over', async (context) => {
  const rig = await rigWith(context, 60_000);
  const programs = [await Program.of(rig), await Program.of(rig)];
  const notices = Promise.all(programs.map((program) => program.notice()));
  assert.equal((await switchover(rig)).status, 202);
  const [one, other] = await notices;
  assert.ok(one && other && one.id !== other.id);
  assert.deepEqual({ ...one, id: 0 }, { id: 0, group: 'web', to: 'redundant', withinMs: 60_000 });
  assert.equal((await done(rig, one.id)).text, '{"accepted":true}\n');
  assert.equal((await done(rig, one.id)).text, '{"accepted":false}\n', 'one answer counts once');
  assert.equal(posted(rig, 'switchover'), false);
  await done(rig, other.id);
  await rig.reactor.got('switchover');
});

test('a program that goes is not waited for', async (context) => {
  const rig = await rigWith(context, 60_000);
  const program = await Program.of(rig);
  const notice = program.notice();
  await switchover(rig);
  await notice;
  program.leave();
  await rig.reactor.got('switchover');
});

test('a program that is slow is waited for so long, and named', async (context) => {
  const rig = await rigWith(context, 20);
  const program = await Program.of(rig);
  const notice = program.notice();
  await switchover(rig);
  await rig.reactor.got('switchover');
  assert.deepEqual(rig.said('handoffLate'), ['web: a program did not hand its state over in time']);
  assert.equal((await done(rig, (await notice).id)).text, '{"accepted":false}\n');
});

test('an orderly stop tells them, too, and a second signal does not wait', async (context) => {
  const rig = await rigWith(context, 60_000);
  const program = await Program.of(rig);
  const notice = program.notice();
  rig.signals.emit('SIGTERM');
  const { id, to } = await notice;
  assert.equal(to, null);
  assert.equal(posted(rig, 'stop'), false);
  await done(rig, id);
  await rig.reactor.got('stop');
  const second = await rigWith(context, 60_000);
  await Program.of(second);
  second.signals.emit('SIGTERM');
  second.signals.emit('SIGTERM');
  assert.equal(await second.end, 143);
});

test('a group that is not there, and a request that says nothing, are refused', async (context) => {
  const rig = await rigWith(context, 20);
  assert.equal((await rig.ask('GET', '/v1/handoff?group=nope')).status, 404);
  assert.equal((await rig.ask('GET', '/v1/handoff')).status, 400);
  assert.equal((await rig.ask('POST', '/v1/handoff', '{}')).status, 400);
});
