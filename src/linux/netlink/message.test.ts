import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Attributes, Messages } from './reader.ts';
import { MessageWriter } from './writer.ts';

test('a message is laid out as netlink(7) says', () => {
  const writer = new MessageWriter();
  writer.message(16, 5, 9, () => {
    writer.u32(7);
    writer.attributeText(3, 'lo');
    writer.nested(26, () => writer.attributeU8(10, 1));
  });
  assert.equal(
    writer.copy().toString('hex'),
    [
      '28000000',
      '1000',
      '0500',
      '09000000',
      '00000000',
      '07000000',
      '07000300',
      '6c6f0000',
      '0c001a80',
      '05000a00',
      '01000000',
    ].join(''),
  );
});

test('what was written is read back, for any values and any sizes', () => {
  const attribute = fc.record(
    {
      type: fc.integer({ min: 1, max: 0x3fff }),
      value: fc.uint8Array({ maxLength: 700 }),
    },
    { noNullPrototype: true },
  );
  const message = fc.record(
    {
      type: fc.integer({ min: 16, max: 0xffff }),
      flags: fc.integer({ min: 0, max: 0xffff }),
      sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
      attributes: fc.array(attribute, { maxLength: 20 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), (expected) => {
      const writer = new MessageWriter();
      for (const { type, flags, sequence, attributes } of expected) {
        writer.message(type, flags, sequence, () => {
          for (const { type, value } of attributes)
            writer.nested(type, () => writer.attributeBytes(1, value));
        });
      }
      const messages = new Messages(writer.buffer).over(writer.length);
      const found = [];
      while (messages.next()) {
        const { type, flags, sequence } = messages;
        const attributes = [];
        const outer = new Attributes(messages.bytes, messages.start, messages.end);
        while (outer.next()) {
          const inner = outer.nested();
          assert.ok(inner.next());
          attributes.push({
            type: outer.type,
            value: new Uint8Array(messages.bytes.subarray(inner.start, inner.end)),
          });
        }
        found.push({ type, flags, sequence, attributes });
      }
      assert.deepEqual(found, expected);
    }),
  );
});

test('no bytes make the reader leave its bounds or go round for ever', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(400), (bytes, length) => {
      const messages = new Messages(Buffer.from(bytes)).over(length);
      let count = 0;
      while (messages.next()) {
        count++;
        assert.ok(messages.end <= Math.min(length, bytes.length));
        const attributes = new Attributes(messages.bytes, messages.start, messages.end);
        while (attributes.next()) {
          assert.ok(attributes.end <= messages.end);
          attributes.u8();
          attributes.u32();
          attributes.be32();
          attributes.text();
        }
      }
      assert.ok(count <= bytes.length / 16);
    }),
  );
});

test('an attribute that does not fit its length field is refused', () => {
  const writer = new MessageWriter();
  assert.throws(() => writer.attributeBytes(1, new Uint8Array(65_532)), RangeError);
});
