import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { inNamespace, ip } from '../../../test/namespace.ts';
import { type IpAddress, type MacAddress, parseIp, parseMac } from '../../wire/address.ts';
import { OperationError } from '../errors.ts';
import { type RouteEvent, RouteMonitor } from './monitor.ts';
import { addNeighbour, deleteNeighbour } from './neighbours.ts';
import {
  addAddress,
  addRoute,
  deleteAddress,
  deleteRoute,
  setAddrGenModeNone,
  setLinkDown,
  setLinkUp,
} from './requests.ts';
import { RouteSocket } from './socket.ts';
import type { Link } from './values.ts';

inNamespace(import.meta.filename);

const route = RouteSocket.open();
ip('link add near0 type veth peer name far0');
after(() => {
  route.close();
  ip('link delete near0');
});

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function link(name: string): Link {
  const found = route.links().find((one) => one.name === name);
  assert.ok(found !== undefined);
  return found;
}

const near = link('near0').index;

test('links have names, state, carrier and MAC', () => {
  ip('link set near0 address 02:00:5e:00:53:01 mtu 1400');
  route.batch([setLinkUp(near)]);
  assert.deepEqual(link('near0'), {
    index: near,
    name: 'near0',
    mac: mac('02:00:5e:00:53:01'),
    up: true,
    carrier: false,
    mtu: 1400,
  });
  route.batch([setLinkUp(link('far0').index)]);
  assert.equal(link('near0').carrier, true);
  assert.equal(link('lo').mac, 0);
});

test('no generated address with the mode none', () => {
  route.batch([setLinkDown(near), setAddrGenModeNone(near), setLinkUp(near)]);
  assert.match(ip('-d link show near0'), /addrgenmode none/);
  assert.deepEqual(
    route.addresses().filter((one) => one.index === near),
    [],
  );
});

test('an interface without IPv6 needs no mode', () => {
  // Below IPv6's least MTU (RFC 8200 §5) the kernel answers as one without IPv6 does: EAFNOSUPPORT.
  ip('link add small0 type veth peer name small1');
  ip('link set small0 mtu 1000');
  const { index } = link('small0');
  const demanding = { ...setAddrGenModeNone(index), settled: 0 };
  assert.throws(() => route.batch([demanding]), { errno: 'EAFNOSUPPORT' });
  route.batch([setAddrGenModeNone(index), setLinkUp(index)]);
  assert.equal(link('small0').up, true);
  ip('link delete small0');
});

test('addresses of both families in one send, and again without an error', () => {
  const requests = [
    addAddress({ index: near, address: address('192.0.2.10'), prefix: 32 }),
    addAddress({
      index: near,
      address: address('2001:db8::10'),
      prefix: 128,
      noDad: true,
      preferredUs0: true,
    }),
  ];
  route.batch(requests);
  route.batch(requests);
  assert.deepEqual(
    route.addresses().filter((one) => one.index === near),
    [
      { index: near, address: address('192.0.2.10'), prefix: 32 },
      { index: near, address: address('2001:db8::10'), prefix: 128 },
    ],
  );
  assert.match(ip('-6 addr show dev near0'), /2001:db8::10\/128 scope global nodad deprecated/);
  assert.match(ip('-6 addr show dev near0'), /valid_lft forever preferred_lft 0sec/);
  const deletions = [
    deleteAddress({ index: near, address: address('192.0.2.10'), prefix: 32 }),
    deleteAddress({ index: near, address: address('2001:db8::10'), prefix: 128 }),
  ];
  route.batch(deletions);
  route.batch(deletions);
  assert.equal(route.addresses().filter((one) => one.index === near).length, 0);
});

test("a refusal names the request and keeps the kernel's sentence", () => {
  const wrong = addRoute({
    destination: address('198.51.100.0'),
    prefix: 24,
    gateway: address('203.0.113.1'),
  });
  assert.throws(
    () => route.batch([setLinkUp(near), wrong]),
    (error: unknown) => {
      assert.ok(error instanceof OperationError);
      assert.equal(error.operation, 'add route');
      assert.equal(error.subject, '198.51.100.0/24 via 203.0.113.1');
      assert.equal(error.errno, 'ENETUNREACH');
      assert.equal(error.extendedAck, 'Nexthop has invalid gateway');
      return true;
    },
  );
  const nowhere = addAddress({ index: 9999, address: address('192.0.2.9'), prefix: 32 });
  assert.throws(() => route.batch([nowhere]), { name: 'OperationError', errno: 'ENODEV' });
  // The socket is in step again after a refusal in the middle of a batch.
  assert.throws(() => route.batch([wrong, setLinkUp(near)]), { errno: 'ENETUNREACH' });
  assert.equal(link('near0').up, true);
});

