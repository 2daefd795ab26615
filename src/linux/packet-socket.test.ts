import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cable, inNamespace, inPeer, ip } from '../../test/namespace.ts';
import { untilReady } from '../../test/readiness.ts';
import { type IpAddress, type MacAddress, parseIp, parseMac, writeMac } from '../wire/address.ts';
import { neighbourFilter } from './bpf.ts';
import { monotonicUs } from './clock.ts';
import { interfaceIndex } from './interfaces.ts';
import { PacketSocket } from './packet-socket.ts';
import { UdpSocket } from './udp-socket.ts';

inNamespace(import.meta.filename);
cable('near0', 'far0', 'peer');
// The kernel would look for duplicates of a link-local address with solicitations, which pass the filter and are counted.
for (const [at, end] of [
  ['', 'near0'],
  ['-n peer ', 'far0'],
]) {
  ip(`${at}link set ${end} addrgenmode none`);
  ip(`${at}-6 addr flush dev ${end}`);
}

const nearMac = mac('02:00:5e:00:53:01');
const farMac = mac('02:00:5e:00:53:02');
ip('link set near0 address 02:00:5e:00:53:01');
ip('-n peer link set far0 address 02:00:5e:00:53:02');

function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

/** An Ethernet frame of `length` bytes; `body` from offset 14 on. */
function frame(
  destination: MacAddress,
  etherType: number,
  length: number,
  body: Record<number, number> = {},
): Uint8Array {
  const bytes = Buffer.alloc(length);
  writeMac(bytes, 0, destination);
  writeMac(bytes, 6, nearMac);
  bytes.writeUInt16BE(etherType, 12);
  for (const [at, value] of Object.entries(body)) bytes[14 + Number(at)] = value;
  return bytes;
}

/** Frames as they arrive, until `count` came. */
function collect(socket: PacketSocket, count: number): Buffer[] {
  const frames: Buffer[] = [];
  while (frames.length < count) {
    untilReady(socket.fd);
    socket.receive((one) => frames.push(Buffer.from(one)));
  }
  return frames;
}

const broadcast = mac('ff:ff:ff:ff:ff:ff');
const marker = frame(broadcast, 0x0806, 60, { 0: 0xee });

test('the filter passes ARP and neighbour discovery for this host and nothing else', () => {
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0', filter: neighbourFilter() }));
  const near = PacketSocket.open({ interface: 'near0' });
  const neighbour = (type: number): Uint8Array => frame(farMac, 0x86dd, 86, { 6: 58, 40: type });
  const passed = [frame(broadcast, 0x0806, 42), frame(farMac, 0x0806, 42), neighbour(135), neighbour(136)];
  const refused = [
    frame(farMac, 0x0800, 60),
    frame(farMac, 0x86dd, 86, { 6: 17, 40: 135 }),
    neighbour(134),
    neighbour(137),
    neighbour(128),
    frame(nearMac, 0x0806, 42),
    frame(farMac, 0x8100, 60, { 2: 0x08, 3: 0x06 }),
    frame(farMac, 0x86dd, 20, { 0: 0x60 }),
  ];
  assert.equal(near.sendBurst([...passed, ...refused, marker]), 0);
  const frames = collect(heard, passed.length + 1);
  assert.deepEqual(
    frames.map((one) => one.toString('hex')),
    [...passed, marker].map((one) => Buffer.from(one).toString('hex')),
  );
  heard.close();
  near.close();
});

test('a burst larger than one system call leaves in order', () => {
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0', filter: neighbourFilter() }));
  const near = PacketSocket.open({ interface: 'near0', filter: neighbourFilter() });
  const burst = Array.from({ length: 200 }, (_, index) =>
    frame(broadcast, 0x0806, 42 + (index % 19), { 0: index }),
  );
  assert.equal(near.sendBurst(burst), 0);
  const frames = collect(heard, burst.length);
  assert.deepEqual(
    frames.map((one) => one[14]),
    burst.map((one) => one[14]),
  );
  assert.deepEqual(
    frames.map((one) => one.length),
    burst.map((one) => one.length),
  );
  assert.equal(
    heard.receive(() => assert.fail()),
    0,
  );
  heard.close();
  near.close();
});

test('at most the frames asked for are taken at once', () => {
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0', filter: neighbourFilter() }));
  const near = PacketSocket.open({ interface: 'near0', filter: neighbourFilter() });
  near.sendBurst(Array.from({ length: 50 }, () => marker));
  assert.equal(
    heard.receive(() => undefined, 40),
    40,
  );
  assert.equal(
    heard.receive(() => undefined, 40),
    10,
  );
  heard.close();
  near.close();
});

