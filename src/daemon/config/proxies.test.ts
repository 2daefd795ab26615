import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Changes, exampleKey, exampleText, proxiedText } from '../../../test/daemon/example-config.ts';
import type { GroupConfig, PeerConfig } from '../../engine/config.ts';
import type { GroupLink } from '../bridge.ts';
import { groupId } from './identity.ts';
import { type LoadedConfig, parseConfig } from './load.ts';

const web = groupId('web');
const addresses = ['192.0.2.10', '2001:db8:0:1::10'];
const everySignal = { silence: true, processDeath: true, carrier: true, status: true };

function load(node: string, changes: Changes = {}): LoadedConfig {
  return parseConfig('u.yaml', proxiedText({ 2: `node: ${node}`, ...changes }));
}

function linkOf(node: string, changes: Changes = {}): GroupLink {
  const link = load(node, changes).reactor.groups[0];
  assert.ok(link);
  return link;
}

function peersOf({ reactor }: LoadedConfig): PeerConfig[] {
  // What is a peer is also opened as one.
  const opened = reactor.paths.map(({ peer, path }) => `${peer} ${path}`).toSorted();
  const known = reactor.engine.peers.flatMap(({ id, paths }) => paths.map((path) => `${id} ${path.id}`));
  assert.deepEqual(opened, known.toSorted());
  return [...reactor.engine.peers];
}

/** A member behind a proxy, in the example. */
const behind: readonly {
  readonly node: string;
  readonly peers: readonly PeerConfig[];
  readonly group: GroupConfig;
  readonly link: GroupLink;
}[] = [
  {
    node: 'primary',
    peers: [
      { id: 2, paths: [{ id: 1, cable: true }] },
      { id: 11, paths: [{ id: 2, cable: true }] },
    ],
    group: groupBehind(11),
    link: {
      ...linkBehind(),
      memberAddresses: [
        { member: 1, addresses: ['198.51.100.2', '2001:db8:0:a::2'] },
        { member: 2, addresses: [] },
      ],
      gateway: { node: 11, interface: 'seg0', addresses: ['198.51.100.1', '2001:db8:0:a::1'] },
    },
  },
  {
    node: 'redundant',
    peers: [
      { id: 1, paths: [{ id: 1, cable: true }] },
      { id: 12, paths: [{ id: 3, cable: true }] },
    ],
    group: groupBehind(12),
    link: {
      ...linkBehind(),
      memberAddresses: [
        { member: 1, addresses: [] },
        { member: 2, addresses: ['198.51.100.6', '2001:db8:0:b::2'] },
      ],
      gateway: { node: 12, interface: 'seg0', addresses: ['198.51.100.5', '2001:db8:0:b::1'] },
    },
  },
];

function groupBehind(proxy: number): GroupConfig {
  const members = [
    { id: 1, priority: 200 },
    { id: 2, priority: 100 },
  ];
  return { id: web, members, proxy, proxies: [11, 12], preempt: false, takeOverOn: everySignal };
}

function linkBehind(): Omit<GroupLink, 'memberAddresses' | 'gateway'> {
  return {
    id: web,
    role: 'member',
    interface: 'seg0',
    addresses,
    standbyAddress: 'present',
    strict: false,
    checked: false,
    clients: [],
  };
}

for (const { node, peers, group, link } of behind) {
  test(`${node}, behind a proxy, registers there and sends replies that way`, () => {
    const loaded = load(node);
    const { reactor, control } = loaded;
    assert.deepEqual(peersOf(loaded), peers);
    assert.deepEqual(reactor.engine.groups, [group]);
    assert.deepEqual(reactor.engine.proxied, []);
    assert.deepEqual(reactor.groups, [link]);
    const members = ['primary', 'redundant'];
    assert.deepEqual(control.groups, [
      { id: web, name: 'web', interface: 'seg0', addresses, members, checks: [] },
    ]);
    assert.deepEqual(control.proxied, []);
    assert.deepEqual(loaded.warnings, []);
  });
}

