/** The words of output commitment, and which of them the active knows to be at the standby. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Commitments, decodeOutputWord, encodeOutputWord } from '../../src/relay/commitments.ts';
import { bytesUpTo, u32 } from '../wire/properties.ts';

/** Ordinary objects, as the decoders make them. */
const record = <Fields>(
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
): fc.Arbitrary<Fields> => fc.record<Fields>(fields, { noNullPrototype: true });

test('words come back as they were, and no other word is taken for one', () => {
  const flow = fc.string({ maxLength: 60 });
  const digest = fc
    .tuple(u32, u32)
    .map((lanes) => lanes.map((lane) => lane.toString(16).padStart(8, '0')).join(''));
  const offset = fc.integer({ min: 0, max: 2 ** 52 });
  const word = fc.oneof(
    record({ kind: fc.constant('said' as const), flow, commitment: record({ offset, digest }) }),
    record({ kind: fc.constantFrom('alone' as const, 'over' as const), flow }),
    record({ kind: fc.constant('fed' as const), entry: bytesUpTo(80) }),
  );
  fc.assert(fc.property(word, (one) => assert.deepEqual(decodeOutputWord(encodeOutputWord(one)), one)));
  assert.equal(decodeOutputWord(Buffer.from('{"kind":"finished"}')), undefined);
  assert.equal(decodeOutputWord(new Uint8Array(0)), undefined);
});

test('each commitment is cleared once and in order, when its message was had', () => {
  const cleared: number[] = [];
  const commitments = new Commitments();
  for (const number of [2, 3, 7, 8]) commitments.said(number, number * 1000, () => cleared.push(number));
  commitments.had(1);
  commitments.had(3);
  commitments.had(6);
  assert.deepEqual(cleared, [2, 3]);
  assert.equal(commitments.ageUs(10_000), 3000);
  commitments.had(9);
  assert.deepEqual(cleared, [2, 3, 7, 8]);
  assert.equal(commitments.ageUs(10_000), 0);
  commitments.said(10, 10_000, () => cleared.push(10));
  commitments.reset();
  commitments.said(1, 1000, () => cleared.push(1));
  commitments.had(1);
  assert.deepEqual(cleared, [2, 3, 7, 8, 1]);
});
