import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { hmacSha256 } from '../../../src/wire/control/sha256.ts';

test('RFC 4231 §4.3: the key "Jefe"', () => {
  const hmac = hmacSha256(new TextEncoder().encode('Jefe'));
  const digest = hmac(new TextEncoder().encode('what do ya want for nothing?'));
  assert.equal(
    Buffer.from(digest).toString('hex'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

test('every key up to a block and every message give what Node gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 400 }), (key, message) => {
      const expected = createHmac('sha256', key).update(message).digest();
      assert.deepEqual(Buffer.from(hmacSha256(key)(message)), expected);
    }),
    { numRuns: 2000 },
  );
});

test('messages of every length around the padding', () => {
  const key = new Uint8Array(32).fill(7);
  const hmac = hmacSha256(key);
  for (let length = 0; length < 300; length++) {
    const message = new Uint8Array(length).fill(length & 0xff);
    assert.deepEqual(Buffer.from(hmac(message)), createHmac('sha256', key).update(message).digest());
  }
});

test('a key longer than a block is refused', () => {
  assert.throws(() => hmacSha256(new Uint8Array(65)), RangeError);
});