test('proxy-a answers on the LAN for primary, and knows where packets go otherwise', () => {
  const loaded = load('proxy-a');
  const { reactor, control } = loaded;
  assert.deepEqual(peersOf(loaded), [
    { id: 1, paths: [{ id: 2, cable: true }] },
    { id: 12, paths: [{ id: 4, cable: false }] },
  ]);
  assert.deepEqual(reactor.engine.groups, []);
  assert.deepEqual(reactor.engine.proxied, [
    { id: web, members: [1], elsewhere: [{ member: 2, place: 12 }], takeOverOn: everySignal },
  ]);
  assert.deepEqual(reactor.groups, [
    {
      id: web,
      role: 'proxy',
      interface: 'lan0',
      addresses,
      standbyAddress: 'absent',
      strict: false,
      checked: false,
      memberAddresses: [{ member: 12, addresses: ['192.0.2.2', '2001:db8:0:1::2'] }],
      clients: [{ node: 1, interface: 'seg0', addresses: ['198.51.100.2', '2001:db8:0:a::2'] }],
    },
  ]);
  assert.deepEqual(control.groups, []);
  const members = ['primary', 'redundant'];
  assert.deepEqual(control.proxied, [{ id: web, name: 'web', interface: 'lan0', addresses, members }]);
  assert.deepEqual(loaded.warnings, []);
});

test('proxy-b is the mirror image', () => {
  const loaded = load('proxy-b');
  const { reactor, control } = loaded;
  assert.deepEqual(peersOf(loaded), [
    { id: 2, paths: [{ id: 3, cable: true }] },
    { id: 11, paths: [{ id: 4, cable: false }] },
  ]);
  assert.deepEqual(reactor.engine.proxied, [
    { id: web, members: [2], elsewhere: [{ member: 1, place: 11 }], takeOverOn: everySignal },
  ]);
  const [link] = reactor.groups;
  assert.deepEqual(link?.memberAddresses, [{ member: 11, addresses: ['192.0.2.1', '2001:db8:0:1::1'] }]);
  const clients = [{ node: 2, interface: 'seg0', addresses: ['198.51.100.6', '2001:db8:0:b::2'] }];
  assert.deepEqual(link?.clients, clients);
  assert.deepEqual(
    [...control.names.members],
    [
      [1, 'primary'],
      [2, 'redundant'],
      [11, 'proxy-a'],
      [12, 'proxy-b'],
    ],
  );
});

test('durations and bounds of proxies, given or by default', () => {
  const settings = (node: string, proxy: string | null): number[] => {
    const { engine, holdBytesMax, holdAgeUs } = load(node, { 4: proxy }).reactor;
    return [engine.registrationUs, engine.stragglersUs, holdBytesMax, holdAgeUs];
  };
  assert.deepEqual(settings('proxy-a', null), [3_000_000, 10_000_000, 4_194_304, 2_000_000]);
  const given = 'proxy: { registrationMs: 500.5, stragglersMs: 0, holdBytes: 8388608, holdAgeMs: 1.5 }';
  assert.deepEqual(settings('proxy-a', given), [500_500, 0, 8_388_608, 1500]);
  // The larger of both where this node is a proxy; otherwise the one of switchovers.
  const smaller = 'proxy: { holdBytes: 65536 }';
  assert.equal(settings('proxy-a', smaller)[2], 4_194_304);
  assert.equal(settings('primary', given)[2], 4_194_304);
});

test('addresses that are not written come from the attached paths: cables too, behind a proxy', () => {
  const onlyIpv4 = {
    21: '    addresses: [192.0.2.10]',
    27: null,
    28: null,
    36: '      proxy-a: { interface: lan0 }',
  };
  const member = linkOf('primary', onlyIpv4);
  assert.deepEqual(member.memberAddresses[0], { member: 1, addresses: ['198.51.100.2'] });
  assert.deepEqual(member.gateway, { node: 11, interface: 'seg0', addresses: ['198.51.100.1'] });
  const proxy = linkOf('proxy-a', onlyIpv4);
  assert.deepEqual(proxy.clients, [{ node: 1, interface: 'seg0', addresses: ['198.51.100.2'] }]);
  const other = linkOf('proxy-b', onlyIpv4);
  assert.deepEqual(other.memberAddresses, [{ member: 11, addresses: ['192.0.2.1'] }]);
});

