import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cable, inNamespace, inPeer, ip } from '../../../test/namespace.ts';
import { type IpAddress, parseIp, parseMac } from '../../wire/address.ts';
import { writeSysctl } from '../sysctl.ts';
import { protocolUnderstudy as protocol } from './constants.ts';
import { deleteNeighbour, useNeighbour } from './neighbours.ts';
import { addRoute, deleteRoute, type RouteSpecification } from './requests.ts';
import { addRule, deleteRule, type RuleSpecification } from './rules.ts';
import { RouteSocket } from './socket.ts';
import type { Neighbour } from './values.ts';

inNamespace(import.meta.filename);

const table = 7500;
const route = RouteSocket.open();
// Its link-local address asks for neighbours at once, without duplicate address detection.
writeSysctl('net.ipv6.conf.default.accept_dad', 0);
cable('near0', 'far0', 'peer');
const near = route.links().find((link) => link.name === 'near0')?.index ?? 0;
ip('addr add 198.51.100.1/24 dev near0');
ip('addr add 2001:db8:0:a::1/64 dev near0 nodad');
ip('-n peer addr add 198.51.100.2/24 dev far0');
ip('-n peer addr add 2001:db8:0:a::2/64 dev far0 nodad');
after(() => {
  route.close();
  ip('netns delete peer');
});

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

const from4 = { address: address('192.0.2.8'), length: 29 };
const from6 = { address: address('2001:db8:0:1::10'), length: 128 };
const rules: readonly RuleSpecification[] = [
  { family: 'ipv4', from: from4, table, priority: 1000 },
  { family: 'ipv4', incoming: 'near0', table, priority: 1001 },
  { family: 'ipv6', from: from6, table, priority: 1000 },
  { family: 'ipv6', from: from6, incoming: 'later0', table, priority: 1001 },
];

test('rules of both families are added once and seen as ours', () => {
  const requests = rules.map(addRule);
  assert.equal(route.ensure(requests), 4);
  assert.equal(route.ensure(requests), 0);
  route.batch(requests);
  assert.match(ip('rule show'), /1000:\tfrom 192\.0\.2\.8\/29 lookup 7500 proto 117/);
  assert.match(ip('rule show'), /1001:\tfrom all iif near0 lookup 7500 proto 117/);
  assert.match(ip('-6 rule show'), /1000:\tfrom 2001:db8:0:1::10 lookup 7500 proto 117/);
  assert.match(
    ip('-6 rule show'),
    /1001:\tfrom 2001:db8:0:1::10 iif later0 \[detached\] lookup 7500 proto 117/,
  );
  const ours = route.rules().filter((rule) => rule.protocol === protocol);
  const expected = rules.map((rule) => ({ from: undefined, incoming: undefined, ...rule, protocol }));
  assert.deepEqual(ours, expected);
});

test('a rule that others deleted is put back, and that is counted', () => {
  ip('rule del priority 1001');
  assert.equal(route.ensure(rules.map(addRule)), 1);
  assert.equal(route.ensure(rules.map(addRule)), 0);
});

test('rules are deleted as the dump tells them; those of others stay', () => {
  ip('rule add fwmark 7 from 203.0.113.0/24 lookup 7501 priority 900');
  const ours = route.rules().filter((rule) => rule.protocol === protocol);
  assert.equal(route.ensure(ours.map(deleteRule)), 4);
  assert.equal(route.ensure(ours.map(deleteRule)), 0);
  const left = route.rules().filter((rule) => rule.priority < 32766 && rule.priority > 0);
  const from = { address: address('203.0.113.0'), length: 24 };
  assert.deepEqual(
    left.map(({ protocol: made, ...rest }) => ({ ...rest, ours: made === protocol })),
    [{ family: 'ipv4', from, incoming: undefined, table: 7501, priority: 900, ours: false }],
  );
  ip('rule del priority 900');
});

