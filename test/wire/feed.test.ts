/** The feed's entries and replies: what is encoded is decoded, whatever is cut, and foreign bytes are data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeFeedEntry,
  decodeFeedReply,
  encodeFeedEntry,
  encodeFeedReply,
  type FeedEntry,
  FeedReader,
  type FeedReply,
  feedMessage,
} from '../../src/wire/feed.ts';
import { bytesUpTo, u32 } from './properties.ts';

/** Ordinary objects, as the decoders make them. */
const record = <Fields>(
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
): fc.Arbitrary<Fields> => fc.record<Fields>(fields, { noNullPrototype: true });

const timeUs = fc.integer({ min: 0, max: 2 ** 52 });
const connection = u32;
const text = fc.string({ maxLength: 60 });
const entry: fc.Arbitrary<FeedEntry> = fc.oneof(
  record({
    kind: fc.constant('begin' as const),
    timeUs,
    seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  record({
    kind: fc.constant('open' as const),
    timeUs,
    connection,
    flow: text,
    address: text,
    port: fc.nat({ max: 65_535 }),
  }),
  record({ kind: fc.constant('data' as const), timeUs, connection, bytes: bytesUpTo(300) }),
  record({ kind: fc.constantFrom('end' as const, 'gone' as const), timeUs, connection }),
  record({ kind: fc.constant('taken' as const), timeUs, connection, count: u32 }),
  record({ kind: fc.constant('tick' as const), timeUs }),
);
const reply: fc.Arbitrary<FeedReply> = fc.oneof(
  record({ kind: fc.constant('output' as const), connection, bytes: bytesUpTo(300) }),
  record({ kind: fc.constantFrom('finish' as const, 'reset' as const), connection }),
  record({ kind: fc.constant('consumed' as const), connection, count: u32 }),
  record({ kind: fc.constant('wake' as const), timeUs }),
);

test('entries and replies come back as they were', () => {
  fc.assert(fc.property(entry, (one) => assert.deepEqual(decodeFeedEntry(encodeFeedEntry(one)), one)));
  fc.assert(fc.property(reply, (one) => assert.deepEqual(decodeFeedReply(encodeFeedReply(one)), one)));
});

test('messages are found however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(bytesUpTo(100)), fc.integer({ min: 1, max: 50 }), (bodies, size) => {
      const stream = Buffer.concat(bodies.map((body) => feedMessage(body)));
      const reader = new FeedReader();
      const found: number[][] = [];
      for (let at = 0; at < stream.length; at += size)
        for (const body of reader.read(stream.subarray(at, at + size)) ?? []) found.push([...body]);
      assert.deepEqual(
        found,
        bodies.map((body) => [...body]),
      );
    }),
  );
});

test('foreign bytes are refused, never thrown at', () => {
  fc.assert(
    fc.property(bytesUpTo(80), (bytes) => {
      decodeFeedEntry(bytes);
      decodeFeedReply(bytes);
    }),
  );
  assert.equal(decodeFeedEntry(new Uint8Array(0)), undefined);
  assert.equal(decodeFeedReply(Uint8Array.of(0)), undefined);
  assert.equal(new FeedReader().read(Uint8Array.of(0xff, 0, 0, 0)), undefined);
});