test('a hop has the first address of each family; a routed path gives none', () => {
  const changes = {
    12: '    { id: 1, kind: lan, hops: 2, port: 7169, members: { primary: {interface: seg0, address: 198.51.100.3}, redundant: {interface: seg0, address: 198.51.100.7} } }',
    27: '        lanAddresses: ["2001:db8:0:a::2", 198.51.100.2, "2001:db8:0:a::3", 198.51.100.4]',
    33: null,
    21: '    addresses: [192.0.2.10]',
  };
  assert.deepEqual(linkOf('proxy-a', changes).clients[0]?.addresses, ['2001:db8:0:a::2', '198.51.100.2']);
  assert.deepEqual(linkOf('proxy-b', changes).clients[0]?.addresses, ['198.51.100.6']);
});

/** Only primary has a proxy; redundant is on the hosts' LAN itself. */
const oneSided: Changes = {
  18: '    { id: 4, kind: lan, port: 7171, members: { proxy-a: {interface: lan0, address: 192.0.2.1}, redundant: {interface: lan0, address: 192.0.2.3} } }',
  30: '        interface: lan0',
  32: null,
  33: '        lanAddresses: [192.0.2.3, "2001:db8:0:1::3"]',
  34: null,
  37: null,
};

test('one-sided: the member on the LAN forwards to the proxy, and the proxy to that member', () => {
  const redundant = load('redundant', oneSided);
  assert.deepEqual([redundant.reactor.engine.groups[0]?.proxy, redundant.warnings], [0, []]);
  assert.deepEqual(redundant.reactor.engine.groups[0]?.proxies, [11]);
  const { gateway, memberAddresses, ...rest } = linkOf('redundant', oneSided);
  assert.deepEqual([gateway, rest.role, rest.interface], [undefined, 'member', 'lan0']);
  assert.deepEqual(memberAddresses, [
    { member: 1, addresses: ['192.0.2.1', '2001:db8:0:1::1'] },
    { member: 2, addresses: ['192.0.2.3', '2001:db8:0:1::3'] },
  ]);
  assert.deepEqual(linkOf('primary', oneSided).memberAddresses[1], { member: 2, addresses: [] });

  const proxy = load('proxy-a', oneSided);
  assert.deepEqual(proxy.reactor.engine.proxied[0]?.elsewhere, [{ member: 2, place: 2 }]);
  const there = [{ member: 2, addresses: ['192.0.2.3', '2001:db8:0:1::3'] }];
  assert.deepEqual(proxy.reactor.groups[0]?.memberAddresses, there);
  assert.deepEqual(
    peersOf(proxy).map(({ id }) => id),
    [1, 2],
  );
});

/** Both members register with proxy-a, each over a cable of its own; nobody needs proxy-b. */
const sharedProxy: Changes = {
  16: '    { id: 3, kind: cable, port: 7170, members: { proxy-a: {interface: seg1, address: 198.51.100.5}, redundant: {interface: seg0, address: 198.51.100.6} } }',
  32: '        proxy: proxy-a',
  37: null,
};

test('one proxy for both members: nothing is elsewhere, and each is reached by its own interface', () => {
  const { reactor } = load('proxy-a', sharedProxy);
  assert.deepEqual(reactor.engine.proxied[0]?.members, [1, 2]);
  assert.deepEqual(reactor.engine.proxied[0]?.elsewhere, []);
  assert.deepEqual(reactor.groups[0]?.memberAddresses, []);
  assert.deepEqual(reactor.groups[0]?.clients, [
    { node: 1, interface: 'seg0', addresses: ['198.51.100.2', '2001:db8:0:a::2'] },
    { node: 2, interface: 'seg1', addresses: ['198.51.100.6', '2001:db8:0:b::2'] },
  ]);
  // Two cables are two networks: the members cannot forward to each other.
  assert.deepEqual(linkOf('primary', sharedProxy).memberAddresses[1]?.addresses, []);
});