test('an equal rule of somebody else is neither taken for ours nor deleted', () => {
  const [rule] = rules;
  assert.ok(rule !== undefined);
  ip('rule add from 192.0.2.8/29 lookup 7500 priority 1000');
  assert.equal(route.ensure([deleteRule(rule)]), 0);
  assert.equal(route.ensure([addRule(rule), addRule(rule)]), 1);
  assert.equal(route.ensure([deleteRule(rule), deleteRule(rule)]), 1);
  assert.match(ip('rule show'), /1000:\tfrom 192\.0\.2\.8\/29 lookup 7500\s*$/m);
  ip('rule del priority 1000');
});

test('three hundred rules that exist are all settled', () => {
  const many = Array.from({ length: 300 }, (_, n) =>
    addRule({
      family: 'ipv4',
      from: { address: (0xc633_6400 + n) as IpAddress, length: 32 },
      table,
      priority: n + 1,
    }),
  );
  assert.equal(route.ensure(many), 300);
  assert.equal(route.ensure(many), 0);
  assert.equal(route.rules().filter((rule) => rule.protocol === protocol).length, 300);
  for (const rule of route.rules()) if (rule.protocol === protocol) route.batch([deleteRule(rule)]);
});

const routes: readonly RouteSpecification[] = [
  { family: 'ipv4', index: near, gateway: address('198.51.100.2') },
  { destination: address('192.0.2.8'), prefix: 29, index: near, gateway: address('198.51.100.2') },
  { destination: address('203.0.113.0'), prefix: 24, type: 'unreachable' },
  { family: 'ipv6', index: near, gateway: address('2001:db8:0:a::2') },
  { destination: address('2001:db8:0:1::10'), prefix: 127, index: near, gateway: address('2001:db8:0:a::2') },
  { destination: address('2001:db8:0:c::'), prefix: 64, type: 'unreachable' },
] satisfies readonly RouteSpecification[];
const owned = routes.map((one) => ({ ...one, table, protocol, exclusive: true }));

test('routes in an own table are added once, and put back where missing', () => {
  assert.deepEqual(route.routesIn(table, 'ipv4'), []);
  assert.deepEqual(route.routesIn(table, 'ipv6'), []);
  const requests = owned.map(addRoute);
  assert.equal(route.ensure(requests), 6);
  assert.equal(route.ensure(requests), 0);
  ip('route del 192.0.2.8/29 table 7500');
  ip('-6 route del 2001:db8:0:1::10/127 table 7500');
  assert.equal(route.ensure(requests), 2);
  assert.match(ip('route show table 7500'), /192\.0\.2\.8\/29 via 198\.51\.100\.2 dev near0 proto 117/);
  assert.match(ip('route show table 7500'), /unreachable 203\.0\.113\.0\/24 proto 117/);
  assert.match(ip('-6 route show table 7500'), /default via 2001:db8:0:a::2 dev near0 proto 117/);
  assert.match(ip('-6 route show table 7500'), /unreachable 2001:db8:0:c::\/64 dev lo proto 117/);
});

test('an exclusive route leaves the one that is there, with its own next hop', () => {
  ip('route replace 192.0.2.8/29 via 198.51.100.3 dev near0 table 7500');
  assert.equal(route.ensure(owned.map(addRoute)), 0);
  const there = route.routesIn(table, 'ipv4').find((one) => one.prefix === 29);
  assert.equal(there?.gateway, address('198.51.100.3'));
});

test('a route of others is not deleted as ours', () => {
  const deletions = owned.map(deleteRoute);
  ip('route replace 192.0.2.8/29 via 198.51.100.3 dev near0 table 7500');
  assert.equal(route.ensure(deletions), 5);
  assert.equal(route.ensure(deletions), 0);
  assert.deepEqual(
    route.routesIn(table, 'ipv4').map((one) => one.prefix),
    [29],
  );
  assert.deepEqual(route.routesIn(table, 'ipv6'), []);
  ip('route flush table 7500');
});

