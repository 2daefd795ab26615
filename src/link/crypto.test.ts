import assert from 'node:assert/strict';
import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeCrypto } from './crypto.ts';

const key = Uint8Array.from({ length: 32 }, (_, index) => index);
const protections = ['sign', 'encrypt'] as const;

test('a signature is HMAC-SHA256-128 of a short frame, GMAC of a long one', () => {
  const signer = nodeCrypto.frameSeal('sign', key);
  const header = Uint8Array.from([1, 0, 0, 0, 0, 0, 9]);
  const [hmacKey, gmacKey] = ['hmac', 'gmac'].map((info) =>
    Buffer.from(hkdfSync('sha256', key, '', info, 32)),
  );
  assert.ok(hmacKey !== undefined && gmacKey !== undefined);
  const nonce = Buffer.from('000000000000000000000009', 'hex');
  for (let length = 0; length <= 600; length++) {
    const room = new Uint8Array(length + signer.overhead).fill(length & 0xff);
    signer.seal(9, header, room);
    const covered = Buffer.concat([header, room.subarray(0, length)]);
    const gmac = createCipheriv('aes-256-gcm', gmacKey, nonce).setAAD(covered);
    gmac.final();
    const hmac = createHmac('sha256', hmacKey).update(covered).digest().subarray(0, 16);
    assert.deepEqual(
      Buffer.from(room.subarray(length)),
      covered.length <= 256 ? hmac : gmac.getAuthTag(),
      `${length} bytes`,
    );
  }
});

for (const protection of protections)
  test(`${protection}: what was sealed is opened, and nothing that differs by a bit`, () => {
    const [ours, theirs] = [nodeCrypto.frameSeal(protection, key), nodeCrypto.frameSeal(protection, key)];
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 600 });
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat(7), (body, at, bit) => {
        const header = Uint8Array.from([1, 0, 0, 0, 0, 0, 9]);
        const room = new Uint8Array(body.length + ours.overhead);
        room.set(body);
        ours.seal(9, header, room);
        const changed = Uint8Array.from(room);
        const index = at % changed.length;
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        assert.equal(theirs.open(9, header, changed), undefined);
        const other = header.with(6, 10);
        assert.equal(theirs.open(10, other, room), undefined);
        assert.deepEqual(Buffer.from(theirs.open(9, header, room) ?? []), Buffer.from(body));
      }),
    );
  });
