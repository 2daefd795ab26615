import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  allNodes,
  broadcastMac,
  formatIp,
  formatIpv6,
  formatMac,
  type Ipv6Address,
  ipv6MulticastMac,
  isIpv4,
  isMulticastIpv4,
  isMulticastIpv6,
  isMulticastMac,
  parseIp,
  parseIpv4,
  parseIpv6,
  parseMac,
  readIpv4,
  readIpv6,
  readMac,
  solicitedNode,
  writeIpv4,
  writeIpv6,
  writeMac,
} from '../../src/wire/address.ts';
import { hex, ipv4, ipv6, mac } from './properties.ts';

test('a MAC is read from its text forms and refused in any other', () => {
  assert.equal(parseMac('02:00:00:00:0a:FF'), 0x0200_0000_0aff);
  assert.equal(parseMac('02-00-00-00-0a-ff'), 0x0200_0000_0aff);
  for (const text of [
    '',
    '02:00:00:00:00',
    '02:00:00:00:00:00:00',
    '2:0:0:0:0:1',
    '02:00-00:00:00:01',
    'g2:00:00:00:00:01',
  ])
    assert.equal(parseMac(text), undefined, text);
});

test('an IPv4 address is four decimal numbers without leading zeros', () => {
  assert.equal(parseIpv4('255.255.255.255'), 0xffff_ffff);
  assert.equal(parseIpv4('192.0.2.1'), 0xc000_0201);
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', '1.2.3.-4', '0x1.2.3.4'])
    assert.equal(parseIpv4(text), undefined, text);
});

/** Text, and what RFC 5952 makes of it. */
const ipv6Texts = [
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201'],
  ['::ffff:c000:201', '::ffff:192.0.2.1'],
  ['::ffff:0.0.0.0', '::ffff:0.0.0.0'],
  ['::192.0.2.1', '::c000:201'],
] as const;

test('every text form of an IPv6 address is read, and written in the canonical one', () => {
  for (const [text, canonical] of ipv6Texts) {
    const address = parseIpv6(text);
    assert.ok(address !== undefined, text);
    assert.equal(formatIpv6(address), canonical);
  }
});

const notIpv6 = [
  '', ':', ':::', '1', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1::', '1::2::3', ':1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:', '12345::', 'g::', '::1%eth0', '[::1]', '1.2.3.4', '1.2.3.4::', '::1.2.3.4:5', '::1.2.3', '::01.2.3.4',
  '1:2:3:4:5:6:7:1.2.3.4', ' ::1', '::1 ', '1:2:3:4::5:6:7:8', '2001:db8:::1',
]; // biome-ignore format: a list
test('what is not an IPv6 address is refused', () => {
  for (const text of notIpv6) assert.equal(parseIpv6(text), undefined, text);
});

test('both families agree with node:net about any text', () => {
  const near = fc.stringMatching(/^[0-9a-f:.]{1,20}$/);
  const made = fc.oneof(fc.ipV6(), fc.ipV4Extended(), near, fc.string());
  const agree = (text: string): void => {
    assert.equal(parseIpv6(text) !== undefined, isIPv6(text) && !text.includes('%'), text);
    assert.equal(parseIpv4(text) !== undefined, isIPv4(text), text);
  };
  fc.assert(fc.property(made, agree), { numRuns: 10_000 });
});

test('text and bytes come back as the address they were made of', () => {
  fc.assert(
    fc.property(mac, ipv4, ipv6, (physical, four, six) => {
      assert.equal(parseMac(formatMac(physical)), physical);
      assert.equal(parseIp(formatIp(four)), four);
      assert.equal(parseIp(formatIp(six)), six);
      const bytes = new Uint8Array(30);
      writeMac(bytes, 1, physical);
      writeIpv4(bytes, 8, four);
      writeIpv6(bytes, 13, six);
      assert.deepEqual([readMac(bytes, 1), readIpv4(bytes, 8), readIpv6(bytes, 13)], [physical, four, six]);
      assert.ok(bytes[0] === 0 && bytes[7] === 0 && bytes[12] === 0 && bytes[29] === 0);
    }),
    { numRuns: 2000 },
  );
});

test('addresses lie in network byte order', () => {
  const bytes = hex('020000000001 c0000201 20010db8000000000000000000000010');
  assert.equal(formatMac(readMac(bytes, 0)), '02:00:00:00:00:01');
  assert.equal(formatIp(readIpv4(bytes, 6)), '192.0.2.1');
  assert.equal(formatIp(readIpv6(bytes, 10)), '2001:db8::10');
});

test('groups: solicited node, their Ethernet address, and what is multicast', () => {
  const address = parseIpv6('2001:db8::1234:5678') ?? (0n as Ipv6Address);
  assert.equal(formatIpv6(solicitedNode(address)), 'ff02::1:ff34:5678');
  assert.equal(formatMac(ipv6MulticastMac(solicitedNode(address))), '33:33:ff:34:56:78');
  assert.equal(formatMac(ipv6MulticastMac(allNodes)), '33:33:00:00:00:01');
  assert.ok(isMulticastIpv6(allNodes) && !isMulticastIpv6(address));
  assert.ok(isMulticastMac(broadcastMac) && isMulticastMac(ipv6MulticastMac(allNodes)));
  assert.ok(!isMulticastMac(readMac(hex('020000000001'), 0)));
  for (const [text, multicast] of [
    ['224.0.0.1', true],
    ['255.255.255.255', true],
    ['192.0.2.1', false],
  ] as const) {
    const four = parseIp(text);
    assert.ok(four !== undefined && isIpv4(four));
    assert.equal(isMulticastIpv4(four), multicast);
  }
});