test('one table is told without the others, and every whole dump still works', () => {
  route.batch([...owned.map(addRoute), addRoute({ ...routes[1], table: 7501 })]);
  const tables = (['ipv4', 'ipv6'] as const).map((family) => route.routesIn(table, family));
  assert.deepEqual(
    tables.map((found) => found.map((one) => [one.table, one.protocol])),
    [0, 1].map(() => Array(3).fill([table, protocol])),
  );
  const all = route.routes();
  assert.deepEqual(
    all.filter((one) => one.table === table),
    tables.flat(),
  );
  assert.ok(all.some((one) => one.table === 7501));
  assert.ok(route.addresses().some((one) => one.address === address('198.51.100.1')));
  assert.equal(route.ensure(tables.flat().map(deleteRoute)), 6);
  assert.deepEqual([...route.routesIn(table, 'ipv4'), ...route.routesIn(table, 'ipv6')], []);
  route.batch([deleteRoute({ ...routes[1], table: 7501 })]);
});

test('what is refused does not keep the rest from being carried out', () => {
  const wrong = addRoute({
    destination: address('192.0.2.0'),
    prefix: 24,
    gateway: address('203.0.113.9'),
    table,
  });
  const many = Array.from({ length: 200 }, (_, n) =>
    addRoute({ destination: (0xcb00_7100 + n) as IpAddress, prefix: 32, type: 'unreachable', table }),
  );
  assert.throws(() => route.ensure([wrong, ...many]), { errno: 'ENETUNREACH' });
  assert.equal(route.routesIn(table, 'ipv4').length, 200);
  ip('route flush table 7500');
});

/** A counter of the peer's kernel: `Ip6InDelivers`, or one of the two lines `Ip: names` and `Ip: values`. */
function counters(file: string): Map<string, number> {
  const lines = inPeer('peer', () => readFileSync(`/proc/thread-self/net/${file}`, 'utf8')).split('\n');
  const words = lines.map((line) => line.split(/\s+/));
  if (file === 'snmp6') return new Map(words.map(([name = '', value]) => [name, Number(value)]));
  const [names = [], values = []] = words.filter(([first]) => first === 'Ip:');
  return new Map(names.map((name, position) => [name, Number(values[position])]));
}

/** Packets delivered to the peer, of IPv4 and of IPv6, that are not ICMPv6 (which neighbour discovery is). */
function received(): readonly [number, number] {
  const six = counters('snmp6');
  const of = (counts: Map<string, number>, name: string): number => counts.get(name) ?? Number.NaN;
  return [of(counters('snmp'), 'InDelivers'), of(six, 'Ip6InDelivers') - of(six, 'Icmp6InMsgs')];
}

const reachable = 0x02;
const stale = 0x04;
const failedOrAsking = 0x20 | 0x01;

async function neighbour(text: string, states: number): Promise<Neighbour | undefined> {
  const isIt = (one: Neighbour): boolean => one.index === near && one.address === address(text);
  for (let left = 100; left > 0; left--) {
    const found = route.neighbours().find(isIt);
    if (found !== undefined && (found.state & states) !== 0) return found;
    await sleep(10);
  }
  return undefined;
}

test('a neighbour is resolved on demand, without a packet to it', async () => {
  const mac = parseMac(JSON.parse(ip('-n peer -j link show far0'))[0].address);
  assert.ok(mac !== undefined);
  const before = received();
  for (const text of ['198.51.100.2', '2001:db8:0:a::2']) {
    const wanted = { index: near, address: address(text) };
    route.batch([deleteNeighbour(wanted), useNeighbour(wanted)]);
    const found = await neighbour(text, reachable | stale);
    assert.deepEqual(found && [found.mac, found.address], [mac, wanted.address], text);
    route.batch([useNeighbour(wanted)]); // of one that is known
    assert.equal((await neighbour(text, reachable | stale))?.mac, mac);
  }
  assert.deepEqual(received(), before);
});

test('a neighbour that is not there is asked for, and again after it has come', async () => {
  const wanted = { index: near, address: address('198.51.100.9') };
  route.batch([useNeighbour(wanted)]);
  assert.equal((await neighbour('198.51.100.9', failedOrAsking))?.mac, undefined);
  ip('neigh replace 198.51.100.9 nud failed dev near0');
  ip('-n peer addr add 198.51.100.9/24 dev far0');
  route.batch([useNeighbour(wanted)]);
  assert.ok((await neighbour('198.51.100.9', reachable | stale))?.mac !== undefined);
});
