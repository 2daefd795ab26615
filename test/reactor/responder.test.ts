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
import { encodeEthernet } from '../../src/wire/ethernet.ts';
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
import { cable, inNamespace, inPeer, ip } from '../namespace.ts';
import { untilReady } from '../readiness.ts';

inNamespace(import.meta.filename);
cable('lan0', 'eth0', 'host');
// The host's kernel says nothing by itself.
ip('netns exec host sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1');
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
/** Groups of which somebody with a lower MAC asked for an address, and nodes that were heard. */
const told: string[] = [];
let passed = 0;
const responder = new Responder('lan0', [group], {
  claimed: ({ group: id, address, mac: from, how }) =>
    claims.push(`${id} ${formatIp(address)} ${formatMac(from)} ${how}`),
  rivalled: (id) => told.push(`rival ${id}`),
  placed: (address, from) => told.push(`${formatIp(address)} is ${formatMac(from)}`),
  passes: () => passed++,
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

test('a claim by another MAC is told with its address, its MAC and its kind; our own frames are none', () => {
  claims.length = 0;
  say(arpAnnouncementReply(stranger, shared4));
  say(arpReply(stranger, shared4, ours, host4));
  say(arpQuestion(stranger, shared4, ours, host4));
  say(unsolicitedAdvertisement(stranger, shared6, false));
  say(neighbourAdvertisement(stranger, shared6, false, ours, host6));
  say(neighbourQuestion(stranger, shared6, ours, host6));
  const who = (address: string, how: string): string => `7 ${address} 02:00:5e:00:53:99 ${how}`;
  assert.deepEqual(
    claims,
    ['192.0.2.10', '2001:db8::10'].flatMap((address) =>
      ['announcement', 'answer', 'question'].map((how) => who(address, how)),
    ),
  );
});

test('a probe for the address is told as one, and as a rival’s where its MAC is lower than ours', () => {
  [claims, told].map((list) => list.splice(0));
  const lower = mac('02:00:5e:00:53:00');
  say(arpProbe(stranger, shared4));
  say(neighbourProbe(stranger, shared6));
  assert.deepEqual(told, []);
  say(arpProbe(lower, shared4));
  say(neighbourProbe(lower, shared6));
  assert.deepEqual(told, ['rival 7', 'rival 7']);
  assert.deepEqual(claims, [
    '7 192.0.2.10 02:00:5e:00:53:99 probe',
    '7 2001:db8::10 02:00:5e:00:53:99 probe',
    '7 192.0.2.10 02:00:5e:00:53:00 probe',
    '7 2001:db8::10 02:00:5e:00:53:00 probe',
  ]);
});

test('a member is placed by what it says of itself', () => {
  told.length = 0;
  say(arpQuestion(stranger, ip4('192.0.2.2'), ours, host4));
  assert.deepEqual(told, ['192.0.2.2 is 02:00:5e:00:53:99']);
});

test('it asks whether anybody has the addresses, once each', () => {
  assert.equal(responder.probe(7), 0);
  const isOurs = (frame: NeighbourFrame): boolean => frame.kind !== 'advertisement' && frame.source === ours;
  const probes: string[] = [];
  while (probes.length < 2) {
    untilReady(host.fd);
    host.receive((bytes) => {
      const frame = decodeNeighbourFrame(bytes);
      if (frame.ok && isOurs(frame.value))
        probes.push(
          `${frame.value.kind} ${formatIp(frame.value.senderIp)} ${formatIp(frame.value.targetIp)}`,
        );
    });
  }
  assert.deepEqual(probes, ['arp 0.0.0.0 192.0.2.10', 'solicitation :: 2001:db8::10']);
});

test('the first frame after the carrier is told once, whatever it is; what only a switch says is none', () => {
  const frame = (destination: string, payload: Uint8Array): Uint8Array =>
    encodeEthernet({ destination: mac(destination), source: theirs, etherType: 0x88b5, payload });
  const nothing = new Uint8Array(46);
  passed = 0;
  responder.awaitTraffic();
  // Spanning tree, LLDP, and Cisco's per-VLAN spanning tree; another socket tells that they have arrived.
  const switchs = ['01:80:c2:00:00:00', '01:80:c2:00:00:0e', '01:00:0c:cc:cc:cd'];
  const other = PacketSocket.open({ interface: 'lan0', ignoreOutgoing: true });
  assert.equal(host.sendBurst(switchs.map((own) => frame(own, nothing))), 0);
  for (let arrived = 0; arrived < switchs.length; ) {
    untilReady(other.fd);
    arrived += other.receive(() => undefined);
  }
  other.close();
  responder.receive();
  assert.equal(passed, 0);
  say(frame('02:00:5e:00:53:01', nothing));
  assert.equal(passed, 1);
  say(question4);
  assert.equal(passed, 1);
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

test('against claims, only what was claimed is announced again', () => {
  responder.answer(7, true);
  say(arpAnnouncementReply(stranger, shared4));
  assert.equal(responder.announce(7, false), 0);
  assert.equal(responder.announce(7, true), 0);
  const heard = heardUntil((frame) => frame.kind === 'advertisement');
  responder.answer(7, false);
  const kinds = heard.map((frame) => (frame.kind === 'arp' ? frame.operation : frame.kind));
  assert.deepEqual(kinds, ['reply', 'request', 'reply', 'request', 'advertisement']);
});

test('after a change of MAC everything said is with the new one', () => {
  ip('link set lan0 address 02:00:5e:00:53:03');
  responder.changeMac();
  assert.equal(responder.announce(7, true), 0);
  responder.proceed();
  const heard = heardUntil((frame) => frame.kind === 'solicitation');
  assert.ok(heard.every((frame) => formatMac(frame.source) === '02:00:5e:00:53:03'));
});
