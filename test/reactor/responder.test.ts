import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupLink } from '../../src/daemon/bridge.ts';
import { Responder } from '../../src/daemon/reactor/responder.ts';
import { neighbourFilter } from '../../src/linux/bpf.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import {
  formatIp,
  formatMac,
  type Ipv4Address,
  type Ipv6Address,
  type MacAddress,
  parseIp,
  parseMac,
} from '../../src/wire/address.ts';
import {
  arpAnnouncementReply,
  arpQuestion,
  arpReply,
  decodeNeighbourFrame,
  type NeighbourFrame,
  neighbourQuestion,
} from '../../src/wire/frame.ts';
import { cable, inNamespace, inPeer, ip } from '../namespace.ts';
import { untilReady } from '../readiness.ts';

inNamespace(import.meta.filename);
cable('lan0', 'eth0', 'host');
ip('link set lan0 address 02:00:5e:00:53:01');
ip('-n host link set eth0 address 02:00:5e:00:53:02');

const ours = mac('02:00:5e:00:53:01');
const theirs = mac('02:00:5e:00:53:02');
const stranger = mac('02:00:5e:00:53:99');
const shared4 = ip4('192.0.2.10');
const shared6 = ip6('2001:db8::10');
const host4 = ip4('192.0.2.101');
const host6 = ip6('2001:db8::101');

const group: GroupLink = {
  id: 7,
  role: 'member',
  interface: 'lan0',
  addresses: ['192.0.2.10', '2001:db8::10'],
  strict: false,
  standbyAddress: 'present',
  checked: false,
  memberAddresses: [{ member: 2, addresses: ['192.0.2.2'] }],
  clients: [],
};
const claims: string[] = [];
const responder = new Responder('lan0', [group], (id, address, from) => {
  claims.push(`${id} ${formatIp(address)} ${formatMac(from)}`);
});
const host = inPeer('host', () =>
  PacketSocket.open({ interface: 'eth0', filter: neighbourFilter(), ignoreOutgoing: true }),
);

function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function ip4(text: string): Ipv4Address {
  return parseIp(text) as Ipv4Address;
}

function ip6(text: string): Ipv6Address {
  return parseIp(text) as Ipv6Address;
}

/** What the host hears about the shared addresses until one frame matches. */
function heardUntil(wanted: (frame: NeighbourFrame) => boolean): NeighbourFrame[] {
  const heard: NeighbourFrame[] = [];
  while (!heard.some(wanted)) {
    untilReady(host.fd);
    host.receive((bytes) => {
      const frame = decodeNeighbourFrame(bytes);
      if (frame.ok && about(frame.value)) heard.push(frame.value);
    });
  }
  return heard;
}

function about(frame: NeighbourFrame): boolean {
  if (frame.kind === 'arp') return frame.senderIp === shared4;
  return frame.kind === 'advertisement' ? frame.targetIp === shared6 : frame.senderIp === shared6;
}

/** The host says it, and the responder reads it. */
function say(frame: Uint8Array): void {
  assert.equal(host.sendBurst([frame]), 0);
  untilReady(responder.fd);
  responder.receive();
}

const question4 = arpQuestion(theirs, host4, ours, shared4);
const question6 = neighbourQuestion(theirs, host6, ours, shared6);

test('a standby answers nobody; an active one answers ARP and solicitations, unicast ones too', () => {
  say(question4);
  say(question6);
  responder.answer(7, true);
  say(question4);
  const [first] = heardUntil((frame) => frame.kind === 'arp');
  // The first thing heard is the answer of the active one: the standby had said nothing.
  assert.ok(first?.kind === 'arp' && first.operation === 'reply');
  assert.equal(first.senderMac, ours);
  assert.equal(first.targetIp, host4);
  say(question6);
  const [second] = heardUntil((frame) => frame.kind === 'advertisement');
  assert.ok(second?.kind === 'advertisement');
  assert.deepEqual([second.targetMac, second.solicited, second.override], [ours, true, true]);
  responder.answer(7, false);
});

test('a probe for the address is answered, or somebody would take it (RFC 5227 §2.1.1, RFC 4862 §5.4.3)', () => {
  responder.answer(7, true);
  say(arpQuestion(theirs, 0 as Ipv4Address, ours, shared4));
  heardUntil((frame) => frame.kind === 'arp' && frame.operation === 'reply' && frame.targetIp === 0);
  responder.answer(7, false);
});

test('a claim by another MAC is told with its address and MAC; our own frames are none', () => {
  claims.length = 0;
  say(arpAnnouncementReply(stranger, shared4));
  say(arpReply(stranger, shared4, ours, host4));
  assert.deepEqual(claims, ['7 192.0.2.10 02:00:5e:00:53:99', '7 192.0.2.10 02:00:5e:00:53:99']);
});

test('an announcement has both ARP forms and the advertisement, and asks each host that was heard', () => {
  say(question4);
  say(question6);
  assert.equal(responder.announce(7, true), 0);
  responder.proceed();
  const heard = heardUntil((frame) => frame.kind === 'solicitation' && frame.targetIp === host6);
  const arp = heard.filter((frame) => frame.kind === 'arp');
  assert.deepEqual(
    arp.map((frame) => [frame.operation, frame.targetMac === ours, formatIp(frame.targetIp)]),
    [
      ['reply', true, '192.0.2.10'],
      ['request', false, '192.0.2.10'],
      ['request', false, '192.0.2.101'],
    ],
  );
  const advertisement = heard.find((frame) => frame.kind === 'advertisement');
  assert.ok(advertisement?.kind === 'advertisement' && advertisement.override && !advertisement.solicited);
});

test('without asking, only the broadcast forms leave; members are never asked', () => {
  say(arpQuestion(theirs, ip4('192.0.2.2'), ours, shared4));
  assert.equal(responder.announce(7, true), 0);
  responder.proceed();
  const asked = heardUntil((frame) => frame.kind === 'solicitation');
  assert.ok(asked.every((frame) => frame.kind !== 'arp' || frame.targetIp !== ip4('192.0.2.2')));
  assert.equal(responder.announce(7, false), 0);
  const plain = heardUntil((frame) => frame.kind === 'advertisement');
  assert.equal(plain.length, 3);
});

test('after a change of MAC everything said is with the new one', () => {
  ip('link set lan0 address 02:00:5e:00:53:03');
  responder.changeMac();
  assert.equal(responder.announce(7, true), 0);
  responder.proceed();
  const heard = heardUntil((frame) => frame.kind === 'solicitation');
  assert.ok(heard.every((frame) => formatMac(frame.source) === '02:00:5e:00:53:03'));
});
