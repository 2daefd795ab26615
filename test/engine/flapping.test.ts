/** What damping is for: a side that fails again and again, and wants the role back each time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DampingConfig } from '../../src/engine/config.ts';
import { Pair } from './pair.ts';
import { engineConfig, group } from './rehearsal.ts';

const second = 1_000_000;
const tenMinutes = 600 * second;
const damping: DampingConfig = {
  firstUs: 10 * second,
  maxUs: 300 * second,
  forgetUs: 900 * second,
};
const undamped: DampingConfig = { ...damping, firstUs: 0 };

/** Member 1 is preferred, and preempts. */
function pair(config: DampingConfig): Pair {
  const changes = { damping: config, heartbeatIntervalUs: 100_000, group: { preempt: true } };
  const [one, other] = [engineConfig(1, 2, changes), engineConfig(2, 2, changes)];
  const play = new Pair(one, other);
  play.start(1);
  play.start(2);
  play.pass(5 * second);
  assert.deepEqual([play.state(1), play.state(2)], ['active', 'standby']);
  play.activations.length = 0;
  return play;
}

/** For ten minutes, whatever makes member 1 fall comes a second after it has got the role. */
function flap(play: Pair, fall: () => void): number {
  const end = play.now + tenMinutes;
  while (play.now < end) {
    play.pass(second);
    if (play.state(1) === 'active') fall();
  }
  return play.activations.length;
}

/** Its process dies and is started again by the service manager a second later. */
function crashes(play: Pair): number {
  return flap(play, () => {
    play.kill(1);
    play.pass(second);
    play.start(1);
  });
}

/** A check fails for half a second. */
function toggles(play: Pair): number {
  return flap(play, () => {
    play.give(1, { kind: 'health', group, healthy: false, reason: 'check' });
    play.pass(second / 2);
    play.give(1, { kind: 'health', group, healthy: true, reason: 'check' });
  });
}

describe('in ten minutes the role of a preferred member moves', () => {
  test('with its every crash; damped, less and less often', () => {
    const [free, damped] = [crashes(pair(undamped)), crashes(pair(damping))];
    assert.ok(free > 150, `undamped: ${free}`);
    assert.ok(damped <= 14, `damped: ${damped}`);
  });

  test('with its every failing check; damped, less and less often', () => {
    const [free, damped] = [toggles(pair(undamped)), toggles(pair(damping))];
    assert.ok(free > 150, `undamped: ${free}`);
    assert.ok(damped <= 14, `damped: ${damped}`);
  });

  test('back at last, once it is well', () => {
    const play = pair(damping);
    crashes(play);
    play.pass(damping.maxUs + 10 * second);
    assert.equal(play.state(1), 'active');
  });
});

test('a member that has fallen often takes over at once when it is the only one', () => {
  const play = pair(damping);
  crashes(play);
  while (play.state(2) !== 'active') play.pass(second);
  play.activations.length = 0;
  play.kill(2);
  play.pass(1000);
  assert.deepEqual(play.activations, [1]);
});
