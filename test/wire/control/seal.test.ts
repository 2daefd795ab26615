import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Hmac, seal, sealLength, unseal } from '../../../src/wire/control/seal.ts';
import { hmac, hmacOf } from '../golden/control.ts';
import { bytesUpTo, hex, neverThrows, refusal, refusesTruncations, value } from '../properties.ts';

function sealed(body: Uint8Array, by: Hmac): Uint8Array {
  const buffer = new Uint8Array(body.length + sealLength);
  buffer.set(body);
  assert.equal(seal(buffer, body.length, by), buffer.length);
  return buffer;
}

const newer = hmacOf('20'.repeat(32));

test('the trailer is HMAC-SHA256 (RFC 4231 case 2)', () => {
  const datagram = sealed(new TextEncoder().encode('what do ya want for nothing?'), hmacOf('4a656665'));
  const expected = hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  assert.deepEqual(datagram.slice(-sealLength), expected);
});

test('a sealed body comes back as a view, by any of the keys', () => {
  fc.assert(
    fc.property(bytesUpTo(300), (body) => {
      const datagram = sealed(body, hmac);
      const opened = value(unseal(datagram, [newer, hmac]));
      assert.deepEqual(opened, body);
      assert.equal(opened.buffer, datagram.buffer);
      assert.equal(refusal(unseal(datagram, [newer])), 'forged');
      assert.equal(refusal(unseal(datagram, [])), 'forged');
    }),
  );
});

test('a change of any bit anywhere is refused', () => {
  const datagram = sealed(hex('0102030405'), hmac);
  for (let bit = 0; bit < datagram.length * 8; bit++) {
    const changed = datagram.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(refusal(unseal(changed, [hmac])), 'forged');
  }
});

test('every datagram cut short is refused, and no bytes throw', () => {
  const datagram = sealed(hex('0102030405'), hmac);
  const open = (bytes: Uint8Array) => unseal(bytes, [hmac, newer]);
  refusesTruncations(datagram, open, ['short', 'forged']);
  neverThrows(open, datagram);
});

test('a hash of another length is a mistake of the caller, and matches nothing', () => {
  const short: Hmac = (bytes) => hmac(bytes).subarray(0, 31);
  assert.throws(() => sealed(hex('01'), short), RangeError);
  assert.throws(() => seal(new Uint8Array(33), 2, hmac), RangeError);
  assert.equal(refusal(unseal(sealed(hex('01'), hmac), [short])), 'forged');
});