test('routes and neighbours', () => {
  route.batch([
    addAddress({ index: near, address: address('192.0.2.1'), prefix: 24 }),
    addRoute({ destination: address('198.51.100.0'), prefix: 24, gateway: address('192.0.2.2') }),
    addRoute({ destination: address('203.0.113.7'), prefix: 32, type: 'blackhole' }),
    addRoute({ destination: address('2001:db8:1::'), prefix: 48, index: near }),
    addNeighbour({ index: near, address: address('192.0.2.2'), mac: mac('02:00:5e:00:53:02') }),
  ]);
  assert.match(ip('route show'), /198\.51\.100\.0\/24 via 192\.0\.2\.2 dev near0 proto static/);
  assert.match(ip('route show'), /blackhole 203\.0\.113\.7 proto static/);
  const found = route.routes('ipv6').find((one) => one.destination === address('2001:db8:1::'));
  assert.deepEqual(found && [found.prefix, found.index, found.type, found.table], [48, near, 1, 254]);
  const gateway = route.routes('ipv4').find((one) => one.destination === address('198.51.100.0'))?.gateway;
  assert.equal(gateway, address('192.0.2.2'));
  assert.deepEqual(
    route.neighbours().filter((one) => one.address === address('192.0.2.2')),
    [{ index: near, address: address('192.0.2.2'), mac: mac('02:00:5e:00:53:02'), state: 0x80 }],
  );
  const undo = [
    deleteRoute({ destination: address('198.51.100.0'), prefix: 24 }),
    deleteRoute({ destination: address('203.0.113.7'), prefix: 32, type: 'blackhole' }),
    deleteRoute({ destination: address('2001:db8:1::'), prefix: 48 }),
    deleteNeighbour({ index: near, address: address('192.0.2.2') }),
  ];
  route.batch(undo);
  route.batch(undo);
  assert.doesNotMatch(ip('route show'), /198\.51\.100|203\.0\.113/);
});

test('a dump larger than one datagram is whole', () => {
  const requests = Array.from({ length: 1000 }, (_, n) =>
    addRoute({ destination: (0xc633_6400 + n) as IpAddress, prefix: 32, type: 'blackhole', table: 1000 }),
  );
  route.batch(requests);
  assert.equal(route.routes('ipv4').filter((one) => one.table === 1000).length, 1000);
  ip('route flush table 1000');
});

test('the monitor hears links, addresses and neighbours, not routes', () => {
  const monitor = RouteMonitor.open();
  const heard: RouteEvent[] = [];
  const listen = (): readonly string[] => {
    heard.length = 0;
    assert.equal(
      monitor.receive((event) => heard.push(event)),
      'ok',
    );
    return heard.map((event) => `${event.removed ? 'removed ' : ''}${event.kind}`);
  };
  try {
    listen();
    ip('addr add 192.0.2.33/32 dev near0');
    assert.deepEqual(listen(), ['address']);
    ip('addr del 192.0.2.33/32 dev near0');
    assert.deepEqual(listen(), ['removed address']);
    ip('route add blackhole 198.51.100.0/24');
    ip('route add blackhole 2001:db8:9::/48');
    ip('route del blackhole 198.51.100.0/24');
    ip('route del blackhole 2001:db8:9::/48');
    assert.deepEqual(listen(), []);
    ip('neigh add 192.0.2.3 lladdr 02:00:5e:00:53:03 dev near0');
    assert.deepEqual(listen(), ['neighbour']);
    assert.ok(heard[0]?.kind === 'neighbour' && heard[0].neighbour.mac === mac('02:00:5e:00:53:03'));
    ip('link set far0 down');
    assert.ok(!link('near0').carrier);
    listen();
    const last = heard.filter((event) => event.kind === 'link' && event.link.name === 'near0').at(-1);
    assert.ok(last?.kind === 'link' && last.link.up && !last.link.carrier);
    ip('link add gone0 type veth peer name gone1');
    ip('link delete gone0');
    assert.ok(listen().includes('removed link'));
    assert.deepEqual(listen(), []);
  } finally {
    monitor.close();
  }
});

test('a flood of changes is handed over in parts', () => {
  const monitor = RouteMonitor.open();
  try {
    const add = addNeighbour({ index: near, address: address('192.0.2.5'), mac: mac('02:00:5e:00:53:05') });
    const remove = deleteNeighbour({ index: near, address: address('192.0.2.5') });
    route.batch(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? add : remove)));
    let events = 0;
    const receive = (): number => {
      events = 0;
      monitor.receive(() => events++);
      return events;
    };
    assert.equal(receive(), 64);
    assert.notEqual(receive(), 0);
  } finally {
    monitor.close();
  }
});

test('lost events are said to be lost', () => {
  const monitor = RouteMonitor.open();
  try {
    const add = addNeighbour({ index: near, address: address('192.0.2.4'), mac: mac('02:00:5e:00:53:04') });
    const remove = deleteNeighbour({ index: near, address: address('192.0.2.4') });
    const many = Array.from({ length: 2000 }, (_, n) => (n % 2 === 0 ? add : remove));
    for (let round = 0; round < 20; round++) route.batch(many);
    const results = new Set<string>();
    let events = 1;
    while (events > 0) {
      events = 0;
      results.add(monitor.receive(() => events++));
    }
    assert.ok(results.has('overrun'));
  } finally {
    monitor.close();
  }
});
