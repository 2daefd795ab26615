import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from '../../src/mirror/backlog.ts';
import { CommitLedger } from '../../src/mirror/ledger.ts';

const records = (length: number) => [{ channel: 0, bytes: new Uint8Array(length) }];

test('the backlog keeps the newest commits within its bound, and lets go of what is released', () => {
  const backlog = new Backlog(1000);
  for (let index = 0; index < 10; index++) backlog.append(records(172));
  assert.equal(backlog.head, 11);
  assert.equal(backlog.base, 9);
  assert.equal(backlog.bytes, 900);
  assert.equal(backlog.get(8), undefined);
  assert.equal(backlog.get(9)?.sequence, 9);
  assert.equal(backlog.get(12), undefined);
  backlog.release(10);
  assert.equal(backlog.base, 11);
  backlog.release(99);
  assert.equal(backlog.base, 12);
  assert.equal(backlog.bytes, 0);
  assert.equal(backlog.append(records(1)).sequence, 12);
  assert.equal(backlog.get(12)?.sequence, 12);
});

test('a standby is told that it counts for half of the patience, and counts for all of it', () => {
  const ledger = new CommitLedger('degrade', 64_000);
  ledger.add('redundant', true);
  ledger.held('redundant', 1);
  ledger.issue(1, 0);
  assert.equal(ledger.deadlineUs, undefined);
  ledger.issue(2, 1_000_000);
  assert.equal(ledger.resolved, 1);
  assert.ok(ledger.mayClaim('redundant', 1_031_999));
  assert.ok(!ledger.mayClaim('redundant', 1_032_000));
  assert.equal(ledger.deadlineUs, 1_064_000);
  ledger.expire(1_063_999);
  assert.equal(ledger.resolved, 1);
  ledger.expire(1_064_000);
  assert.equal(ledger.resolved, 2);
  assert.deepEqual(ledger.take(), [{ kind: 'degraded', standby: 'redundant' }]);
  assert.equal(ledger.deadlineUs, undefined);
});

test('millions of unresolved commits cost no more than a few', () => {
  const ledger = new CommitLedger('degrade', 64_000);
  ledger.add('redundant', true);
  const heapBefore = process.memoryUsage().heapUsed;
  for (let sequence = 1; sequence <= 1_000_000; sequence++) ledger.issue(sequence, Math.floor(sequence / 20));
  assert.ok(process.memoryUsage().heapUsed - heapBefore < 20_000_000);
  ledger.held('redundant', 999_999);
  assert.equal(ledger.resolved, 999_999);
  assert.ok((ledger.deadlineUs ?? 0) > 50_000 + 60_000);
});

test('what is resolved stays resolved when a standby that lags a little counts again', () => {
  const ledger = new CommitLedger('degrade', 1000);
  ledger.add('redundant', false);
  for (let sequence = 1; sequence <= 9; sequence++) ledger.issue(sequence, sequence);
  assert.equal(ledger.resolved, 9);
  ledger.held('redundant', 7);
  ledger.caughtUp('redundant');
  assert.equal(ledger.resolved, 9);
  ledger.issue(10, 10);
  assert.equal(ledger.resolved, 9);
  ledger.held('redundant', 10);
  assert.equal(ledger.resolved, 10);
});

test('without any standby commits resolve at once, and are not called mirrored', () => {
  for (const policy of ['wait', 'degrade'] as const) {
    const ledger = new CommitLedger(policy, 1000);
    ledger.issue(1, 0);
    assert.deepEqual([ledger.resolved, ledger.mirrored], [1, false]);
  }
});
