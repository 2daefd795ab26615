/** Sequence numbers, packets, handshakes, the gate, the poke: everything of sessions that needs no kernel. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OutputDigest } from '../../src/sessions/digest.ts';
import { Gate } from '../../src/sessions/gate.ts';
import { Handshake } from '../../src/sessions/handshake.ts';
import { acknowledgmentOnly, decodePacket, offloadHeaderLength } from '../../src/sessions/packet.ts';
import { pokeFrame } from '../../src/sessions/poke.ts';
import { add, distance, isAfter, latest } from '../../src/sessions/sequence.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from '../../src/wire/checksum.ts';
import { decodeEthernet } from '../../src/wire/ethernet.ts';
import { decodeIpv4, ipProtocol } from '../../src/wire/ipv4.ts';
import { decodeIpv6 } from '../../src/wire/ipv6.ts';
import { tcpChecksumRight, tcpFlag } from '../../src/wire/tcp.ts';
import { encodeTcpOptions, type TcpOptions } from '../../src/wire/tcp-options.ts';
import { bytesUpTo, hex, neverThrows, refusal, u32, value } from '../wire/properties.ts';
import { client4, client6, clientMac, frame, packet, server4, server6, serverMac } from './packets.ts';

test('sequence numbers go around', () => {
  assert.equal(add(0xffff_ffff, 2), 1);
  assert.ok(isAfter(1, 0xffff_ffff));
  assert.ok(!isAfter(7, 7));
  assert.equal(latest(0xffff_fff0, 3), 3);
  const near = fc.integer({ min: -0x7fff_ffff, max: 0x7fff_ffff });
  fc.assert(
    fc.property(u32, near, (from, count) => {
      const to = add(from, count);
      assert.equal(distance(from, to), count);
      assert.equal(isAfter(to, from), count > 0);
      assert.equal(latest(from, to), count > 0 ? to : from);
    }),
  );
});

test('a packet knows its connection and where it ends', () => {
  const data = packet({ sequence: 0xffff_fffe, payload: hex('aabbcc'), flags: tcpFlag.ack | tcpFlag.fin });
  assert.equal(data.end, 2);
  assert.equal(data.flow, packet({ sequence: 5 }).flow);
  assert.notEqual(data.flow, packet({ sourcePort: 50_001 }).flow);
  assert.notEqual(data.flow, packet({}, 'ipv6').flow);
  const other = frame({});
  other[offloadHeaderLength + 14 + 9] = 17;
  assert.equal(refusal(decodePacket(other)), 'checksum');
  assert.equal(refusal(decodePacket(frame({}).slice(0, offloadHeaderLength + 14))), 'short');
  neverThrows(decodePacket, frame({}));
  neverThrows(decodePacket, frame({}, 'ipv6'));
});

test('an acknowledgment alone is the same packet without its data, with checksums of its own', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const flags = tcpFlag.ack | tcpFlag.psh | tcpFlag.fin;
    const whole = packet(
      { sequence: 7, acknowledgment: 900, payload: hex('aabb'), flags, window: 77 },
      family,
    );
    const bytes = acknowledgmentOnly(whole, 5, 400);
    const alone = value(decodePacket(bytes));
    assert.equal(alone.flow, whole.flow);
    assert.deepEqual(alone.segment, {
      ...whole.segment,
      sequence: 5,
      acknowledgment: 400,
      flags: tcpFlag.ack,
      payload: new Uint8Array(0),
    });
    const payload = bytes.subarray(offloadHeaderLength + 14 + (family === 'ipv4' ? 20 : 40));
    assert.ok(tcpChecksumRight(payload, whole.source.address, whole.destination.address));
    assert.deepEqual(bytes.subarray(0, offloadHeaderLength), new Uint8Array(offloadHeaderLength));
  }
});

const offered: TcpOptions = {
  mss: 1460,
  windowScale: 7,
  sackPermitted: true,
  sackBlocks: [],
  timestamps: { value: 1000, echo: 0 },
};
const none: TcpOptions = {
  mss: undefined,
  windowScale: undefined,
  sackPermitted: false,
  sackBlocks: [],
  timestamps: undefined,
};
const server = { windowScale: 10, sack: true, timestamps: true };
const syn = { flags: tcpFlag.syn, sequence: 0xffff_ffff };

test('a handshake gives the socket', () => {
  const begun = Handshake.begin(packet({ ...syn, options: encodeTcpOptions(offered) }));
  const options = encodeTcpOptions({ ...none, timestamps: { value: 1001, echo: 777 } });
  const plan = begun?.complete(packet({ sequence: 0, acknowledgment: 5, window: 500, options }), server);
  assert.deepEqual(plan, {
    local: { address: server4, port: 7000 },
    remote: { address: client4, port: 50_000 },
    sendSequence: 5,
    receiveSequence: 0,
    mss: 1460,
    windowScale: { theirs: 7, ours: 10 },
    sack: true,
    timestamp: 777,
    sendWindow: 500 * 128,
  });
});

test('a client that offers nothing gets nothing', () => {
  for (const [family, mss] of [
    ['ipv4', 536],
    ['ipv6', 1220],
  ] as const) {
    const plan = Handshake.begin(packet(syn, family))?.complete(
      packet({ acknowledgment: 5 }, family),
      server,
    );
    assert.ok(plan !== undefined);
    const { mss: size, windowScale, sack, timestamp, sendWindow } = plan;
    assert.deepEqual(
      { size, windowScale, sack, timestamp, sendWindow },
      { size: mss, windowScale: undefined, sack: false, timestamp: undefined, sendWindow: 500 },
    );
  }
});

test('only the packet after the SYN completes it', () => {
  const begun = Handshake.begin(packet(syn));
  assert.equal(begun?.complete(packet({ sequence: 1, acknowledgment: 5 }), server), undefined);
  assert.equal(begun?.complete(packet({ flags: 0 }), server), undefined);
  assert.equal(begun?.complete(packet({ flags: tcpFlag.ack | tcpFlag.rst }), server), undefined);
  assert.ok(begun?.repeats(packet(syn)));
  assert.ok(!begun?.repeats(packet({ ...syn, sequence: 3 })));
  assert.equal(Handshake.begin(packet({ ...syn, options: hex('02000000') })), undefined);
});

test('the gate delivers in order, nothing before the standby has it, and keeps no more than its bound', () => {
  const bound = 500;
  type Action = { readonly arrive: Uint8Array } | { readonly resolve: number };
  const action: fc.Arbitrary<Action> = fc.oneof(
    bytesUpTo(200).map((bytes) => ({ arrive: bytes })),
    fc.nat({ max: 3 }).map((count) => ({ resolve: count })),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const gate = new Gate('commit', bound);
      const committed: Uint8Array[] = [];
      const delivered: Uint8Array[] = [];
      let resolved = 0;
      let arrived = 0;
      for (const each of actions) {
        if ('arrive' in each) {
          arrived++;
          gate.arrive(each.arrive);
        } else {
          resolved = Math.min(committed.length, resolved + each.resolve);
          gate.committed(resolved);
        }
        for (const effect of gate.takeEffects())
          (effect.kind === 'commit' ? committed : delivered).push(effect.frame);
        assert.ok(gate.heldBytes <= bound);
        assert.deepEqual(delivered, committed.slice(0, resolved));
      }
      assert.equal(committed.length + gate.counts.dropped, arrived);
      gate.setMode('alone');
      gate.arrive(hex('aa'));
      for (const effect of gate.takeEffects()) delivered.push(effect.frame);
      assert.deepEqual(delivered, [...committed, hex('aa')], 'what waited comes first');
      assert.equal(gate.heldBytes, 0);
    }),
  );
  assert.throws(() => new Gate('commit', bound).committed(1), RangeError);
});

test('a poke is what RFC 6069 wants: unreachable, quoting the segment that is waited for', () => {
  const v4 = value(
    decodeIpv4(value(decodeEthernet(pokeFrame(packet({ sequence: 9 }), serverMac, 0xabcd_ef01))).payload),
  );
  assert.deepEqual([v4.source, v4.destination, v4.protocol], [server4, client4, ipProtocol.icmp]);
  assert.deepEqual([v4.payload[0], v4.payload[1]], [3, 1]);
  assert.equal(finishChecksum(sumWords(v4.payload, 0, v4.payload.length)), 0);
  const quoted4 = value(decodeIpv4(v4.payload.subarray(8)));
  assert.deepEqual(
    [quoted4.source, quoted4.destination, quoted4.protocol],
    [client4, server4, ipProtocol.tcp],
  );
  assert.deepEqual(quoted4.payload, hex('c350 1b58 abcdef01'));

  const ethernet = value(decodeEthernet(pokeFrame(packet({}, 'ipv6'), serverMac, 0xabcd_ef01)));
  assert.deepEqual([ethernet.source, ethernet.destination], [serverMac, clientMac]);
  const v6 = value(decodeIpv6(ethernet.payload));
  assert.deepEqual([v6.source, v6.destination, v6.nextHeader], [server6, client6, ipProtocol.icmpv6]);
  assert.deepEqual([v6.payload[0], v6.payload[1]], [1, 0]);
  const pseudo = pseudoHeaderSum(server6, client6, ipProtocol.icmpv6, v6.payload.length);
  assert.equal(finishChecksum(sumWords(v6.payload, 0, v6.payload.length, pseudo)), 0);
  const quoted6 = value(decodeIpv6(v6.payload.subarray(8)));
  assert.deepEqual(quoted6.payload.subarray(0, 8), hex('c350 1b58 abcdef01'));
});

test('a digest does not depend on how the output was cut, and tells outputs apart', () => {
  fc.assert(
    fc.property(bytesUpTo(60), fc.nat({ max: 60 }), fc.nat({ max: 59 }), (bytes, cut, at) => {
      const whole = new OutputDigest();
      whole.add(bytes);
      const parts = new OutputDigest();
      parts.add(bytes.subarray(0, cut));
      parts.add(bytes.subarray(cut));
      assert.deepEqual([parts.offset, parts.text], [bytes.length, whole.text]);
      if (at >= bytes.length) return;
      const other = new OutputDigest();
      other.add(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)));
      assert.notEqual(other.text, whole.text);
    }),
  );
});
