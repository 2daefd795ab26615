import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  allNodes,
  broadcastMac,
  type Ipv6Address,
  ipv6MulticastMac,
  solicitedNode,
  unspecifiedIpv4,
  unspecifiedIpv6,
} from '../../src/wire/address.ts';
import { encodeEthernet, etherType } from '../../src/wire/ethernet.ts';
import {
  arpAnnouncementReply,
  arpAnnouncementRequest,
  arpProbe,
  arpQuestion,
  arpReply,
  decodeNeighbourFrame,
  neighbourAdvertisement,
  neighbourProbe,
  neighbourQuestion,
  unsolicitedAdvertisement,
} from '../../src/wire/frame.ts';
import { encodeNeighbourMessage, type NeighbourMessage } from '../../src/wire/icmpv6.ts';
import { encodeIpv6 } from '../../src/wire/ipv6.ts';
import { farIp, farMac, nearIp, nearMac } from './golden/control.ts';
import {
  hex,
  ipv4,
  ipv6,
  mac,
  neverThrows,
  refusal,
  refusesTruncations,
  value,
  withByte,
} from './properties.ts';

const near6 = 0x2001_0db8_0000_0000_0000_0000_0000_0001n as Ipv6Address;
const far6 = 0x2001_0db8_0000_0000_0000_0000_0000_0002n as Ipv6Address;

/** An ICMPv6 message with any checksum made right, in a frame. */
function discoveryFrame(
  icmp: Uint8Array,
  options: { source?: Ipv6Address; destination?: Ipv6Address; hopLimit?: number; nextHeader?: number } = {},
): Uint8Array {
  const { source = near6, destination = far6, hopLimit = 255, nextHeader = 58 } = options;
  const payload = encodeIpv6({
    trafficClass: 0,
    flowLabel: 0,
    nextHeader,
    hopLimit,
    source,
    destination,
    payload: icmp,
  });
  return encodeEthernet({ destination: farMac, source: nearMac, etherType: etherType.ipv6, payload });
}

/** The message with `change` applied to its bytes and the checksum adjusted to it (RFC 1624). */
function altered(icmp: Uint8Array, change: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const bytes = change(icmp.slice());
  const sum = (block: Uint8Array): number => {
    let total = block.length;
    for (let offset = 0; offset < block.length; offset += 2) {
      if (offset !== 2) total += ((block[offset] ?? 0) << 8) | (block[offset + 1] ?? 0);
    }
    return total;
  };
  const old = ((icmp[2] ?? 0) << 8) | (icmp[3] ?? 0);
  const checksum = (((old + sum(icmp) - sum(bytes)) % 0xffff) + 0xffff) % 0xffff;
  return withByte(withByte(bytes, 2, checksum >>> 8), 3, checksum & 0xff);
}

const solicitation: NeighbourMessage = { kind: 'solicitation', target: far6, linkLayer: nearMac };
const advertisement: NeighbourMessage = {
  kind: 'advertisement',
  target: near6,
  linkLayer: nearMac,
  router: true,
  solicited: true,
  override: true,
};
const question = encodeNeighbourMessage(solicitation, near6, far6);

test("the announcement by reply is the patent's, bytes for bytes", () => {
  const bytes = hex(`ffffffffffff 020000000001 0806 0001 0800 06 04 0002
    020000000001 c6336401 020000000001 c6336401`);
  assert.deepEqual(arpAnnouncementReply(nearMac, nearIp), bytes);
  assert.deepEqual(value(decodeNeighbourFrame(bytes)), {
    kind: 'arp',
    operation: 'reply',
    source: nearMac,
    destination: broadcastMac,
    senderMac: nearMac,
    senderIp: nearIp,
    targetMac: nearMac,
    targetIp: nearIp,
  });
});

test('ARP builders come back as what they were asked for', () => {
  const zero = 0;
  fc.assert(
    fc.property(mac, ipv4, mac, ipv4, (own, ownIp, host, hostIp) => {
      const common = { kind: 'arp', source: own, senderMac: own, senderIp: ownIp };
      assert.deepEqual(value(decodeNeighbourFrame(arpAnnouncementRequest(own, ownIp))), {
        ...common,
        operation: 'request',
        destination: broadcastMac,
        targetMac: zero,
        targetIp: ownIp,
      });
      assert.deepEqual(value(decodeNeighbourFrame(arpQuestion(own, ownIp, host, hostIp))), {
        ...common,
        operation: 'request',
        destination: host,
        targetMac: zero,
        targetIp: hostIp,
      });
      assert.deepEqual(value(decodeNeighbourFrame(arpReply(own, ownIp, host, hostIp))), {
        ...common,
        operation: 'reply',
        destination: host,
        targetMac: host,
        targetIp: hostIp,
      });
    }),
  );
});

test('neighbour discovery builders come back as what they were asked for', () => {
  const unicast = ipv6.filter((address) => address >> 120n !== 0xffn && address !== unspecifiedIpv6);
  fc.assert(
    fc.property(mac, unicast, mac, unicast, fc.boolean(), (own, ownIp, host, hostIp, router) => {
      const common = { source: own, senderIp: ownIp };
      const said = { kind: 'advertisement', targetIp: ownIp, targetMac: own, router, override: true };
      const toAll = { ...common, ...said, destination: ipv6MulticastMac(allNodes), solicited: false };
      assert.deepEqual(value(decodeNeighbourFrame(unsolicitedAdvertisement(own, ownIp, router))), toAll);
      const toProbe = neighbourAdvertisement(own, ownIp, router, host, unspecifiedIpv6);
      assert.deepEqual(value(decodeNeighbourFrame(toProbe)), toAll);
      const answer = neighbourAdvertisement(own, ownIp, router, host, hostIp);
      const toHost = { ...common, ...said, destination: host, solicited: true };
      assert.deepEqual(value(decodeNeighbourFrame(answer)), toHost);
      assert.deepEqual(value(decodeNeighbourFrame(neighbourQuestion(own, ownIp, host, hostIp))), {
        ...common,
        kind: 'solicitation',
        destination: host,
        targetIp: hostIp,
        senderMac: own,
      });
    }),
  );
});

