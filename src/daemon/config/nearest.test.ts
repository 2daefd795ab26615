import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nearest } from './nearest.ts';

const known = ['intervalMs', 'misses', 'leaseMs', 'interface', 'members'];

test('finds what one slip made of a word', () => {
  assert.equal(nearest('intervallMs', known), 'intervalMs');
  assert.equal(nearest('MISSES', known), 'misses');
  assert.equal(nearest('mebmers', known), 'members');
  assert.equal(nearest('zebra', known), undefined);
});

test('one dropped, doubled or swapped letter is always forgiven', () => {
  const slip = fc.record({
    word: fc.constantFrom(...known),
    at: fc.nat(),
    how: fc.constantFrom('drop', 'double', 'swap'),
  });
  fc.assert(
    fc.property(slip, ({ word, at, how }) => {
      const i = at % (word.length - 1);
      const [a = '', b = ''] = [word[i], word[i + 1]];
      const changed = { drop: b, double: a + a + b, swap: b + a }[how as 'drop'];
      assert.equal(nearest(word.slice(0, i) + changed + word.slice(i + 2), known), word);
    }),
  );
});
