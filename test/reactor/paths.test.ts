import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReactorConfig, ReactorReport } from '../../src/daemon/bridge.ts';
import { Paths } from '../../src/daemon/reactor/paths.ts';
import { UdpSocket } from '../../src/linux/udp-socket.ts';
import { type IpAddress, parseIp } from '../../src/wire/address.ts';
import { controlLengthMax, encodeControl } from '../../src/wire/control/codec.ts';
import { type ControlMessage, ControlType, MemberState, noTerm } from '../../src/wire/control/message.ts';
import { seal, sealLength } from '../../src/wire/control/seal.ts';
import { hmacSha256 } from '../../src/wire/control/sha256.ts';
import { cable, inNamespace, inPeer, ip } from '../namespace.ts';
import { untilReady } from '../readiness.ts';

inNamespace(import.meta.filename);
cable('near0', 'far0', 'peer');
ip('address add 198.51.100.1/24 dev near0');
ip('-n peer address add 198.51.100.2/24 dev far0');
ip('-n peer address add 198.51.100.3/24 dev far0');

const key = '11'.repeat(32);
const ourBoot = 1001;
const theirBoot = 2002;
const cluster = 77;
const port = 7169;
const to = address('198.51.100.1');

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

const link = {
  peer: 2,
  path: 1,
  interface: 'near0',
  localAddress: '198.51.100.1',
  peerAddress: '198.51.100.2',
  port,
  cable: true,
  tether: false,
  hops: 0,
};
const engine = { self: 1, peers: [{ id: 2 }] };
const config = { engine, cluster, keys: [key], paths: [link] } as unknown as ReactorConfig;
const reports: ReactorReport[] = [];
const report = (one: ReactorReport): void => void reports.push(one);

/** A peer that says what the test wants; `peer.say` returns what was believed of it. */
const sockets = {
  attached: inPeer('peer', () => open('198.51.100.2', 255)),
  far: inPeer('peer', () => open('198.51.100.3', 255)),
};

function open(from: string, ttl: number): UdpSocket {
  return UdpSocket.open({ interface: 'far0', localAddress: address(from), port, ttl });
}

function sealed(changes: Partial<ControlMessage>, secret = key): Buffer {
  const buffer = new Uint8Array(controlLengthMax + sealLength);
  const length = encodeControl(
    {
      type: ControlType.heartbeat,
      flags: 0,
      cluster,
      sender: 2,
      receiver: 1,
      path: 1,
      senderBoot: theirBoot,
      echoBoot: ourBoot,
      sequence: 1,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs: 2000,
      groups: [],
      target: 0,
      ...changes,
    },
    buffer,
  );
  return Buffer.from(buffer.subarray(0, seal(buffer, length, hmacSha256(Buffer.from(secret, 'hex')))));
}

/** One datagram from the peer: what was believed, and what was counted. */
function judge(
  paths: Paths,
  bytes: Uint8Array,
  socket = sockets.attached,
): { believed: number; counted: string[] } {
  const [ours] = paths.sockets();
  assert.ok(ours !== undefined);
  const before = new Map(paths.refused);
  assert.equal(socket.send(bytes, bytes.length, to, port), 0);
  untilReady(ours.fd);
  let believed = 0;
  paths.receive(ours, () => {
    believed++;
  });
  const counted = [...paths.refused]
    .filter(([reason, count]) => count !== before.get(reason))
    .map(([reason]) => reason);
  return { believed, counted };
}

const paths = new Paths(config, ourBoot, report);

test('what passes all five gates is believed, once', () => {
  assert.deepEqual(judge(paths, sealed({ sequence: 5 })), { believed: 1, counted: [] });
  assert.deepEqual(judge(paths, sealed({ sequence: 5 })), { believed: 0, counted: ['replayed'] });
});

