/** When a mirror that goes over another path tries the first one again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Homecoming } from '../../src/relay/homecoming.ts';

const secondUs = 1_000_000;

/** After how many seconds it is tried, when nothing comes of it. */
function tries(homecoming: Homecoming, seconds: number): number[] {
  homecoming.connected(false, 0);
  return Array.from({ length: seconds }, (_, index) => index + 1).filter((at) =>
    homecoming.due(at * secondUs),
  );
}

test('ever more rarely, and then once in 64 seconds', () => {
  assert.deepEqual(tries(new Homecoming(), 260), [1, 3, 7, 15, 31, 63, 127, 191, 255]);
});

test('never while it is there', () => {
  const homecoming = new Homecoming();
  homecoming.connected(true, 0);
  assert.equal(homecoming.due(1000 * secondUs), false);
});

test('soon again once a connection over it has lasted, and not after one that broke at once', () => {
  const homecoming = new Homecoming();
  tries(homecoming, 20);
  homecoming.connected(true, 20 * secondUs);
  homecoming.ended(true, 59 * secondUs);
  assert.deepEqual(tries(homecoming, 20), [16]);
  homecoming.connected(true, 20 * secondUs);
  homecoming.ended(true, 60 * secondUs);
  assert.deepEqual(tries(homecoming, 20), [1, 3, 7, 15]);
});
