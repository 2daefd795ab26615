import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { EPOLLIN, Epoll } from '../../src/linux/epoll.ts';
import { Fence, type FenceConfig } from '../../src/linux/fence/fence.ts';
import { interfaceIndex } from '../../src/linux/interfaces.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { setAddrGenModeNone, setLinkUp } from '../../src/linux/route/requests.ts';
import { RouteSocket } from '../../src/linux/route/socket.ts';
import { Tun } from '../../src/linux/tun.ts';
import { UdpSocket } from '../../src/linux/udp-socket.ts';
import { type IpAddress, isIpv4, parseIp, readMac } from '../../src/wire/address.ts';
import type { GroupId } from '../../src/wire/control/message.ts';
import { neighbourQuestion } from '../../src/wire/frame.ts';
import { inNamespace, inPeer, ip } from '../namespace.ts';
import {
  awaitReady,
  collect,
  far4,
  far6,
  ip4,
  ip6,
  mac,
  near4,
  near6,
  nearMac,
  shared4,
  shared6,
} from './voices.ts';

inNamespace(import.meta.filename);

const clientMac = mac('02:00:5e:00:53:02');
const otherMac = mac('02:00:5e:00:53:03');
const other4 = ip4('192.0.2.3');
const other6 = ip6('2001:db8::3');
const group = 1 as GroupId;
const port = 7000;
const tap = 'ush0';
const config: FenceConfig = {
  instance: 'test',
  leaseMs: 60_000,
  groups: [{ id: group, interface: 'lan0', addresses: [shared4, shared6] }],
  ownDevices: [tap],
};
const yes = (): boolean => true;

/** This namespace is a member; `client` and `other` (another member) are on the same switch. */
function lay(): void {
  // A tentative link-local address could not ask for a neighbour in the first second.
  writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0');
  ip('netns add switch');
  ip('-n switch link add br0 type bridge mcast_snooping 0');
  ip('-n switch link set br0 up');
  for (const [name, device, address, last] of [
    ['', 'lan0', '02:00:5e:00:53:01', 1],
    ['client', 'client0', '02:00:5e:00:53:02', 2],
    ['other', 'other0', '02:00:5e:00:53:03', 3],
  ] as const) {
    const inside = name === '' ? '' : `-n ${name} `;
    if (name !== '') ip(`netns add ${name}`);
    ip(`${inside}link add ${device} address ${address} type veth peer name port${last} netns switch`);
    ip(`-n switch link set port${last} master br0 up`);
    ip(`${inside}link set ${device} up`);
    ip(`${inside}addr add 192.0.2.${last}/24 dev ${device}`);
    ip(`${inside}addr add 2001:db8::${last}/64 dev ${device} nodad`);
  }
  ip('addr add 192.0.2.10/32 dev lo');
  ip('addr add 2001:db8::10/128 dev lo nodad');
  ip('-n client neigh replace 192.0.2.10 lladdr 02:00:5e:00:53:01 dev client0');
  ip('-n client neigh replace 2001:db8::10 lladdr 02:00:5e:00:53:01 dev client0');
}

lay();
afterEach(() => {
  Fence.clean('understudy-');
});

/** A datagram from the client to the shared address. */
function call(address: IpAddress, text: string): void {
  const localAddress = isIpv4(address) ? far4 : far6;
  const client = inPeer('client', () =>
    UdpSocket.open({ interface: 'client0', localAddress, port, ttl: 64 }),
  );
  const bytes = Buffer.from(text);
  assert.equal(client.send(bytes, bytes.length, address, port), 0);
  client.close();
}

