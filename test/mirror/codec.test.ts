/** Frames, hellos and messages: every field at its extremes, every truncation refused, no bytes that make one throw. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameReader, frameHeader, frameLengthMax } from '../../src/mirror/frame.ts';
import { decodeHello, encodeHello, type Hello } from '../../src/mirror/hello.ts';
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../src/mirror/message.ts';
import { neverThrows, refusal, refusesTruncations, value } from '../wire/properties.ts';

/** Ordinary objects, as the decoder makes them. */
const record = <Fields>(
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
): fc.Arbitrary<Fields> => fc.record(fields, { noNullPrototype: true });
const u48 = fc.oneof(fc.constantFrom(0, 1, 2 ** 48 - 1), fc.integer({ min: 0, max: 2 ** 48 - 1 }));
const u16 = fc.integer({ min: 0, max: 0xffff });
const term = record({ counter: u48, member: u16 });
const stream = fc.uint8Array({ minLength: 16, maxLength: 16 });
const bytes = fc.uint8Array({ maxLength: 300 });
const name = fc.stringMatching(/^[\x21-\x7e]{1,40}$/);

const kind = <Type extends MessageType>(type: Type): fc.Arbitrary<Type> => fc.constant(type);

const message: fc.Arbitrary<Message> = fc.oneof(
  record({ type: kind(MessageType.open), term, stream, next: u48, creditLimit: u48 }),
  record({
    type: kind(MessageType.accept),
    term,
    stream,
    resumes: fc.boolean(),
    claimUs: u48,
    commitBytesMax: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  }),
  record({ type: kind(MessageType.refuse), why: fc.constantFrom(1, 2), term }),
  record({
    type: kind(MessageType.begin),
    channels: fc.array(record({ id: u16, name }), { maxLength: 9 }),
  }),
  record({ type: kind(MessageType.chunk), channel: u16, endsChunk: fc.boolean(), bytes }),
  record({ type: kind(MessageType.end), sequence: u48 }),
  record({
    type: kind(MessageType.record),
    sequence: u48.filter((sequence) => sequence > 0),
    channel: u16,
    endsRecord: fc.boolean(),
    endsCommit: fc.boolean(),
    bytes,
  }).filter(({ endsRecord, endsCommit }) => endsRecord || !endsCommit),
  record({ type: kind(MessageType.ack), held: u48, creditLimit: u48 }),
  record({ type: kind(MessageType.ping), stamp: u48 }),
  record({ type: kind(MessageType.pong), stamp: u48, head: u48, counts: fc.boolean() }),
  record({ type: kind(MessageType.leave) }),
);

test('a message comes out as it went in', () => {
  fc.assert(
    fc.property(message, (sent) => {
      const body = encodeMessage(sent);
      const heard = value(decodeMessage(sent.type, body));
      assert.deepEqual(heard, sent);
      assert.deepEqual(encodeMessage(heard), body);
    }),
    { numRuns: 2000 },
  );
});

test('no beginning of a message is taken for one, except where a payload ends it', () => {
  const open = encodeMessage({
    type: MessageType.open,
    term: { counter: 5, member: 1 },
    stream: new Uint8Array(16),
    next: 9,
    creditLimit: 1,
  });
  refusesTruncations(open, (body) => decodeMessage(MessageType.open, body), ['short']);
  const begin = encodeMessage({ type: MessageType.begin, channels: [{ id: 1, name: 'map' }] });
  refusesTruncations(begin, (body) => decodeMessage(MessageType.begin, body), ['short']);
  for (const type of [MessageType.ack, MessageType.pong, MessageType.accept, MessageType.refuse]) {
    assert.equal(refusal(decodeMessage(type, new Uint8Array(3))), 'short');
    assert.equal(refusal(decodeMessage(type, new Uint8Array(60))) === undefined, false);
  }
});

test('what no end would send is refused by its reason', () => {
  const record = encodeMessage({
    type: MessageType.record,
    sequence: 1,
    channel: 0,
    endsRecord: true,
    endsCommit: true,
    bytes: new Uint8Array(2),
  });
  const changed = (at: number, byte: number): Uint8Array => record.with(at, byte);
  assert.equal(refusal(decodeMessage(MessageType.record, changed(8, 4))), 'badValue');
  assert.equal(
    refusal(decodeMessage(MessageType.record, changed(8, 2))),
    'badValue',
    'a commit ends in a record',
  );
  assert.equal(refusal(decodeMessage(MessageType.record, changed(5, 0))), 'badValue', 'there is no commit 0');
  assert.equal(refusal(decodeMessage(0, record)), 'unknownType');
  assert.equal(refusal(decodeMessage(MessageType.leave, record)), 'trailing');
  assert.equal(refusal(decodeMessage(MessageType.refuse, new Uint8Array(9))), 'badValue');
});

test('no bytes make a decoder throw', () => {
  for (const type of Object.values(MessageType)) {
    const good = encodeMessage({ type: MessageType.begin, channels: [{ id: 1, name: 'map' }] });
    neverThrows((body) => decodeMessage(type, body), good);
  }
  neverThrows(decodeHello, encodeHello(hello));
});

const hello: Hello = {
  side: 'sink',
  protection: 'encrypt',
  nonce: new Uint8Array(32).fill(9),
  keyIds: [1, 2 ** 32 - 1],
  scope: 'shop/web',
  name: 'redundant',
};

test('a hello comes out as it went in; each of its faults has a name', () => {
  const body = encodeHello(hello);
  assert.deepEqual(value(decodeHello(body)), hello);
  refusesTruncations(body, decodeHello, ['short']);
  assert.equal(refusal(decodeHello(body.with(0, 0))), 'badMagic');
  assert.equal(refusal(decodeHello(body.with(4, 9))), 'otherVersion');
  for (const at of [5, 6]) assert.equal(refusal(decodeHello(body.with(at, 3))), 'badValue');
  assert.equal(refusal(decodeHello(body.with(39, 5))), 'badValue', 'five keys');
  assert.equal(refusal(decodeHello(Uint8Array.of(...body, 0))), 'trailing');
  assert.equal(refusal(decodeHello(body.with(body.length - 1, 0x20))), 'badValue', 'a space in a name');
});

test('frames are found however their bytes come', () => {
  const sent = fc.array(record({ type: fc.nat({ max: 255 }), counter: u48, body: bytes }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(sent, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (frames, portions) => {
      const all = Buffer.concat(
        frames.map(({ type, counter, body }) => encodeFrame(frameHeader(type, counter), body)),
      );
      const reader = new FrameReader();
      const heard: unknown[] = [];
      for (let offset = 0, turn = 0; offset < all.length; turn++) {
        const portion = all.subarray(offset, offset + (portions[turn % portions.length] ?? 1));
        offset += portion.length;
        for (let at = 0; at < portion.length; ) {
          const { used, frame, reason } = reader.read(portion, at, frameLengthMax);
          assert.equal(reason, undefined);
          at = used;
          if (frame !== undefined) {
            heard.push({ type: frame.type, counter: frame.counter, body: new Uint8Array(frame.body) });
          }
        }
      }
      assert.deepEqual(heard, frames);
    }),
    { numRuns: 500 },
  );
});

test('a length that no frame has is refused before anything is kept for it', () => {
  const lengths = [
    [0, 'runt'],
    [6, 'runt'],
    [frameLengthMax + 1, 'oversized'],
    [2 ** 32 - 1, 'oversized'],
  ] as const;
  for (const [length, reason] of lengths) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, length);
    assert.equal(new FrameReader().read(bytes, 0, frameLengthMax).reason, reason);
  }
});
