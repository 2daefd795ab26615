/** The captures in golden/: each decodes to what the README says, and what we build is what others built. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatIp, formatMac, type Ipv4Address, type Ipv6Address, parseIp } from '../../src/wire/address.ts';
import { decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { decodeControl } from '../../src/wire/control/codec.ts';
import { unseal } from '../../src/wire/control/seal.ts';
import { decodeEthernet, encodeEthernet, etherType } from '../../src/wire/ethernet.ts';
import {
  arpAnnouncementReply,
  arpProbe,
  arpQuestion,
  arpReply,
  decodeNeighbourFrame,
  type NeighbourFrame,
  neighbourAdvertisement,
  neighbourProbe,
  neighbourQuestion,
  unsolicitedAdvertisement,
} from '../../src/wire/frame.ts';
import { decodeNeighbourMessage, encodeNeighbourMessage } from '../../src/wire/icmpv6.ts';
import { decodeIpv4, encodeIpv4, ipProtocol } from '../../src/wire/ipv4.ts';
import { decodeIpv6, encodeIpv6 } from '../../src/wire/ipv6.ts';
import { decodePcap, encodePcap, linkTypeEthernet } from '../../src/wire/pcap.ts';
import { decodeUdp, encodeUdp } from '../../src/wire/udp.ts';
import { controlCapture, controlGoldens, farIp, farMac, hmac, nearIp, nearMac } from './golden/control.ts';
import { value } from './properties.ts';

const directory = join(import.meta.dirname, 'golden');
const near4 = parseIp('192.0.2.1') as Ipv4Address;
const far4 = parseIp('192.0.2.2') as Ipv4Address;
const near6 = parseIp('2001:db8::1') as Ipv6Address;
const far6 = parseIp('2001:db8::2') as Ipv6Address;
const near = '02:00:00:00:00:01';
const far = '02:00:00:00:00:02';
const broadcast = 'ff:ff:ff:ff:ff:ff';
const none = '00:00:00:00:00:00';

function captured(name: string): Uint8Array {
  const { linkType, packets } = value(decodePcap(new Uint8Array(readFileSync(join(directory, name)))));
  assert.equal(linkType, linkTypeEthernet);
  const [only] = packets;
  assert.ok(only !== undefined && packets.length === 1 && only.originalLength === only.bytes.length);
  return only.bytes;
}

/** The fields as an operator would read them, in the order of the type's definition. */
function inWords(frame: NeighbourFrame): string {
  const mac = (address: NeighbourFrame['source'] | undefined): string =>
    address === undefined ? '-' : formatMac(address);
  const ends = `${mac(frame.source)} > ${mac(frame.destination)}`;
  if (frame.kind === 'arp') {
    const sender = `${mac(frame.senderMac)} ${formatIp(frame.senderIp)}`;
    return `${ends} ${frame.operation} ${sender} ${mac(frame.targetMac)} ${formatIp(frame.targetIp)}`;
  }
  const target = `${ends} ${frame.kind} ${formatIp(frame.senderIp)} ${formatIp(frame.targetIp)}`;
  if (frame.kind === 'solicitation') return `${target} ${mac(frame.senderMac)}`;
  const flags = [frame.router && 'R', frame.solicited && 'S', frame.override && 'O'].filter(Boolean).join('');
  return `${target} ${mac(frame.targetMac)} ${flags}`;
}

const neighbourGoldens: Readonly<Record<string, string>> = {
  'arp-request.pcap': `${near} > ${broadcast} request ${near} 192.0.2.1 ${none} 192.0.2.2`,
  'arp-reply.pcap': `${far} > ${near} reply ${far} 192.0.2.2 ${near} 192.0.2.1`,
  'arp-announcement-request.pcap': `${near} > ${broadcast} request ${near} 192.0.2.1 ${broadcast} 192.0.2.1`,
  'arp-announcement-reply.pcap': `${near} > ${broadcast} reply ${near} 192.0.2.1 ${near} 192.0.2.1`,
  'arp-probe.pcap': `${near} > ${broadcast} request ${near} 0.0.0.0 ${broadcast} 192.0.2.9`,
  'arp-question.pcap': `${near} > ${far} request ${near} 192.0.2.1 ${none} 192.0.2.2`,
  'solicitation.pcap': `${near} > 33:33:ff:00:00:02 solicitation 2001:db8::1 2001:db8::2 ${near}`,
  'solicitation-ndisc6.pcap': `${near} > 33:33:ff:00:00:02 solicitation fe80::1 2001:db8::2 ${near}`,
  'solicitation-probe.pcap': `${near} > 33:33:ff:00:00:09 solicitation :: 2001:db8::9 -`,
  'solicitation-question.pcap': `${near} > ${far} solicitation fe80::1 2001:db8::2 ${near}`,
  'advertisement.pcap': `${far} > ${near} advertisement 2001:db8::2 2001:db8::2 ${far} SO`,
  'advertisement-unsolicited.pcap': `${far} > 33:33:00:00:00:01 advertisement 2001:db8::7 2001:db8::7 ${far} O`,
};

test('every capture is named in a test and in the README', () => {
  const files = readdirSync(directory).filter((name) => name.endsWith('.pcap'));
  const named = [
    ...Object.keys(neighbourGoldens),
    ...Object.keys(controlGoldens),
    'udp-ipv4.pcap',
    'udp-ipv6.pcap',
  ];
  assert.deepEqual(files.toSorted(), named.toSorted());
  const readme = readFileSync(join(directory, 'README.md'), 'utf8');
  for (const name of files) assert.ok(name.startsWith('control-') || readme.includes(`| ${name} `), name);
});

