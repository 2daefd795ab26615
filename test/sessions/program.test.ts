/**
 * A program made with `mirroredServer` behind the relays of two real daemons: many clients share its state, the machine or
 * the program of the active dies, the role is moved, and every addition was counted once.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace } from '../namespace.ts';
import { requireCounted } from './counted.ts';
import { type Name, Pair, programOf } from './pair.ts';
import { build, Process } from './trial.ts';

inNamespace(import.meta.filename);
build();

const clients = 20;
const limit = { timeout: 60_000 };

interface Scene {
  readonly pair: Pair;
  readonly first: Name;
  readonly programs: Readonly<Record<Name, Process>>;
}

async function counted(context: TestContext, harm: (scene: Scene) => Promise<void>): Promise<void> {
  const pair = new Pair({ program: true });
  const run = (name: Name): Process => new Process(name, 'mirrored-program.ts', programOf(name));
  const programs = { active: run('active'), standby: run('standby') };
  let adding: Process | undefined;
  try {
    await Promise.all([pair.start(), programs.active.report(), programs.standby.report()]);
    const first = (await pair.active()) ?? assert.fail('nobody is active');
    adding = new Process('client', 'adding.ts', '192.0.2.10', String(clients));
    await adding.report();
    await pair.mirrored(clients);
    await sleep(Math.random() * 300);
    await harm({ pair, first, programs });
    await pair.until('the role has moved', async () => (await pair.active()) === pair.other(first));
    await sleep(500);
    adding.endInput();
    const seen = await adding.report();
    requireCounted(context, seen, await programs[pair.other(first)].ask('state'));
  } finally {
    await adding?.kill();
    await Promise.all([programs.active.kill(), programs.standby.kill()]);
    await pair.close();
  }
}

test('the machine of the active loses its power', limit, (context) =>
  counted(context, async ({ pair, first, programs }) => {
    await Promise.all([pair.cut(first), programs[first].kill()]);
  }),
);

test('the program of the active is killed: the role moves, and no client hears of it', limit, (context) =>
  counted(context, async ({ first, programs }) => {
    await programs[first].kill();
  }),
);

test('a planned switchover', limit, (context) =>
  counted(context, async ({ pair, first }) => {
    await pair.machines[first].switchover();
  }),
);