test('frames that the kernel had no room for, or that were too long, are counted', () => {
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0', filter: neighbourFilter() }));
  const near = PacketSocket.open({ interface: 'near0' });
  const refused = Array.from({ length: 100 }, () => frame(farMac, 0x0800, 60));
  assert.equal(near.sendBurst([...refused, marker]), 0);
  collect(heard, 1);
  assert.equal(heard.missed(), 0);
  const sent = 10_000;
  assert.equal(near.sendBurst(Array.from({ length: sent }, () => marker)), 0);
  const lost = heard.missed();
  let kept = 0;
  // A busy machine delivers the last ones a moment later.
  const deadline = monotonicUs() + 5_000_000;
  while (heard.missed() + kept < sent && monotonicUs() < deadline) heard.receive(() => kept++);
  assert.ok(lost > 0 && kept > 0, `${lost} lost, ${kept} kept`);
  assert.equal(heard.missed() + kept, sent);
  heard.close();
  near.close();
});

test('frames that are too long to be handed over are counted', () => {
  const mtu = (bytes: number): void => {
    for (const end of ['link set near0', '-n peer link set far0']) ip(`${end} mtu ${bytes}`);
  };
  mtu(4000);
  ip('addr add 192.0.2.1/24 dev near0');
  ip('neigh add 192.0.2.2 lladdr 02:00:5e:00:53:02 dev near0');
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0' }));
  const localAddress = address('192.0.2.1');
  const sender = UdpSocket.open({ interface: 'near0', localAddress, port: 7169 });
  assert.equal(sender.send(Buffer.alloc(3000), 3000, address('192.0.2.2'), 7169), 0);
  untilReady(heard.fd);
  heard.receive((one) => assert.ok(one.length < 3000));
  assert.equal(heard.missed(), 1);
  for (const socket of [heard, sender]) socket.close();
  mtu(1500);
});

test('what this machine sends is heard unless outgoing frames are ignored', () => {
  const hearing = PacketSocket.open({ interface: 'near0', filter: neighbourFilter() });
  const ignoring = PacketSocket.open({ interface: 'near0', filter: neighbourFilter(), ignoreOutgoing: true });
  const sender = PacketSocket.open({ interface: 'near0', filter: neighbourFilter() });
  assert.equal(sender.sendBurst([marker]), 0);
  assert.equal(collect(hearing, 1).length, 1);
  assert.equal(
    ignoring.receive(() => assert.fail()),
    0,
  );
  for (const socket of [hearing, ignoring, sender]) socket.close();
});

test('a failed frame is reported by its error number and does not hold up the others', () => {
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0', filter: neighbourFilter() }));
  const near = PacketSocket.open({ interface: 'near0', filter: neighbourFilter() });
  assert.equal(near.sendBurst([frame(broadcast, 0x0806, 4000), frame(broadcast, 0x0806, 1900), marker]), 90);
  assert.equal(collect(heard, 1).length, 1);
  ip('link set near0 down');
  assert.equal(near.sendBurst([marker]), 100);
  assert.equal(
    near.receive(() => undefined),
    0,
  );
  ip('link set near0 up');
  heard.close();
  near.close();
});

test('joining a multicast group shows in the kernel’s list', () => {
  const socket = PacketSocket.open({ interface: 'near0', filter: neighbourFilter() });
  socket.joinMulticast(mac('33:33:ff:00:00:10'));
  assert.match(ip('maddress show dev near0'), /33:33:ff:00:00:10/);
  socket.close();
  assert.doesNotMatch(ip('maddress show dev near0'), /33:33:ff:00:00:10/);
  assert.equal(socket.interfaceIndex, interfaceIndex('near0'));
});

test('an interface that does not exist is refused with those that do', () => {
  assert.throws(() => PacketSocket.open({ interface: 'lan9' }), { errno: 'ENODEV', remedy: /lo, near0/ });
});

test('a stamp says when a frame arrived, not when it was read', () => {
  const heard = inPeer('peer', () => PacketSocket.open({ interface: 'far0', stamped: true }));
  const near = PacketSocket.open({ interface: 'near0' });
  /** How long after the sending a frame arrived that was read 5 ms later, microseconds. */
  const arrival = (): { readonly stampUs: number; readonly readyUs: number } => {
    const beforeUs = monotonicUs();
    near.sendBurst([marker]);
    untilReady(heard.fd);
    const readyUs = monotonicUs();
    while (monotonicUs() < readyUs + 5000);
    let stampUs = Number.NaN;
    heard.receive((_, arrivedUs) => {
      stampUs = arrivedUs;
    });
    return { stampUs: stampUs - beforeUs, readyUs: readyUs - beforeUs };
  };
  // The kernel begins to stamp a moment after it was asked for the first time.
  let last = arrival();
  for (let left = 50; left > 0 && last.stampUs > last.readyUs + 1000; left--) last = arrival();
  assert.ok(last.stampUs >= -100 && last.stampUs <= last.readyUs + 100, JSON.stringify(last));
  for (const socket of [heard, near]) socket.close();
});
