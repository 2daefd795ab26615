import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inNamespace, ip } from '../../test/namespace.ts';
import { type IpAddress, parseIp } from '../wire/address.ts';
import { EAGAIN } from './errno.ts';
import { announcedWindowScale, ServiceListener, ServiceSocket } from './service-socket.ts';
import { openRepaired, type RepairedConnection, setTimestampClock, timestampClock } from './tcp-repair.ts';

inNamespace(import.meta.filename);
ip('addr add 192.0.2.1/32 dev lo');
ip('addr add 192.0.2.10/32 dev lo');
ip('addr add 2001:db8::1/128 dev lo nodad');
ip('addr add 2001:db8::10/128 dev lo nodad');

const address = (text: string): IpAddress => {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
};
const server = { address: address('192.0.2.10'), port: 7000 };
const client = { address: address('192.0.2.1'), port: 50_000 };
const atServer: RepairedConnection = {
  local: server,
  remote: client,
  sendSequence: 0xffff_ff00,
  receiveSequence: 1000,
  mss: 1460,
  windowScale: { theirs: 7, ours: 10 },
  sack: true,
  timestamp: 5000,
  sendWindow: 64_000,
  receiveWindow: 1 << 20,
};
const atClient: RepairedConnection = {
  ...atServer,
  local: client,
  remote: server,
  sendSequence: atServer.receiveSequence,
  receiveSequence: atServer.sendSequence,
  windowScale: { theirs: 10, ours: 7 },
};

function pair(...ends: readonly [RepairedConnection, RepairedConnection]): [ServiceSocket, ServiceSocket] {
  return [new ServiceSocket(openRepaired(ends[0])), new ServiceSocket(openRepaired(ends[1]))];
}

/** Sends `length` bytes one way and reads them; the bytes that arrived. */
async function transfer(from: ServiceSocket, to: ServiceSocket, bytes: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sent = 0;
  for (let received = 0; received < bytes.length; ) {
    if (sent < bytes.length) {
      const count = from.write(bytes.subarray(sent));
      assert.ok(count > 0 || count === -EAGAIN, `write: ${count}`);
      sent += Math.max(0, count);
    }
    const piece = Buffer.alloc(1 << 16);
    const count = to.read(piece);
    assert.ok(count > 0 || count === -EAGAIN, `read: ${count}`);
    if (count > 0) pieces.push(piece.subarray(0, count));
    received += Math.max(0, count);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Buffer.concat(pieces);
}

test('two sockets that never met go on with a connection, both ways, over the end of the numbers', async () => {
  const v6: [RepairedConnection, RepairedConnection] = [
    {
      ...atServer,
      local: { ...server, address: address('2001:db8::10') },
      remote: { ...client, address: address('2001:db8::1') },
    },
    {
      ...atClient,
      remote: { ...server, address: address('2001:db8::10') },
      local: { ...client, address: address('2001:db8::1') },
    },
  ];
  const bare = {
    windowScale: undefined,
    sack: false,
    timestamp: undefined,
    sendWindow: 1000,
    receiveWindow: 65_535,
  };
  const plain: [RepairedConnection, RepairedConnection] = [
    { ...atServer, ...bare },
    { ...atClient, ...bare },
  ];
  for (const ends of [[atServer, atClient] as const, v6, plain]) {
    const [one, other] = pair(...ends);
    const bytes = Buffer.from(Uint32Array.from({ length: 50_000 }, (_, index) => index).buffer);
    assert.ok((await transfer(one, other, bytes)).equals(bytes));
    assert.ok((await transfer(other, one, bytes)).equals(bytes));
    const facts = one.facts();
    assert.deepEqual([facts.sent, facts.received, facts.unsent], [bytes.length, bytes.length, 0]);
    // Room for timestamps is kept also where there are none.
    assert.equal(facts.segmentSize, 1460 - 12, 'segments are as large as the handshake allowed');
    one.finish();
    other.finish();
    const rest = Buffer.alloc(10);
    while (other.read(rest) === -EAGAIN) await new Promise((resolve) => setImmediate(resolve));
    one.close();
    other.close();
  }
});

test('the socket stands beside a listener, which can be opened again', () => {
  const listener = ServiceListener.open({ ...server, backlog: 1 });
  const socket = new ServiceSocket(openRepaired({ ...atServer, remote: { ...client, port: 50_001 } }));
  listener.close();
  ServiceListener.open({ ...server, backlog: 1 }).close();
  socket.close();
});

test('the timestamp clock starts where it is told and can be put forward; it counts milliseconds', () => {
  const fd = openRepaired({ ...atServer, timestamp: 123_456, remote: { ...client, port: 50_002 } });
  const first = timestampClock(fd);
  assert.ok(first >= 123_456 && first < 123_456 + 2000, `${first}`);
  setTimestampClock(fd, 999_999);
  const second = timestampClock(fd);
  assert.ok(second >= 999_999 && second < 999_999 + 2000, `${second}`);
  new ServiceSocket(fd).close();
});

test('what is refused is said with the way out', () => {
  const elsewhere = { address: address('198.51.100.9'), port: 7000 };
  assert.throws(() => openRepaired({ ...atServer, local: elsewhere }), {
    operation: 'bind TCP socket',
    errno: 'EADDRNOTAVAIL',
    subject: '198.51.100.9 port 7000 to 192.0.2.1 port 50000',
    remedy: /must be on this machine/,
  });
  const twice = { ...atServer, remote: { ...client, port: 50_003 } };
  const fd = openRepaired(twice);
  assert.throws(() => openRepaired(twice), { operation: 'connect TCP in repair', errno: 'EADDRNOTAVAIL' });
  new ServiceSocket(fd).close();
});

test('this kernel announces a window scale that RFC 7323 allows, the same each time', () => {
  const loopback = address('127.0.0.1');
  const scale = announcedWindowScale(loopback);
  assert.ok(scale >= 0 && scale <= 14);
  assert.equal(announcedWindowScale(loopback), scale);
});
