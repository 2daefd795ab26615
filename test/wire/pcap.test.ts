import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePcap, encodePcap, type Pcap, type PcapPacket } from '../../src/wire/pcap.ts';
import {
  bytesUpTo,
  hex,
  neverThrows,
  record,
  refusal,
  refusesTruncations,
  u32,
  value,
  withByte,
} from './properties.ts';

const bytes = hex(`d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000
  02000000 03000000 02000000 3c000000 aabb`);
const pcap: Pcap = {
  linkType: 1,
  packets: [{ atUs: 2_000_003, originalLength: 60, bytes: hex('aabb') }],
};

test('known bytes and the known capture are each other', () => {
  assert.deepEqual(value(decodePcap(bytes)), pcap);
  assert.deepEqual(encodePcap(pcap), bytes);
});

test('the other byte order is read too', () => {
  const big = hex(`a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001
    00000002 00000003 00000002 0000003c aabb`);
  assert.deepEqual(value(decodePcap(big)), pcap);
});

test('any packets come back', () => {
  const atUs = fc.tuple(u32, fc.nat({ max: 999_999 })).map(([seconds, us]) => seconds * 1_000_000 + us);
  const packet = record<PcapPacket>({ atUs, originalLength: u32, bytes: bytesUpTo(80) });
  const file = record<Pcap>({ linkType: u32, packets: fc.array(packet) });
  fc.assert(fc.property(file, (each) => assert.deepEqual(value(decodePcap(encodePcap(each))), each)));
});

test('what is no such capture is refused, also inside a larger buffer', () => {
  assert.equal(refusal(decodePcap(withByte(bytes, 0, 0x4d))), 'magic');
  assert.equal(refusal(decodePcap(withByte(bytes, 4, 3))), 'version');
  refusesTruncations(bytes.subarray(0, 24), decodePcap, ['short']);
  for (let length = 25; length < bytes.length; length++)
    assert.equal(refusal(decodePcap(bytes.subarray(0, length))), 'truncatedPacket');
  neverThrows(decodePcap, bytes);
});