/** Which of the calls a server on this machine gets; the one to its own address comes last and always arrives. */
function served(address: IpAddress): string[] {
  const own = isIpv4(address) ? near4 : near6;
  const sockets = [address, own].map((localAddress) =>
    UdpSocket.open({ interface: 'lan0', localAddress, port }),
  );
  const epoll = Epoll.open();
  const texts: string[] = [];
  for (const socket of sockets) epoll.add(socket.fd, 0, EPOLLIN);
  call(address, 'shared');
  call(own, 'own');
  while (!texts.includes('own')) {
    awaitReady(epoll, 'the last call');
    for (const socket of sockets) socket.receive((bytes) => texts.push(Buffer.from(bytes).toString()));
  }
  epoll.close();
  for (const socket of sockets) socket.close();
  return texts;
}

/** The port behind which the switch believes a MAC. */
function portOf(address: string): string | undefined {
  const table = execFileSync('bridge', ['-n', 'switch', 'fdb', 'show', 'br', 'br0'], { encoding: 'utf8' });
  return table
    .split('\n')
    .find((line) => line.startsWith(address) && !line.includes('permanent'))
    ?.split(' ')[2];
}

test('a member without the role does no work; with the role it does', () => {
  const fence = Fence.arm(config);
  for (const address of [shared4, shared6]) assert.deepEqual(served(address), ['own']);
  assert.equal(fence.acquire(group, yes), true);
  for (const address of [shared4, shared6]) assert.deepEqual(served(address), ['shared', 'own']);
  fence.yield(group);
  for (const address of [shared4, shared6]) assert.deepEqual(served(address), ['own']);
  fence.remove();
});

test('neighbour discovery always reaches the kernel', () => {
  const solicitations = (): number =>
    Number(/Icmp6InNeighborSolicits\s+(\d+)/.exec(readFileSync('/proc/thread-self/net/snmp6', 'utf8'))?.[1]);
  const fence = Fence.arm(config);
  fence.forwardTo(group, { v6: other6 });
  const before = solicitations();
  const mouth = inPeer('client', () => PacketSocket.open({ interface: 'client0' }));
  assert.equal(mouth.sendBurst([neighbourQuestion(clientMac, far6, nearMac, shared6)]), 0);
  mouth.close();
  served(shared6);
  assert.equal(solicitations(), before + 1);
  fence.remove();
});

test('forwarding hands packets on under our own MAC, so that no switch learns anything wrong', () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(group, yes), true);
  fence.forwardTo(group, { v4: other4, v6: other6 });
  for (const address of [shared4, shared6]) {
    const ear = inPeer('other', () => PacketSocket.open({ interface: 'other0' }));
    const text = `pass on ${String(address)}`;
    call(address, text);
    const frame = collect(ear, (one) => one.includes(text)).at(-1);
    ear.close();
    assert.ok(frame !== undefined);
    assert.equal(readMac(frame, 0), otherMac);
    assert.equal(readMac(frame, 6), nearMac);
    assert.equal(frame[isIpv4(address) ? 14 + 8 : 14 + 7], 63);
    assert.equal(frame.readUInt32BE(isIpv4(address) ? 14 + 12 : 14 + 20), isIpv4(address) ? far4 : 2);
    assert.equal(portOf('02:00:5e:00:53:02'), 'port2');
    assert.equal(portOf('02:00:5e:00:53:01'), 'port1');
    assert.deepEqual(served(address), ['own']);
  }
  fence.stopForwarding(group);
  fence.stopForwarding(group);
  for (const address of [shared4, shared6]) assert.deepEqual(served(address), ['shared', 'own']);
  fence.remove();
});

test('forwarding of one family leaves the other', () => {
  const fence = Fence.arm(config);
  assert.equal(fence.acquire(group, yes), true);
  fence.forwardTo(group, { v4: other4 });
  assert.deepEqual(served(shared4), ['own']);
  assert.deepEqual(served(shared6), ['shared', 'own']);
  fence.remove();
});

