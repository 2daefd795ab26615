import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeLives } from './timeouts.ts';

/** What is said of elements told to live 20 ms that were seen for so long, on a machine with ticks of 4 ms. */
function said(seenMs: readonly number[]) {
  const lives = seenMs.map((ms) => ({ seenMs: ms, goneMs: ms + 0.1 }));
  return judgeLives([{ told: 20, lives }], 'found', 4);
}

test('rounded up to a tick, or ended by a tick that came a little late, a life is as told', () => {
  assert.equal(said([19.7, 19.8, 20.1, 20.4, 24]).state, 'ok');
});

test('one life that was too long is the machine’s doing, most of them the kernel’s', () => {
  assert.equal(said([19.7, 24.1, 19.8, 31, 19.7]).state, 'reduced');
  assert.equal(said([24.1, 24.1, 19.8, 31, 19.7]).state, 'missing');
});
