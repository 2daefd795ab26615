import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { after, type TestContext, test } from 'node:test';
import { inNamespace, ip } from '../../test/namespace.ts';
import { type IpAddress, type Ipv4Address, parseIp } from '../wire/address.ts';
import { encodeIpv4, ipProtocol } from '../wire/ipv4.ts';
import { encodeTcp, tcpFlag } from '../wire/tcp.ts';
import { ServiceListener, ServiceSocket } from './service-socket.ts';
import { destroyTcpSockets, destroyUdpSockets, forgetHandshakes } from './sockdiag.ts';
import { openRepaired } from './tcp-repair.ts';
import { Tun } from './tun.ts';

inNamespace(import.meta.filename);

ip('addr add 192.0.2.10/32 dev lo');
ip('addr add 192.0.2.11/32 dev lo');
ip('addr add 2001:db8::10/128 dev lo nodad');

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

/** A connection to `host`: the server's end and the client's, whose own address is another. */
async function connection(
  listenOn: string,
  host: string,
  from: string,
): Promise<{ server: Server; near: Socket; far: Socket }> {
  const server = createServer();
  servers.push(server);
  server.listen(0, listenOn);
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === 'object');
  const far = connect({ host, port: bound.port, localAddress: from });
  far.on('error', () => {});
  const [near] = (await once(server, 'connection')) as [Socket];
  return { server, near, far };
}

async function ending(socket: Socket): Promise<string | undefined> {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return error.code;
}

for (const [what, listenOn, host, from] of [
  ['IPv4', '192.0.2.10', '192.0.2.10', '192.0.2.11'],
  ['IPv6', '2001:db8::10', '2001:db8::10', '::1'],
  ['an IPv4 address of an IPv6 socket', '::', '192.0.2.10', '192.0.2.11'],
] as const) {
  test(`connections are destroyed, listeners live on: ${what}`, async () => {
    const { server, near, far } = await connection(listenOn, host, from);
    const ended = ending(near);
    assert.equal(destroyTcpSockets(address(host)), 1);
    assert.equal(await ended, 'ECONNABORTED');
    far.destroy();
    const port = (server.address() as { port: number }).port;
    const again = connect({ host, port, localAddress: from });
    await once(again, 'connect');
    again.destroy();
  });
}

test('other addresses are left alone', async () => {
  const { near, far } = await connection('192.0.2.11', '192.0.2.11', '127.0.0.1');
  assert.equal(destroyTcpSockets(address('192.0.2.99')), 0);
  near.write('still here');
  assert.equal(String(await once(far, 'data')), 'still here');
  near.destroy();
  far.destroy();
});

test('more connections than fit one send', async () => {
  const server = createServer();
  servers.push(server);
  server.listen(0, '192.0.2.10');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  let accepted = 0;
  server.on('connection', (socket) => {
    accepted++;
    socket.on('error', () => {});
  });
  const clients = Array.from({ length: 300 }, () =>
    connect({ host: '192.0.2.10', port, localAddress: '192.0.2.11' }),
  );
  await Promise.all(clients.map((client) => once(client, 'connect')));
  while (accepted < 300) await once(server, 'connection');
  for (const client of clients) client.on('error', () => {});
  assert.equal(destroyTcpSockets(address('192.0.2.10')), 300);
  for (const client of clients) client.destroy();
});

test('a handshake that its listener left behind keeps its connection from others, until it is forgotten', (context) => {
  const local = { address: address('192.0.2.10') as Ipv4Address, port: 7000 };
  const remote = { address: address('198.51.100.1') as Ipv4Address, port: 50_000 };
  const listener = ServiceListener.open({ ...local, backlog: 8 });
  const tun = Tun.open({ name: 'us0', kind: 'tun' });
  context.after(() => tun.close());
  ip('addr add 198.51.100.2/24 dev us0');
  ip('link set us0 up');
  const syn = encodeTcp(
    {
      ...{ sourcePort: remote.port, destinationPort: local.port, sequence: 1000, acknowledgment: 0 },
      ...{ flags: tcpFlag.syn, window: 500, urgentPointer: 0 },
      options: new Uint8Array(0),
      payload: new Uint8Array(0),
    },
    remote.address,
    local.address,
  );
  const packet = encodeIpv4({
    ...{ trafficClass: 0, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0 },
    ...{ ttl: 64, protocol: ipProtocol.tcp, source: remote.address, destination: local.address },
    options: new Uint8Array(0),
    payload: syn,
  });
  // Nobody is there to go on with it.
  tun.write(packet, packet.length);
  listener.close();
  const rebuilt = (): number =>
    openRepaired({
      ...{ local, remote, sendSequence: 1, receiveSequence: 1001, mss: 1460, windowScale: undefined },
      ...{ sack: false, timestamp: undefined, sendWindow: 500, receiveWindow: 500 },
    });
  assert.throws(rebuilt, /EADDRNOTAVAIL/);
  assert.deepEqual([forgetHandshakes(local.address, 7001), forgetHandshakes(local.address, 7000)], [0, 1]);
  new ServiceSocket(rebuilt()).vanish();
});

/** Another process with a UDP socket on `host` (connected to the peer, if there is one); it prints how each call ends. */
const holder = `
  const [, host, peer] = process.argv;
  const socket = require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', (error) => console.log(error.code));
  socket.bind(7000, host, () => (peer ? socket.connect(7001, peer, () => console.log('open')) : console.log('open')));
  process.stdin.on('data', () => socket.send('x', (error) => console.log(error ? error.code : 'sent')));
`;

async function hold(context: TestContext, host: string, peer = '') {
  const child = spawn(process.execPath, ['-e', holder, host, peer], { stdio: ['pipe', 'pipe', 'inherit'] });
  context.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const heard = async (): Promise<unknown> => (await lines.next()).value;
  assert.equal(await heard(), 'open');
  return { child, heard };
}

for (const [what, bound, peer, on] of [
  ['IPv4', '192.0.2.10', '', '192.0.2.10'],
  ['IPv4, connected', '192.0.2.10', '192.0.2.11', '192.0.2.10'],
  ['IPv6', '2001:db8::10', '', '2001:db8::10'],
  ['an IPv4 address of an IPv6 socket', '::ffff:192.0.2.10', '', '192.0.2.10'],
] as const) {
  test(`UDP sockets of another process are aborted: ${what}`, async (context) => {
    const { child, heard } = await hold(context, bound, peer);
    assert.equal(destroyUdpSockets(address('192.0.2.99')), 0);
    assert.equal(destroyTcpSockets(address(on)), 0);
    assert.equal(destroyUdpSockets(address(on)), 1);
    assert.equal(await heard(), 'ECONNABORTED');
    if (peer === '') return;
    child.stdin.write('send');
    assert.notEqual(await heard(), 'sent');
  });
}
