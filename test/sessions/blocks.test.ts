/** Memory of frames is used again, and never while somebody needs what is in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameBlocks } from '../../src/relay/blocks.ts';

const frameBytesMax = 65_600;

function put(blocks: FrameBlocks, length: number, content: number): Uint8Array {
  blocks.room().fill(content, 0, length);
  return blocks.keep(length);
}

test('frames that wait, in any number, stay what they are', () => {
  const steps = fc.array(
    fc.record({
      arrive: fc.array(fc.integer({ min: 1, max: frameBytesMax }), { maxLength: 40 }),
      leave: fc.nat(60),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(steps, (plan) => {
      const blocks = new FrameBlocks(frameBytesMax);
      let waiting: { readonly frame: Uint8Array; readonly content: number }[] = [];
      let count = 0;
      for (const { arrive, leave } of plan) {
        blocks.release(waiting.slice(0, 1).map(({ frame }) => frame));
        for (const length of arrive) {
          const content = ++count % 256;
          waiting.push({ frame: put(blocks, length, content), content });
        }
        for (const { frame, content } of waiting)
          assert.ok(frame[0] === content && frame.at(-1) === content && frame[frame.length >> 1] === content);
        waiting = waiting.slice(leave);
      }
    }),
    { numRuns: 50 },
  );
});

test('traffic that does not wait stays in one block; one of unknown order keeps all', () => {
  const blocks = new FrameBlocks(frameBytesMax);
  const { buffer } = put(blocks, 1000, 1);
  for (let turn = 0; turn < 5000; turn++) {
    blocks.release([]);
    assert.equal(put(blocks, 1000, 2).buffer, buffer);
  }
  const kept = put(blocks, 1000, 3);
  for (let turn = 0; turn < 5000; turn++) {
    blocks.release([new Uint8Array(10)]);
    put(blocks, 1000, 4);
  }
  assert.ok(kept.every((byte) => byte === 3));
});
