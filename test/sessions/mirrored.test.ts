/**
 * A mirrored program on both machines, on the real kernel: its connections share state, time, chance and timers. Whenever
 * the active dies, each addition was counted once, and every answer fits into the one order of all. UNDERSTUDY_SESSION_TRIALS
 * plays more moments than two.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace } from '../namespace.ts';
import { requireCounted } from './counted.ts';
import { Scene } from './scene.ts';
import { build, Process } from './trial.ts';

inNamespace(import.meta.filename);
build();

const directory = mkdtempSync(join(tmpdir(), 'understudy-mirrored-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const clients = 20;
const trials = Number(process.env['UNDERSTUDY_SESSION_TRIALS'] ?? 2);

interface Copies {
  readonly it: Scene;
  readonly active: Process;
  readonly standby: Process;
}

async function copies(play: (copies: Copies) => Promise<void>): Promise<void> {
  const it = await Scene.open(`feed ${directory}/MACHINE`);
  const active = new Process('active', 'mirrored-program.ts', `${directory}/active`);
  const standby = new Process('standby', 'mirrored-program.ts', `${directory}/standby`);
  try {
    await Promise.all([active.report(), standby.report()]);
    for (const machine of ['active', 'standby'] as const) await it.until(machine, 'healthy', true);
    await play({ it, active, standby });
  } finally {
    await Promise.all([active.kill(), standby.kill()]);
    await it.close();
  }
}

async function counted(context: TestContext, during: (copies: Copies) => Promise<void>): Promise<void> {
  await copies(async (all) => {
    const adding = new Process('client', 'adding.ts', '192.0.2.10', String(clients));
    try {
      await adding.report();
      await all.it.until('standby', 'survivable', clients);
      await sleep(Math.random() * 500);
      await during(all);
      await sleep(500);
      adding.endInput();
      const seen = await adding.report();
      requireCounted(context, seen, await all.standby.ask('state'));
    } finally {
      await adding.kill();
    }
  });
}

test('undisturbed, both copies have counted the same', { timeout: 30_000 }, (context) =>
  counted(context, async ({ it }) => {
    assert.equal((await it.active.ask('counts'))['diverged'], 0);
  }),
);

test('the active loses its power: every addition counts once', {
  timeout: 30_000 * trials,
}, async (context) => {
  for (let trial = 0; trial < trials; trial++)
    await counted(context, async ({ it }) => {
      const took = await it.takeOver();
      assert.equal(took['replicas'], clients);
      assert.equal(took['diverged'], 0);
    });
});

test(
  'only the program of the active dies: its relay is not healthy, and no client hears of it',
  { timeout: 30_000 },
  (context) =>
    counted(context, async ({ it, active }) => {
      await active.kill();
      await it.until('active', 'healthy', false);
      await sleep(100);
      assert.equal((await it.takeOver())['replicas'], clients);
    }),
);

test(
  'a program that is started anew is fed from the beginning, and goes on',
  { timeout: 30_000 },
  (context) =>
    counted(context, async ({ it, active, standby }) => {
      await active.kill();
      await it.until('active', 'healthy', false);
      const again = new Process('active', 'mirrored-program.ts', `${directory}/active`);
      await again.report();
      await it.until('active', 'healthy', true);
      await sleep(200);
      const { counter } = await again.ask('state');
      assert.ok(Number(counter) > 0 && Number((await standby.ask('state'))['counter']) > 0);
      await it.takeOver();
      await again.kill();
    }),
);