test('diverted frames come out of the TAP, and the kernel takes them when they are written back', (context) => {
  if (!tunUsable()) {
    context.skip('/dev/net/tun cannot be opened; remedy: run as root, load the module tun, or chmod 0666 it');
    return;
  }
  const device = Tun.open({ name: tap, kind: 'tap' });
  const route = RouteSocket.open();
  const index = interfaceIndex(tap);
  route.batch([setAddrGenModeNone(index), setLinkUp(index)]);
  const tapMac = route.links().find((link) => link.index === index)?.mac;
  route.close();
  const fence = Fence.arm(config);
  fence.divertTo(group, tap);
  for (const address of [shared4, shared6]) {
    const text = `divert ${String(address)}`;
    call(address, text);
    const frame = readTap(device, text);
    assert.equal(readMac(frame, 0), nearMac);
    assert.equal(readMac(frame, 6), clientMac);
    assert.equal(fence.acquire(group, yes), true);
    assert.deepEqual(delivered(device, frame, tapMac ?? 0, address), text);
    fence.yield(group);
  }
  // Re-arming keeps the diversion; forwarding goes before it.
  fence.rearm();
  call(shared4, 'after re-arming');
  readTap(device, 'after re-arming');
  fence.stopDiverting(group);
  assert.equal(fence.acquire(group, yes), true);
  assert.deepEqual(served(shared4), ['shared', 'own']);
  fence.remove();
  device.close();
});

function tunUsable(): boolean {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The frame with this text, from the TAP. */
function readTap(device: Tun, text: string): Buffer {
  const epoll = Epoll.open();
  epoll.add(device.fd, 0, EPOLLIN);
  const into = Buffer.alloc(2048);
  for (;;) {
    awaitReady(epoll, 'a frame from the TAP');
    const length = device.read(into);
    if (length < 0 || !into.subarray(0, length).includes(text)) continue;
    epoll.close();
    return Buffer.from(into.subarray(0, length));
  }
}

/** What a server gets of a frame written back into the TAP. */
function delivered(device: Tun, frame: Buffer, tapMac: number, localAddress: IpAddress): string {
  const socket = UdpSocket.open({ interface: tap, localAddress, port });
  frame.writeUIntBE(tapMac, 0, 6);
  assert.equal(device.write(frame, frame.length), 0);
  let text = '';
  socket.receive((bytes) => {
    text += Buffer.from(bytes).toString();
  });
  socket.close();
  return text;
}

test('a forwarded packet with a shared source is fenced too', () => {
  const routed = parseIp('198.51.100.1');
  assert.ok(routed !== undefined && isIpv4(routed));
  ip('netns add inner');
  ip('link add outer0 type veth peer name inner0 netns inner');
  ip('link set outer0 up');
  ip('addr add 198.51.100.254/24 dev outer0');
  ip('-n inner link set inner0 up');
  ip('-n inner addr add 198.51.100.1/24 dev inner0');
  ip('-n inner addr add 203.0.113.10/32 dev inner0');
  ip('-n inner route add default via 198.51.100.254 src 203.0.113.10');
  ip('route add 203.0.113.10/32 via 198.51.100.1');
  ip('-n client route add 203.0.113.10/32 via 192.0.2.1');
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  const source = ip4('203.0.113.10');
  const fence = Fence.arm({ ...config, groups: [{ id: group, interface: 'lan0', addresses: [source] }] });
  const ear = inPeer('client', () => PacketSocket.open({ interface: 'client0' }));
  const mouth = inPeer('inner', () => UdpSocket.open({ interface: 'inner0', localAddress: source, port }));
  const plain = inPeer('inner', () => UdpSocket.open({ interface: 'inner0', localAddress: routed, port }));
  const say = (socket: UdpSocket, text: string): number =>
    socket.send(Buffer.from(text), text.length, far4, port);
  const reaches = (text: string): boolean => {
    say(mouth, text);
    say(plain, `${text}, end`);
    return collect(ear, (frame) => frame.includes(`${text}, end`)).some(
      (frame) => frame.includes(text) && !frame.includes(', end'),
    );
  };
  assert.equal(reaches('closed'), false);
  assert.equal(fence.acquire(group, yes), true);
  assert.equal(reaches('open'), true);
  fence.remove();
  for (const socket of [ear, mouth, plain]) socket.close();
});