test('a probe asks for the address without a source, so that no table changes (RFC 5227 §2.1.1, RFC 4862 §5.4.2)', () => {
  const unicast = ipv6.filter((address) => address >> 120n !== 0xffn);
  fc.assert(
    fc.property(mac, ipv4, unicast, (own, ip4, ip6) => {
      assert.deepEqual(value(decodeNeighbourFrame(arpProbe(own, ip4))), {
        ...{ kind: 'arp', operation: 'request', source: own, destination: broadcastMac },
        ...{ senderMac: own, senderIp: unspecifiedIpv4, targetMac: 0, targetIp: ip4 },
      });
      assert.deepEqual(value(decodeNeighbourFrame(neighbourProbe(own, ip6))), {
        ...{ kind: 'solicitation', source: own, destination: ipv6MulticastMac(solicitedNode(ip6)) },
        ...{ senderIp: unspecifiedIpv6, senderMac: undefined, targetIp: ip6 },
      });
    }),
  );
});

test('every frame cut short is refused', () => {
  refusesTruncations(arpQuestion(nearMac, nearIp, farMac, farIp), decodeNeighbourFrame, ['short']);
  refusesTruncations(neighbourQuestion(nearMac, near6, farMac, far6), decodeNeighbourFrame, ['short']);
});

test('no bytes make the decoder throw', () => {
  neverThrows(decodeNeighbourFrame, arpQuestion(nearMac, nearIp, farMac, farIp));
  neverThrows(decodeNeighbourFrame, neighbourQuestion(nearMac, near6, farMac, far6));
  neverThrows(decodeNeighbourFrame, neighbourProbe(nearMac, near6));
});

test('what RFC 4861 §7.1 calls invalid is refused, with the reason', () => {
  const refuses = (reason: string, frame: Uint8Array): void =>
    assert.equal(refusal(decodeNeighbourFrame(frame)), reason);
  refuses('hopLimit', discoveryFrame(question, { hopLimit: 254 }));
  refuses('nextHeader', discoveryFrame(question, { nextHeader: 0 }));
  refuses('checksum', discoveryFrame(withByte(question, 31, 9)));
  refuses('short', discoveryFrame(question.slice(0, 23)));
  refuses('type', discoveryFrame(altered(question, (bytes) => withByte(bytes, 0, 134))));
  refuses('code', discoveryFrame(altered(question, (bytes) => withByte(bytes, 1, 1))));
  refuses('target', discoveryFrame(altered(question, (bytes) => withByte(bytes, 8, 0xff))));
  refuses('option', discoveryFrame(altered(question, (bytes) => withByte(bytes, 25, 0))));
  refuses('option', discoveryFrame(altered(question, (bytes) => withByte(bytes, 25, 2))));
  refuses('option', discoveryFrame(altered(question, (bytes) => bytes.slice(0, 26))));
  const long = (bytes: Uint8Array): Uint8Array =>
    new Uint8Array([...withByte(bytes, 25, 2), ...new Uint8Array(8)]);
  refuses('option', discoveryFrame(altered(question, long)));
  refuses('etherType', withByte(arpQuestion(nearMac, nearIp, farMac, farIp), 13, 0x07));
});

test('a probe names no link-layer address and goes to the group of its target', () => {
  const group = solicitedNode(far6);
  const bare: NeighbourMessage = { kind: 'solicitation', target: far6, linkLayer: undefined };
  const probe = (message: NeighbourMessage, destination: Ipv6Address): Uint8Array =>
    discoveryFrame(encodeNeighbourMessage(message, unspecifiedIpv6, destination), {
      source: unspecifiedIpv6,
      destination,
    });
  const good = value(decodeNeighbourFrame(probe(bare, group)));
  assert.ok(
    good.kind === 'solicitation' && good.senderIp === unspecifiedIpv6 && good.senderMac === undefined,
  );
  assert.equal(refusal(decodeNeighbourFrame(probe(solicitation, group))), 'probe');
  assert.equal(refusal(decodeNeighbourFrame(probe(bare, far6))), 'probe');
});

test('an advertisement to a group does not claim to be solicited', () => {
  const icmp = encodeNeighbourMessage(advertisement, near6, allNodes);
  assert.equal(
    refusal(decodeNeighbourFrame(discoveryFrame(icmp, { destination: allNodes }))),
    'solicitedGroup',
  );
});

test('options that are not understood are skipped, and of two the first counts', () => {
  const before = (bytes: Uint8Array): Uint8Array =>
    new Uint8Array([...bytes.slice(0, 24), ...hex('0e01 112233445566'), ...bytes.slice(24)]);
  const after = (bytes: Uint8Array): Uint8Array => new Uint8Array([...bytes, ...hex('0101 020000000009')]);
  for (const change of [before, after]) {
    const frame = value(decodeNeighbourFrame(discoveryFrame(altered(question, change))));
    assert.ok(frame.kind === 'solicitation' && frame.senderMac === nearMac);
  }
});
