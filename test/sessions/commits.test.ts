/** When packets pass, what a standby may be told, and when the active goes on alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Commits } from '../../src/relay/commits.ts';

const patienceUs = 1000;

function made(policy: 'wait' | 'degrade' = 'degrade') {
  const sent: number[] = [];
  const delivered: number[] = [];
  let number = 0;
  const commits = new Commits({
    policy,
    patienceUs,
    bytesMax: 100,
    send: (frame) => {
      sent.push(frame[0] ?? 0);
      return ++number;
    },
    deliver: (frame) => void delivered.push(frame[0] ?? 0),
  });
  /** Something else that is said in between. */
  const say = (): number => ++number;
  return { commits, sent, delivered, say };
}

const packet = (name: number): Uint8Array => Uint8Array.of(name);

test('a packet passes when the standby has it, in order, whatever else is said', () => {
  const { commits, delivered, say } = made();
  commits.arrive(packet(1), 0);
  assert.deepEqual(delivered, [1], 'alone');
  commits.commit();
  commits.arrive(packet(2), 0);
  say();
  commits.arrive(packet(3), 10);
  commits.had(2, 20);
  assert.deepEqual(delivered, [1, 2]);
  commits.had(3, 40);
  assert.deepEqual(delivered, [1, 2, 3]);
  assert.deepEqual(commits.latency.report().count, 2);
  assert.equal(commits.latency.report().maxUs, 30);
});

test('the standby is told for how long nothing passes without it: until the oldest packet it lacks is given up on', () => {
  const { commits } = made();
  assert.equal(commits.claimUs(0), 0, 'alone');
  commits.commit();
  assert.equal(commits.claimUs(0), patienceUs);
  commits.arrive(packet(1), 100);
  commits.arrive(packet(2), 150);
  assert.equal(commits.claimUs(110), patienceUs - 10);
  assert.equal(commits.claimUs(100 + patienceUs), 0);
  assert.ok(!commits.isOverdue(100 + patienceUs - 1));
  assert.ok(commits.isOverdue(100 + patienceUs));
  const waits = made('wait').commits;
  waits.commit();
  waits.arrive(packet(1), 100);
  assert.ok(waits.claimUs(1e9) > 0 && !waits.isOverdue(1e9), 'wait: packets wait, so nothing is missed');
});

test('what passed before the other machine was known to be a standby, it must have before it may claim', () => {
  const { commits, sent, delivered } = made();
  commits.follow(0);
  commits.arrive(packet(1), 0);
  assert.deepEqual([sent, delivered], [[1], [1]], 'sent, and not waited for');
  commits.commit();
  commits.require(1);
  assert.equal(commits.claimUs(1), 0);
  commits.arrive(packet(2), 1);
  commits.had(1, 2);
  assert.ok(commits.claimUs(2) > 0);
  assert.deepEqual(delivered, [1]);
  commits.had(2, 3);
  assert.deepEqual(delivered, [1, 2]);
});

test('what waits goes to the next standby; without one it passes', () => {
  const { commits, sent, delivered } = made();
  commits.commit();
  for (const name of [1, 2, 3]) commits.arrive(packet(name), 0);
  commits.had(1, 0);
  commits.anew(5);
  assert.deepEqual([sent, delivered], [[1, 2, 3, 2, 3], [1]]);
  commits.had(4, 6);
  assert.deepEqual(delivered, [1, 2]);
  commits.alone(7);
  assert.deepEqual(delivered, [1, 2, 3]);
  commits.commit();
  commits.arrive(packet(4), 8);
  commits.had(6, 9);
  assert.deepEqual(delivered, [1, 2, 3, 4]);
});
