/** Ethernet, ARP, IPv4, IPv6 and UDP: known bytes both ways, round trips, truncations, any bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { finishChecksum, sumWords } from '../../src/wire/checksum.ts';
import { decodeEthernet, encodeEthernet, etherType } from '../../src/wire/ethernet.ts';
import { decodeIpv4, encodeIpv4, ipProtocol } from '../../src/wire/ipv4.ts';
import { decodeIpv6, encodeIpv6 } from '../../src/wire/ipv6.ts';
import { decodeUdp, encodeUdp } from '../../src/wire/udp.ts';
import { farIp, farMac, nearIp, nearMac } from './golden/control.ts';
import {
  bytesUpTo,
  hex,
  ipv4,
  ipv6,
  mac,
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

test('the Internet checksum is that of RFC 1071 §3', () => {
  const bytes = hex('0001 f203 f4f5 f6f7');
  assert.equal(sumWords(bytes, 0, bytes.length), 0x2ddf0);
  assert.equal(finishChecksum(0x2ddf0), ~0xddf2 & 0xffff);
  assert.equal(sumWords(hex('0102 03'), 0, 3), 0x0102 + 0x0300);
});

const ethernetBytes = hex('020000000002 020000000001 0800 aabb');
const ethernetFrame = {
  destination: farMac,
  source: nearMac,
  etherType: etherType.ipv4,
  payload: hex('aabb'),
};

test('Ethernet', () => {
  assert.deepEqual(value(decodeEthernet(ethernetBytes)), ethernetFrame);
  assert.deepEqual(encodeEthernet(ethernetFrame), ethernetBytes);
  assert.equal(refusal(decodeEthernet(withByte(ethernetBytes, 12, 0x05))), 'length');
  refusesTruncations(ethernetBytes.slice(0, 14), decodeEthernet, ['short']);
  neverThrows(decodeEthernet, ethernetBytes);
  const type = fc.integer({ min: 0x600, max: 0xffff });
  const frame = record({ destination: mac, source: mac, etherType: type, payload: bytesUpTo(60) });
  fc.assert(
    fc.property(frame, (each) => assert.deepEqual(value(decodeEthernet(encodeEthernet(each))), each)),
  );
});

const arpBytes = hex('0001 0800 06 04 0001 020000000001 c6336401 000000000000 c6336402');
const arpPacket = {
  operation: 'request',
  senderMac: nearMac,
  senderIp: nearIp,
  targetMac: value(decodeEthernet(hex('000000000000 000000000000 0800'))).source,
  targetIp: farIp,
} as const;

test('ARP', () => {
  assert.deepEqual(value(decodeArp(arpBytes)), arpPacket);
  assert.deepEqual(encodeArp(arpPacket), arpBytes);
  assert.equal(value(decodeArp(withByte(arpBytes, 7, 2))).operation, 'reply');
  for (const operation of [0, 3])
    assert.equal(refusal(decodeArp(withByte(arpBytes, 7, operation))), 'operation');
  for (const offset of [0, 1, 2, 3, 4, 5])
    assert.equal(refusal(decodeArp(withByte(arpBytes, offset, 0x77))), 'addressKind');
  refusesTruncations(arpBytes, decodeArp, ['short']);
  neverThrows(decodeArp, arpBytes);
  const operation = fc.constantFrom('request' as const, 'reply' as const);
  const packet = record({ operation, senderMac: mac, senderIp: ipv4, targetMac: mac, targetIp: ipv4 });
  fc.assert(fc.property(packet, (each) => assert.deepEqual(value(decodeArp(encodeArp(each))), each)));
});

const ipv4Bytes = hex('45c0 0016 1234 4000 ff11 1478 c6336401 c6336402 aabb');
const ipv4Packet = {
  trafficClass: 0xc0,
  identification: 0x1234,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 255,
  protocol: ipProtocol.udp,
  source: nearIp,
  destination: farIp,
  options: new Uint8Array(0),
  payload: hex('aabb'),
};

test('IPv4', () => {
  assert.deepEqual(encodeIpv4(ipv4Packet), ipv4Bytes);
  assert.deepEqual(value(decodeIpv4(ipv4Bytes)), ipv4Packet);
  assert.deepEqual(value(decodeIpv4(new Uint8Array([...ipv4Bytes, 0, 0, 0]))).payload, hex('aabb'));
  assert.equal(refusal(decodeIpv4(withByte(ipv4Bytes, 0, 0x65))), 'version');
  assert.equal(refusal(decodeIpv4(withByte(ipv4Bytes, 0, 0x44))), 'headerLength');
  assert.equal(refusal(decodeIpv4(withByte(ipv4Bytes, 0, 0x46))), 'totalLength');
  assert.equal(refusal(decodeIpv4(withByte(ipv4Bytes, 3, 19))), 'totalLength');
  assert.equal(refusal(decodeIpv4(withByte(ipv4Bytes, 6, 0xc0))), 'reservedFlag');
  assert.equal(refusal(decodeIpv4(withByte(ipv4Bytes, 8, 254))), 'checksum');
  refusesTruncations(ipv4Bytes, decodeIpv4, ['short']);
  neverThrows(decodeIpv4, ipv4Bytes);
});

test('IPv4 with options and flags comes back', () => {
  const packet = record({
    trafficClass: u8,
    identification: u16,
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat({ max: 0x1fff }),
    ttl: u8,
    protocol: u8,
    source: ipv4,
    destination: ipv4,
    options: fc.nat({ max: 10 }).map((words) => new Uint8Array(words * 4).fill(1)),
    payload: bytesUpTo(60),
  });
  fc.assert(fc.property(packet, (each) => assert.deepEqual(value(decodeIpv4(encodeIpv4(each))), each)));
  assert.throws(() => encodeIpv4({ ...ipv4Packet, options: new Uint8Array(3) }), RangeError);
  assert.throws(() => encodeIpv4({ ...ipv4Packet, options: new Uint8Array(44) }), RangeError);
  assert.throws(() => encodeIpv4({ ...ipv4Packet, payload: new Uint8Array(0xffff) }), RangeError);
});

const ipv6Bytes = hex(`6c012345 0002 11 ff 20010db8000000000000000000000001
  20010db8000000000000000000000002 aabb`);

test('IPv6', () => {
  const packet = value(decodeIpv6(ipv6Bytes));
  assert.deepEqual(packet, {
    trafficClass: 0xc0,
    flowLabel: 0x12345,
    nextHeader: ipProtocol.udp,
    hopLimit: 255,
    source: 0x2001_0db8_0000_0000_0000_0000_0000_0001n,
    destination: 0x2001_0db8_0000_0000_0000_0000_0000_0002n,
    payload: hex('aabb'),
  });
  assert.deepEqual(encodeIpv6(packet), ipv6Bytes);
  assert.equal(refusal(decodeIpv6(withByte(ipv6Bytes, 0, 0x45))), 'version');
  assert.throws(() => encodeIpv6({ ...packet, payload: new Uint8Array(0x1_0000) }), RangeError);
  refusesTruncations(ipv6Bytes, decodeIpv6, ['short']);
  neverThrows(decodeIpv6, ipv6Bytes);
  const any = record({
    trafficClass: u8,
    flowLabel: fc.nat({ max: 0xf_ffff }),
    nextHeader: u8,
    hopLimit: u8,
    source: ipv6,
    destination: ipv6,
    payload: bytesUpTo(60),
  });
  fc.assert(fc.property(any, (each) => assert.deepEqual(value(decodeIpv6(encodeIpv6(each))), each)));
});

const udpBytes = hex('1c01 1c01 000d 2f95 68656c6c6f');
const udpDatagram = { sourcePort: 7169, destinationPort: 7169, payload: hex('68656c6c6f') };
const decodeNear = (bytes: Uint8Array) => decodeUdp(bytes, nearIp, farIp);

test('UDP', () => {
  assert.deepEqual(encodeUdp(udpDatagram, nearIp, farIp), udpBytes);
  assert.deepEqual(value(decodeNear(udpBytes)), udpDatagram);
  assert.equal(refusal(decodeNear(withByte(udpBytes, 5, 7))), 'length');
  assert.equal(refusal(decodeNear(withByte(udpBytes, 8, 0x69))), 'checksum');
  assert.equal(refusal(decodeUdp(udpBytes, nearIp, nearIp)), 'checksum');
  refusesTruncations(udpBytes, decodeNear, ['short']);
  neverThrows(decodeNear, udpBytes);
  assert.throws(
    () => encodeUdp({ ...udpDatagram, payload: new Uint8Array(0xffff) }, nearIp, farIp),
    RangeError,
  );
});

test('UDP without a checksum is for IPv4 only', () => {
  const bytes = withByte(withByte(udpBytes, 6, 0), 7, 0);
  assert.ok(decodeNear(bytes).ok);
  const { source, destination } = value(decodeIpv6(ipv6Bytes));
  assert.equal(refusal(decodeUdp(bytes, source, destination)), 'noChecksum');
});

test('UDP over both families comes back, also where the checksum would be 0', () => {
  const datagram = record({ sourcePort: u16, destinationPort: u16, payload: bytesUpTo(60) });
  const ends = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6));
  fc.assert(
    fc.property(datagram, ends, (each, [source, destination]) => {
      assert.deepEqual(value(decodeUdp(encodeUdp(each, source, destination), source, destination)), each);
    }),
  );
  let isSentAsOnes = false;
  for (let sourcePort = 0; sourcePort <= 0xffff; sourcePort++) {
    const bytes = encodeUdp({ ...udpDatagram, sourcePort }, nearIp, farIp);
    assert.ok(bytes[6] !== 0 || bytes[7] !== 0);
    if (bytes[6] === 0xff && bytes[7] === 0xff) isSentAsOnes = true;
  }
  assert.ok(isSentAsOnes);
});

test('the checksum of any block with its complement is 0', () => {
  fc.assert(
    fc.property(fc.array(u16, { minLength: 1 }), u32, (words, seed) => {
      const bytes = Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 0xff]));
      const checksum = finishChecksum(sumWords(bytes, 0, bytes.length, seed));
      assert.equal(finishChecksum(sumWords(bytes, 0, bytes.length, seed + checksum)), 0);
    }),
  );
});
