import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cable, inNamespace, inPeer, ip } from '../../test/namespace.ts';
import { untilReady } from '../../test/readiness.ts';
import { formatIp, type IpAddress, parseIp } from '../wire/address.ts';
import { UdpSocket } from './udp-socket.ts';

inNamespace(import.meta.filename);
cable('near0', 'far0', 'peer');
ip('addr add 192.0.2.1/24 dev near0');
ip('addr add 2001:db8::1/64 dev near0 nodad');
ip('addr add fe80::5e:1/64 dev near0 nodad');
ip('-n peer addr add 192.0.2.2/24 dev far0');
ip('-n peer addr add 2001:db8::2/64 dev far0 nodad');
ip('-n peer addr add fe80::5e:2/64 dev far0 nodad');

const port = 7169;

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

interface Heard {
  readonly text: string;
  readonly from: string;
  readonly port: number;
  readonly ttl: number;
}

function collect(socket: UdpSocket, count: number): Heard[] {
  const heard: Heard[] = [];
  while (heard.length < count) {
    untilReady(socket.fd);
    socket.receive((bytes, from, fromPort, ttl) => {
      heard.push({ text: Buffer.from(bytes).toString(), from: formatIp(from), port: fromPort, ttl });
    });
  }
  return heard;
}

function pair(near: string, far: string, ttl?: number): { near: UdpSocket; far: UdpSocket } {
  return {
    near: UdpSocket.open({
      interface: 'near0',
      localAddress: address(near),
      port,
      ...(ttl === undefined ? {} : { ttl }),
    }),
    far: inPeer('peer', () => UdpSocket.open({ interface: 'far0', localAddress: address(far), port })),
  };
}

for (const [near, far] of [
  ['192.0.2.1', '192.0.2.2'],
  ['2001:db8::1', '2001:db8::2'],
  ['fe80::5e:1', 'fe80::5e:2'],
] as const) {
  test(`datagrams from ${near} arrive whole, with sender and hop count`, () => {
    const sockets = pair(near, far);
    const bytes = Buffer.from('heartbeat, and what follows it');
    assert.equal(sockets.near.send(bytes, 9, address(far), port), 0);
    assert.deepEqual(collect(sockets.far, 1), [{ text: 'heartbeat', from: near, port, ttl: 255 }]);
    assert.equal(sockets.far.send(bytes, bytes.length, address(near), port), 0);
    assert.deepEqual(collect(sockets.near, 1), [{ text: bytes.toString(), from: far, port, ttl: 255 }]);
    sockets.near.close();
    sockets.far.close();
  });

  test(`a smaller hop count from ${near} shows`, () => {
    const sockets = pair(near, far, 254);
    assert.equal(sockets.near.send(Buffer.from('x'), 1, address(far), port), 0);
    assert.equal(collect(sockets.far, 1)[0]?.ttl, 254);
    sockets.near.close();
    sockets.far.close();
  });

  test(`a hundred datagrams from ${near} arrive in order with their own lengths`, () => {
    const sockets = pair(near, far);
    const texts = Array.from({ length: 100 }, (_, index) => 'n'.repeat(index % 7) + index);
    for (const text of texts)
      assert.equal(sockets.near.send(Buffer.from(text), text.length, address(far), port), 0);
    assert.deepEqual(
      collect(sockets.far, 100).map(({ text }) => text),
      texts,
    );
    sockets.near.close();
    sockets.far.close();
  });
}

test('a refused port (ICMP) is no event', () => {
  const { near, far } = pair('192.0.2.1', '192.0.2.2');
  far.close();
  for (let round = 0; round < 3; round++)
    assert.equal(near.send(Buffer.from('x'), 1, address('192.0.2.2'), port), 0);
  assert.equal(
    near.receive(() => assert.fail()),
    0,
  );
  near.close();
});

for (const [family, near, far, add] of [
  ['IPv4', '192.0.2.7', '192.0.2.2', 'addr add 192.0.2.7/24 dev near0'],
  ['IPv6', '2001:db8::7', '2001:db8::2', 'addr add 2001:db8::7/64 dev near0 nodad'],
] as const) {
  test(`a path opens before its ${family} address is here, and comes to life with it`, () => {
    const sockets = pair(near, far);
    sockets.near.send(Buffer.from('early'), 5, address(far), port);
    ip(add);
    assert.equal(sockets.far.send(Buffer.from('to'), 2, address(near), port), 0);
    assert.equal(collect(sockets.near, 1)[0]?.text, 'to');
    assert.equal(sockets.near.send(Buffer.from('fro'), 3, address(far), port), 0);
    let heard: Heard | undefined;
    while (heard?.text !== 'fro') heard = collect(sockets.far, 1).at(-1);
    assert.equal(heard.from, near);
    sockets.near.close();
    sockets.far.close();
  });
}

test('a path opens while its IPv6 address is tentative', () => {
  ip('addr add 2001:db8::8/64 dev near0');
  assert.match(ip('-6 addr show dev near0'), /2001:db8::8\/64 .*tentative/);
  UdpSocket.open({ interface: 'near0', localAddress: address('2001:db8::8'), port }).close();
});

test('an interface that is not here says what to do', () => {
  assert.throws(() => UdpSocket.open({ interface: 'lan9', localAddress: address('192.0.2.1'), port }), {
    code: 'operationFailed',
    errno: 'ENODEV',
    subject: '192.0.2.1 port 7169 on lan9',
    remedy: /lo, near0/,
  });
});

test('a flood is handed over in parts', () => {
  const { near, far } = pair('192.0.2.1', '192.0.2.2');
  for (let sent = 0; sent < 150; sent++)
    assert.equal(near.send(Buffer.from('x'), 1, address('192.0.2.2'), port), 0);
  const receive = (): number => far.receive(() => undefined);
  untilReady(far.fd);
  assert.deepEqual([receive(), receive(), receive(), receive()], [64, 64, 22, 0]);
  near.close();
  far.close();
});

test('a send that cannot leave gives an error number, and hearing goes on', () => {
  const { near, far } = pair('192.0.2.1', '192.0.2.2');
  ip('link set near0 down');
  assert.notEqual(near.send(Buffer.from('x'), 1, address('192.0.2.2'), port), 0);
  assert.equal(
    near.receive(() => assert.fail()),
    0,
  );
  ip('link set near0 up');
  assert.equal(near.send(Buffer.from('y'), 1, address('192.0.2.2'), port), 0);
  assert.equal(collect(far, 1)[0]?.text, 'y');
  near.close();
  far.close();
});