test('everything else is counted by its reason and changes nothing', () => {
  const cases: [string, Uint8Array][] = [
    ['forged', sealed({ sequence: 6 }, '22'.repeat(32))],
    ['foreignCluster', sealed({ sequence: 6, cluster: 78 })],
    ['reflected', sealed({ sequence: 6, sender: 1, receiver: 2, senderBoot: ourBoot })],
    ['wrongPath', sealed({ sequence: 6, path: 2 })],
    ['notForUs', sealed({ sequence: 6, receiver: 3 })],
    ['short', Buffer.from('hello')],
  ];
  for (const [reason, bytes] of cases) {
    assert.deepEqual(judge(paths, bytes), { believed: 0, counted: [reason] });
  }
  assert.deepEqual(reports, []);
});

test('another machine that says it is we, or the peer, is reported with its address, and not again at once', () => {
  const asWe = sealed({ sequence: 6, sender: 1, receiver: 2, senderBoot: 9 });
  const asPeer = sealed({ sequence: 6, senderBoot: 9 });
  assert.deepEqual(judge(paths, asWe), { believed: 0, counted: ['sameNode'] });
  assert.deepEqual(judge(paths, asWe), { believed: 0, counted: ['sameNode'] });
  assert.deepEqual(judge(paths, sealed({ sequence: 6 }, '22'.repeat(32)), sockets.far), {
    believed: 0,
    counted: ['unknownSender'],
  });
  const other = new Paths({ ...config, paths: [{ ...link, port: 7172 }] }, ourBoot, report);
  const far = inPeer('peer', () =>
    UdpSocket.open({ interface: 'far0', localAddress: address('198.51.100.3'), port: 7172 }),
  );
  for (const bytes of [asPeer, asPeer]) {
    assert.equal(far.send(bytes, bytes.length, to, 7172), 0);
    const [socket] = other.sockets();
    assert.ok(socket !== undefined);
    untilReady(socket.fd);
    other.receive(socket, () => assert.fail('believed'));
  }
  other.close();
  far.close();
  assert.deepEqual(reports, [
    { code: 'twin', node: 1, address: '198.51.100.2' },
    { code: 'twin', node: 2, address: '198.51.100.3' },
  ]);
});

test('a datagram from before our restart has the wrong echo: it introduces, and is not believed', () => {
  const restarted = new Paths({ ...config, paths: [{ ...link, port: 7171 }] }, 3003, report);
  const peer = inPeer('peer', () =>
    UdpSocket.open({ interface: 'far0', localAddress: address('198.51.100.2'), port: 7171 }),
  );
  const bytes = sealed({ sequence: 9 });
  assert.equal(peer.send(bytes, bytes.length, to, 7171), 0);
  const [socket] = restarted.sockets();
  assert.ok(socket !== undefined);
  untilReady(socket.fd);
  restarted.receive(socket, () => assert.fail('believed'));
  assert.deepEqual([...restarted.refused], [['introduced', 1]]);
  restarted.close();
});

test('an unknown sender, and one that a router stands before, are not heard', () => {
  assert.deepEqual(judge(paths, sealed({ sequence: 7 }), sockets.far), {
    believed: 0,
    counted: ['unknownSender'],
  });
  sockets.attached.close();
  const routed = inPeer('peer', () => open('198.51.100.2', 254));
  assert.deepEqual(judge(paths, sealed({ sequence: 8 }), routed), { believed: 0, counted: ['tooManyHops'] });
  routed.close();
});

test('two keys: both open, so that a key can be changed one member at a time', () => {
  paths.close();
  const both = new Paths({ ...config, keys: ['22'.repeat(32), key] }, ourBoot, report);
  const peer = inPeer('peer', () => open('198.51.100.2', 255));
  assert.deepEqual(judge(both, sealed({ sequence: 1 }), peer), { believed: 1, counted: [] });
  assert.deepEqual(judge(both, sealed({ sequence: 2 }, '22'.repeat(32)), peer), { believed: 1, counted: [] });
});
