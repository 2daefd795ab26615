import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lengthUs, overlapsOf } from './overlap.ts';
import type { Heard } from './voice.ts';

/** A machine that speaks every 500 µs from its first to its last voice. */
function speaking(port: number, fromUs: number, toUs: number): Heard[] {
  const count = Math.floor((toUs - fromUs) / 500) + 1;
  return Array.from({ length: count }, (_, index) => ({ port, atUs: fromUs + index * 500 }));
}

const gapUs = 20_000;

test('one after the other is no overlap, however close', () => {
  const heard = [...speaking(0, 0, 10_000), ...speaking(1, 10_001, 50_000), ...speaking(2, 50_002, 60_000)];
  assert.deepEqual(overlapsOf(heard, gapUs), []);
});

test('there and back with a silence in between is none either', () => {
  const heard = [...speaking(0, 0, 10_000), ...speaking(1, 15_000, 30_000), ...speaking(0, 40_000, 50_000)];
  assert.deepEqual(overlapsOf(heard, gapUs), []);
});

test('an old one that goes on is one, from the first word of the new one to its own last', () => {
  const [overlap, ...more] = overlapsOf([...speaking(1, 8_250, 50_000), ...speaking(0, 0, 10_000)], gapUs);
  assert.deepEqual(more, []);
  assert.deepEqual(overlap, { ports: [0, 1], fromUs: 8_250, toUs: 10_000, frames: 8 });
});

test('a single stray frame is one of a microsecond', () => {
  const found = overlapsOf([...speaking(0, 0, 10_000), { port: 1, atUs: 5_100 }], gapUs);
  assert.equal(found.length, 1);
  assert.deepEqual(found.map(lengthUs), [1]);
  assert.equal(found[0]?.frames, 1);
});

test('however voices are told, the answer is the same', () => {
  const voice = fc.record({ port: fc.integer({ min: 0, max: 2 }), atUs: fc.integer({ min: 0, max: 2000 }) });
  fc.assert(
    fc.property(fc.uniqueArray(voice, { selector: ({ atUs }) => atUs }), (heard) => {
      const inOrder = overlapsOf(
        heard.toSorted((a, b) => a.atUs - b.atUs),
        50,
      );
      assert.deepEqual(overlapsOf(heard, 50), inOrder);
      // Two voices of others within one machine's gap are never overlooked.
      const sorted = heard.toSorted((a, b) => a.atUs - b.atUs);
      for (const { port, atUs } of heard) {
        const before = sorted.findLast((each) => each.port !== port && each.atUs < atUs);
        const after = sorted.find((each) => each.port === before?.port && each.atUs > atUs);
        if (before === undefined || after === undefined || after.atUs - before.atUs > 50) continue;
        assert.ok(inOrder.some(({ fromUs, toUs }) => fromUs <= atUs && atUs <= toUs));
      }
    }),
  );
});
