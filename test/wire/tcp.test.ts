/** TCP segments and options: known bytes both ways, round trips, truncations, any bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Ipv4Address, type Ipv6Address, parseIp } from '../../src/wire/address.ts';
import { decodeTcp, encodeTcp, tcpChecksumRight, tcpFlag } from '../../src/wire/tcp.ts';
import { decodeTcpOptions, encodeTcpOptions, type TcpOptions } from '../../src/wire/tcp-options.ts';
import {
  bytesUpTo,
  hex,
  ipv4,
  ipv6,
  neverThrows,
  record,
  refusal,
  refusesTruncations,
  u8,
  u16,
  u32,
  value,
  withByte,
} from './properties.ts';

const client4 = parseIp('192.0.2.1') as Ipv4Address;
const server4 = parseIp('192.0.2.10') as Ipv4Address;
const client6 = parseIp('2001:db8::1') as Ipv6Address;
const server6 = parseIp('2001:db8::10') as Ipv6Address;

const optionBytes = hex('0204 05b4 0303 0a 0402 080a 0102 0304 0506 0708 01');
const options: TcpOptions = {
  mss: 1460,
  windowScale: 10,
  sackPermitted: true,
  sackBlocks: [],
  timestamps: { value: 0x0102_0304, echo: 0x0506_0708 },
};
const synBytes = hex(`c001 1b58 89abcdef 00000000 a0 02 fb90 7864 0000
  0204 05b4 0303 0a 0402 080a 0102 0304 0506 0708 01`);
const syn = {
  sourcePort: 0xc001,
  destinationPort: 7000,
  sequence: 0x89ab_cdef,
  acknowledgment: 0,
  flags: tcpFlag.syn,
  window: 0xfb90,
  urgentPointer: 0,
  options: optionBytes,
  payload: new Uint8Array(0),
};

test('a segment, both ways', () => {
  assert.equal(
    Buffer.from(encodeTcp(syn, client4, server4)).toString('hex'),
    Buffer.from(synBytes).toString('hex'),
  );
  assert.deepEqual(value(decodeTcp(synBytes)), syn);
  assert.ok(tcpChecksumRight(synBytes, client4, server4));
  for (let offset = 0; offset < synBytes.length; offset++) {
    const damaged = withByte(synBytes, offset, (synBytes[offset] ?? 0) ^ 0x40);
    assert.ok(!tcpChecksumRight(damaged, client4, server4), `byte ${offset}`);
  }
  assert.equal(refusal(decodeTcp(withByte(synBytes, 12, 0x40))), 'headerLength');
  refusesTruncations(synBytes, decodeTcp, ['short']);
  neverThrows(decodeTcp, synBytes);
});

test('over IPv6 the checksum covers its addresses', () => {
  const bytes = encodeTcp(syn, client6, server6);
  assert.ok(tcpChecksumRight(bytes, client6, server6));
  assert.ok(!tcpChecksumRight(bytes, client6, client6));
});

test('any segment comes back, with a right checksum', () => {
  const segment = record({
    sourcePort: u16,
    destinationPort: u16,
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
    window: u16,
    urgentPointer: u16,
    options: fc.nat({ max: 10 }).map((words) => new Uint8Array(words * 4).fill(1)),
    payload: bytesUpTo(61),
  });
  const ends = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6));
  fc.assert(
    fc.property(segment, ends, (each, [source, destination]) => {
      const bytes = encodeTcp(each, source, destination);
      assert.deepEqual(value(decodeTcp(bytes)), each);
      assert.ok(tcpChecksumRight(bytes, source, destination));
    }),
  );
  for (const length of [3, 44]) {
    assert.throws(() => encodeTcp({ ...syn, options: new Uint8Array(length) }, client4, server4), RangeError);
  }
  const long = { ...syn, payload: new Uint8Array(0xffff) };
  assert.throws(() => encodeTcp(long, client4, server4), RangeError);
});

test('options, both ways', () => {
  assert.deepEqual(value(decodeTcpOptions(optionBytes)), options);
  assert.deepEqual(encodeTcpOptions(options), optionBytes);
  const none = {
    mss: undefined,
    windowScale: undefined,
    sackPermitted: false,
    sackBlocks: [],
    timestamps: undefined,
  };
  assert.deepEqual(value(decodeTcpOptions(hex(''))), none);
  assert.deepEqual(value(decodeTcpOptions(hex('00 0204'))), none, 'nothing is read after the end');
  assert.deepEqual(value(decodeTcpOptions(hex('fe04 aabb 0101'))), none, 'unknown ones are passed over');
  assert.equal(value(decodeTcpOptions(hex('0303 0f'))).windowScale, 14, 'RFC 7323 §2.3');
});

test('an option that has not its length is refused', () => {
  for (const bad of [
    '02',
    '0200',
    '0201',
    '0204 05',
    '0203 05',
    '0302',
    '0403 00',
    '0809 00',
    '050a 00',
    '0509',
    'fe01',
  ]) {
    assert.equal(refusal(decodeTcpOptions(hex(bad))), 'length', bad);
  }
  neverThrows(decodeTcpOptions, optionBytes);
});

test('any options come back', () => {
  const block = record({ left: u32, right: u32 });
  const optional = <Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
    fc.option(arbitrary, { nil: undefined });
  const some = record<TcpOptions>({
    mss: optional(u16),
    windowScale: optional(fc.nat({ max: 14 })),
    sackPermitted: fc.boolean(),
    sackBlocks: fc.array(block, { maxLength: 1 }),
    timestamps: optional(record({ value: u32, echo: u32 })),
  });
  fc.assert(
    fc.property(some, (each) => assert.deepEqual(value(decodeTcpOptions(encodeTcpOptions(each))), each)),
  );
  const blocks = Array.from({ length: 5 }, () => ({ left: 1, right: 2 }));
  assert.throws(() => encodeTcpOptions({ ...options, sackBlocks: blocks }), RangeError);
});
