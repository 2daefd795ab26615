import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { CheckEntry } from '../config/format.ts';
import type { ControlGroup } from '../config/resolve.ts';
import type { CheckOutcome } from './check.ts';
import { HealthWatch } from './health.ts';

function entry(name: string, fall = 3): CheckEntry {
  return { name, kind: 'exec', command: [name], intervalMs: 100, timeoutMs: 50, rise: 1, fall };
}

function group(...checks: CheckEntry[]): ControlGroup {
  return { id: 7, name: 'web', interface: 'lan0', addresses: [], members: [], checks };
}

/** A watch whose checks run when the test ends their runs; `begun` are the names of all runs, in order. */
class Rig {
  readonly begun: string[] = [];
  readonly stopped: string[] = [];
  readonly healths: string[] = [];
  readonly #runs = new Map<string, (outcome: CheckOutcome) => void>();
  readonly watch: HealthWatch = new HealthWatch(
    {
      check: () => undefined,
      health: (_, healthy, reason) => void this.healths.push(`${healthy}: ${reason}`),
    },
    ({ name }) =>
      (signal) => {
        this.begun.push(name);
        signal.addEventListener('abort', () => void this.stopped.push(name));
        return new Promise((resolve) => void this.#runs.set(name, resolve));
      },
  );

  async outcome(name: string, ok: boolean): Promise<void> {
    this.#runs.get(name)?.({ ok, detail: ok ? 'fine' : 'broken' });
    await turn();
  }
}

async function healthy(context: TestContext, ...checks: CheckEntry[]): Promise<Rig> {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const rig = new Rig();
  context.after(() => rig.watch.stop());
  rig.watch.watch([group(...checks)]);
  for (const { name } of checks) await rig.outcome(name, true);
  return rig;
}

test('a new group is unhealthy until all of its checks pass; one without checks is healthy', async (context) => {
  const rig = await healthy(context, entry('a'), entry('b'));
  assert.deepEqual(rig.healths, ['false: a: has not run yet; b: has not run yet', 'true: all checks pass']);
  const bare = new Rig();
  bare.watch.watch([group()]);
  assert.deepEqual(bare.healths, ['true: all checks pass']);
});

test('a reload that edits a check keeps the health until the new one has run', async (context) => {
  const rig = await healthy(context, entry('a'), entry('b'));
  rig.healths.length = 0;
  rig.watch.watch([group(entry('a'), entry('b', 5))]);
  assert.deepEqual(rig.begun, ['a', 'b', 'b']);
  await rig.outcome('b', true);
  assert.deepEqual(rig.healths, []);
  rig.watch.watch([group(entry('a'), entry('c'))]);
  await rig.outcome('c', false);
  assert.deepEqual(rig.healths, ['false: c: broken']);
  rig.watch.watch([group(entry('a'), entry('d'))]);
  assert.equal(rig.healths.length, 1);
  await rig.outcome('d', true);
  assert.deepEqual(rig.healths, ['false: c: broken', 'true: all checks pass']);
});

test('a reload that adds the first check, or takes the last out, keeps a healthy group healthy', async (context) => {
  const rig = await healthy(context);
  rig.watch.watch([group(entry('a'))]);
  await rig.outcome('a', true);
  rig.watch.watch([group()]);
  assert.deepEqual(rig.healths, ['true: all checks pass']);
});

test('unchanged checks run on through a reload, and count while a new one has not run', async (context) => {
  const rig = await healthy(context, entry('a', 1), entry('b'));
  rig.healths.length = 0;
  context.mock.timers.tick(100);
  assert.deepEqual(rig.begun.toSorted(), ['a', 'a', 'b', 'b']);
  rig.watch.watch([group(entry('c'), entry('a', 1))]);
  assert.deepEqual(rig.begun.slice(4), ['c']);
  assert.deepEqual(rig.stopped, ['b']);
  await rig.outcome('a', false);
  assert.deepEqual(rig.healths, ['false: c: has not run yet; a: broken']);
});

test('a group that was taken out and comes again is new', async (context) => {
  const rig = await healthy(context, entry('a'));
  rig.watch.watch([]);
  rig.healths.length = 0;
  rig.watch.watch([group(entry('a'))]);
  assert.deepEqual(rig.healths, ['false: a: has not run yet']);
});
