import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CheckEntry } from '../config/format.ts';
import type { CheckOutcome } from './check.ts';
import { CheckSchedule } from './schedule.ts';

const entry: CheckEntry = {
  name: 'it',
  kind: 'exec',
  command: ['x'],
  intervalMs: 100,
  timeoutMs: 50,
  rise: 2,
  fall: 3,
};

function noted(outcomes: string): string {
  const schedule = new CheckSchedule(
    entry,
    () => Promise.reject(new Error('not run')),
    () => undefined,
  );
  return [...outcomes]
    .map((outcome) => {
      schedule.note({ ok: outcome === '+', detail: outcome });
      return schedule.state.healthy ? 'H' : 'u';
    })
    .join('');
}

test('the first outcome decides, then rise and fall', () => {
  assert.equal(noted('+'), 'H');
  assert.equal(noted('-'), 'u');
  assert.equal(noted('+--+--+---'), 'HHHHHHHHHu');
  assert.equal(noted('-+-++'), 'uuuuH');
  assert.equal(noted('+---++---'), 'HHHuuHHHu');
});

/** A schedule on a clock that the test turns; `runs` are the moments of its runs. */
function clocked(context: TestContext, run: (signal: AbortSignal) => Promise<CheckOutcome>) {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const runs: number[] = [];
  const changes: boolean[] = [];
  const schedule = new CheckSchedule(
    entry,
    (signal) => {
      runs.push(nowMs);
      return run(signal);
    },
    (state) => changes.push(state.healthy),
    () => nowMs,
  );
  const pass = async (ms: number): Promise<void> => {
    for (let step = 0; step < ms; step++) {
      nowMs++;
      context.mock.timers.tick(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { schedule, runs, changes, pass };
}

test('runs on a grid that does not drift, whatever a run takes', async (context) => {
  const takesMs = [0, 30, 0, 20, 10];
  const { schedule, runs, pass, changes } = clocked(context, () => {
    const ms = takesMs.shift() ?? 0;
    const outcome = { ok: true, detail: '' };
    return ms === 0 ? Promise.resolve(outcome) : new Promise((resolve) => setTimeout(resolve, ms, outcome));
  });
  schedule.start();
  await pass(450);
  schedule.stop();
  assert.deepEqual(runs, [0, 100, 200, 300, 400]);
  assert.deepEqual(changes, [true]);
});

test('a run that never ends is told to at the timeout, and does not overlap the next', async (context) => {
  const { schedule, runs, pass, changes } = clocked(
    context,
    (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ ok: false, detail: 'late' }));
      }),
  );
  schedule.start();
  await pass(220);
  assert.deepEqual(runs, [0, 100, 200]);
  assert.deepEqual(changes, [false]);
  schedule.stop();
  await pass(500);
  assert.deepEqual(runs, [0, 100, 200]);
});