test('neighbour frames of the kernel, arping and ndisc6 say what they were made to say', () => {
  for (const [name, words] of Object.entries(neighbourGoldens))
    assert.equal(inWords(value(decodeNeighbourFrame(captured(name)))), words, name);
});

test('our builders make the frames of the kernel and arping, byte for byte', () => {
  assert.deepEqual(arpAnnouncementReply(nearMac, near4), captured('arp-announcement-reply.pcap'));
  assert.deepEqual(arpQuestion(nearMac, near4, farMac, far4), captured('arp-question.pcap'));
  assert.deepEqual(arpReply(farMac, far4, nearMac, near4), captured('arp-reply.pcap'));
  const linkLocal = parseIp('fe80::1') as Ipv6Address;
  assert.deepEqual(
    neighbourQuestion(nearMac, linkLocal, farMac, far6),
    captured('solicitation-question.pcap'),
  );
  const announced = parseIp('2001:db8::7') as Ipv6Address;
  const unsolicited = captured('advertisement-unsolicited.pcap');
  assert.deepEqual(unsolicitedAdvertisement(farMac, announced, false), unsolicited);
  const answer = captured('advertisement.pcap');
  const asker = value(decodeIpv6(value(decodeEthernet(answer)).payload)).destination;
  assert.deepEqual(neighbourAdvertisement(farMac, far6, false, nearMac, asker), answer);
  assert.notEqual(asker, near6, 'the kernel asked from its newest address');
});

test('our probes are those of arping and the kernel, but for what the RFCs leave open', () => {
  const probed4 = parseIp('192.0.2.9') as Ipv4Address;
  const probed6 = parseIp('2001:db8::9') as Ipv6Address;
  // RFC 5227 §2.1.1: the target hardware address is ignored, and should be zeroes; arping says ff:ff:ff:ff:ff:ff.
  const arping = captured('arp-probe.pcap');
  arping.fill(0, 32, 38);
  assert.deepEqual(arpProbe(nearMac, probed4), arping);
  // The kernel's has a nonce (RFC 7527) behind it, and so another length and another checksum.
  const [ours, kernels] = [neighbourProbe(nearMac, probed6), captured('solicitation-probe.pcap')];
  const without = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice(0, ours.length);
    for (const offset of [18, 19, 56, 57]) copy[offset] = 0;
    return copy;
  };
  assert.deepEqual(without(ours), without(kernels));
});

test('every neighbour frame is rebuilt from its parts, byte for byte', () => {
  for (const name of Object.keys(neighbourGoldens)) {
    const bytes = captured(name);
    const ethernet = value(decodeEthernet(bytes));
    if (ethernet.etherType === etherType.arp) {
      const payload = encodeArp(value(decodeArp(ethernet.payload)));
      assert.deepEqual(encodeEthernet({ ...ethernet, payload }), bytes, name);
      continue;
    }
    const packet = value(decodeIpv6(ethernet.payload));
    assert.deepEqual(encodeEthernet({ ...ethernet, payload: encodeIpv6(packet) }), bytes, name);
    // The kernel's probe carries a nonce option, which we skip and never send.
    if (name === 'solicitation-probe.pcap') continue;
    const message = value(decodeNeighbourMessage(packet));
    assert.deepEqual(
      encodeNeighbourMessage(message, packet.source, packet.destination),
      packet.payload,
      name,
    );
  }
});

test('UDP of the kernel over both families is read and rebuilt', () => {
  const hello = new TextEncoder().encode('hello');
  const four = value(decodeEthernet(captured('udp-ipv4.pcap'))).payload;
  const packet4 = value(decodeIpv4(four));
  const datagram4 = value(decodeUdp(packet4.payload, packet4.source, packet4.destination));
  assert.deepEqual([packet4.protocol, packet4.source, packet4.destination], [ipProtocol.udp, near4, far4]);
  assert.deepEqual([datagram4.destinationPort, datagram4.payload], [7169, hello]);
  const udp4 = encodeUdp(datagram4, packet4.source, packet4.destination);
  assert.deepEqual(encodeIpv4({ ...packet4, payload: udp4 }), four);

  const six = value(decodeEthernet(captured('udp-ipv6.pcap'))).payload;
  const packet6 = value(decodeIpv6(six));
  const datagram6 = value(decodeUdp(packet6.payload, packet6.source, packet6.destination));
  assert.deepEqual([packet6.nextHeader, packet6.destination], [ipProtocol.udp, far6]);
  assert.deepEqual([datagram6.destinationPort, datagram6.payload], [7169, hello]);
  const udp6 = encodeUdp(datagram6, packet6.source, packet6.destination);
  assert.deepEqual(encodeIpv6({ ...packet6, payload: udp6 }), six);
});

test('the control protocol has not changed a byte since its captures were made', () => {
  for (const [name, message] of Object.entries(controlGoldens)) {
    assert.deepEqual(controlCapture(message), new Uint8Array(readFileSync(join(directory, name))), name);
    const packet = value(decodeIpv4(value(decodeEthernet(captured(name))).payload));
    assert.deepEqual([packet.ttl, packet.source, packet.destination], [255, nearIp, farIp]);
    const { payload } = value(decodeUdp(packet.payload, packet.source, packet.destination));
    assert.deepEqual(value(decodeControl(value(unseal(payload, [hmac])))), message, name);
  }
});

test('a capture that libpcap wrote is written again, byte for byte', () => {
  const file = new Uint8Array(readFileSync(join(directory, 'arp-request.pcap')));
  assert.deepEqual(encodePcap(value(decodePcap(file))), file);
});
