/** Groups whose voice has an end of its own, as strict groups have: the kernel ends it, whatever the lease. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicUs } from '../../src/linux/clock.ts';
import { Fence } from '../../src/linux/fence/fence.ts';
import { inNamespace } from '../namespace.ts';
import { assertSilent, config, first, second, yes } from './pair.ts';
import { every, heard, lay, second4, shared4, shared6 } from './voices.ts';

inNamespace(import.meta.filename);
lay();

afterEach(() => {
  Fence.clean('understudy-');
});

test('a group with an end of its own falls silent then, and others do not', async () => {
  const fence = Fence.arm(config);
  const limitMs = (): number => 300;
  // Listening for what does not come takes about as long as a lease lasts.
  const renewed = (): void => assert.equal(fence.renew(), 'held');
  assert.equal(fence.acquire(second, yes), true);
  assert.equal(fence.acquire(first, yes, limitMs), true);
  for (const address of [shared4, second4]) assert.deepEqual(heard(address), every(address));
  const began = monotonicUs();
  while (monotonicUs() - began < 400_000) {
    renewed();
    await pause(10);
  }
  assertSilent([shared4]);
  renewed();
  assert.deepEqual(heard(second4), every(second4));
  assert.equal(fence.extend(first, limitMs), false, 'what has run out stays out');
  assertSilent([shared4]);
  renewed();
  assert.deepEqual(heard(second4), every(second4));
  assert.equal(fence.acquire(first, yes, limitMs), true, 'it may be taken anew');
  assert.deepEqual(heard(shared4), every(shared4));
  fence.remove();
});

test('an extension moves the end of its group, and no limit means no voice', async () => {
  const fence = Fence.arm(config);
  assert.equal(
    fence.acquire(first, yes, () => 0),
    false,
  );
  assertSilent();
  assert.equal(
    fence.acquire(first, yes, () => 60),
    true,
  );
  const began = monotonicUs();
  while (monotonicUs() - began < 150_000) {
    assert.equal(
      fence.extend(first, () => 60),
      true,
    );
    await pause(10);
  }
  assert.deepEqual(heard(shared4), every(shared4));
  fence.yield(first);
  assertSilent();
  assert.equal(
    fence.extend(first, () => 60),
    false,
  );
  fence.remove();
});

test('yielding a group whose end has come leaves the others alone', async () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(second, yes), true);
  assert.equal(
    fence.acquire(first, yes, () => 20),
    true,
  );
  await pause(40);
  fence.yield(first);
  assert.equal(fence.renew(), 'held');
  assert.deepEqual(heard(second4), every(second4));
  assertSilent([shared4, shared6]);
  fence.remove();
});

test('whoever is held up while it reckons opens nothing, and extends nothing', () => {
  const fence = Fence.arm(config);
  const slowly = (): number => {
    const until = monotonicUs() + 20_000;
    while (monotonicUs() < until);
    return 10_000;
  };
  assert.equal(fence.acquire(first, yes, slowly), false);
  assertSilent([shared4]);
  assert.equal(
    fence.acquire(first, yes, () => 10_000),
    true,
  );
  assert.equal(fence.extend(first, slowly), false);
  assertSilent([shared4]);
  fence.remove();
});