test('members behind one proxy that share a network forward to each other', () => {
  const segment = {
    ...sharedProxy,
    13: '  seg:',
    14: '    { id: 2, kind: lan, port: 7170, members: { proxy-a: {interface: seg0, address: 198.51.100.1}, primary: {interface: seg0, address: 198.51.100.2}, redundant: {interface: seg0, address: 198.51.100.6} } }',
    15: null,
    16: null,
    34: '        gateways: [198.51.100.1, "2001:db8:0:a::1"]',
  };
  assert.deepEqual(linkOf('primary', segment).memberAddresses, [
    { member: 1, addresses: ['198.51.100.2', '2001:db8:0:a::2'] },
    { member: 2, addresses: ['198.51.100.6', '2001:db8:0:b::2'] },
  ]);
  const { clients } = linkOf('proxy-a', segment);
  assert.deepEqual(new Set(clients.map((hop) => hop.interface)), new Set(['seg0']));
});

test('members behind different proxies leave forwarding to them, even on one network', () => {
  const segment = {
    13: '  seg:',
    14: '    { id: 2, kind: lan, port: 7170, members: { proxy-a: {interface: seg0, address: 198.51.100.1}, primary: {interface: seg0, address: 198.51.100.2}, proxy-b: {interface: seg0, address: 198.51.100.5}, redundant: {interface: seg0, address: 198.51.100.6} } }',
    15: null,
    16: null,
  };
  assert.deepEqual(linkOf('primary', segment).memberAddresses[1], { member: 2, addresses: [] });
});

test('a cable says nothing of where a member without a proxy is on the LAN', () => {
  const changes = { 30: '        interface: link0', 32: null, 33: null, 34: null, 37: null };
  const [, redundant] = linkOf('redundant', changes).memberAddresses;
  assert.deepEqual(redundant, { member: 2, addresses: [] });
});

test('a node may be a member of one group and a proxy of another', () => {
  const second = [
    '      proxy-b: { interface: lan0, lanAddresses: [192.0.2.2, "2001:db8:0:1::2"] }',
    '  own: { interface: lan0, addresses: [192.0.2.20], members: { proxy-a: {}, proxy-b: {} } }',
  ].join('\n');
  const { reactor, control } = load('proxy-a', { 37: second });
  assert.deepEqual(
    reactor.groups.map(({ id, role }) => [id, role]),
    [
      [web, 'proxy'],
      [groupId('own'), 'member'],
    ],
  );
  assert.deepEqual(reactor.groups[1]?.memberAddresses, [
    { member: 11, addresses: ['192.0.2.1'] },
    { member: 12, addresses: ['192.0.2.2'] },
  ]);
  assert.deepEqual([control.groups[0]?.name, control.proxied[0]?.name], ['own', 'web']);
});

test('a proxy is no peer of a node that it shares no group with, on both sides', () => {
  const stranger = {
    9: '  proxy-b: { id: 12 }\n  stranger: { id: 20 }',
    18: '    { id: 4, kind: lan, port: 7171, members: { proxy-a: {interface: lan0, address: 192.0.2.1}, proxy-b: {interface: lan0, address: 192.0.2.2}, stranger: {interface: lan0, address: 192.0.2.9} } }',
  };
  const ids = (node: string): number[] => peersOf(load(node, stranger)).map(({ id }) => id);
  assert.deepEqual(ids('proxy-a'), [1, 12]);
  assert.deepEqual(ids('stranger'), []);
});

test('a group without proxies is what it was', () => {
  const { reactor, control } = parseConfig('u.yaml', exampleText());
  const [group] = reactor.engine.groups;
  assert.deepEqual([group?.proxy, group?.proxies, reactor.engine.proxied], [0, [], []]);
  assert.deepEqual([reactor.groups[0]?.gateway, reactor.groups[0]?.clients], [undefined, []]);
  assert.deepEqual(control.proxied, []);
});

test('the example of docs/CONFIGURATION.md is the one that is looked at here', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/CONFIGURATION.md'), 'utf8');
  const example = /## Proxies[\s\S]*?```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  for (const node of ['primary', 'redundant', 'proxy-a', 'proxy-b']) {
    const text = example
      .replace(/^cluster: .*$/m, 'cluster: lab')
      .replace(/^node: .*$/m, `node: ${node}`)
      .replace(/^keyFile: .*$/m, `key: ${exampleKey}`);
    assert.deepEqual(parseConfig('u.yaml', text), load(node));
  }
});
