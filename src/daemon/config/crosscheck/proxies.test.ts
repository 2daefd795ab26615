import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Changes, exampleText, proxiedText } from '../../../../test/daemon/example-config.ts';
import { ConfigError, formatProblem } from '../../errors.ts';
import { parseConfig } from '../load.ts';

function problemsOf(changes: Changes): string[] {
  try {
    parseConfig('u.yaml', proxiedText(changes));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

const members = 'groups.web.members';
const proxies = 'groups.web.proxies';

/** What was changed; where the problem is said to be; the words it must begin with. */
const wrong: readonly (readonly [Changes, string, string])[] = [
  [
    { 4: 'proxy: { registrationMs: 99 }' },
    '4:26',
    'proxy.registrationMs is 99: it must be a number of milliseconds from 100 to 3600000',
  ],
  [
    { 4: 'proxy: { stragglersMs: -1 }' },
    '4:24',
    'proxy.stragglersMs is -1: it must be a number of milliseconds from 0 to 600000',
  ],
  [
    { 4: 'proxy: { holdBytes: 65535 }' },
    '4:21',
    'proxy.holdBytes is 65535: it must be a whole number from 65536 to 1073741824',
  ],
  [
    { 4: 'proxy: { holdAgeMs: 0 }' },
    '4:21',
    'proxy.holdAgeMs is 0: it must be a number of milliseconds from 1 to 60000',
  ],
  [
    { 4: 'proxy: { stragglerMs: 5 }' },
    '4:10',
    'proxy has no setting "stragglerMs": did you mean stragglersMs?',
  ],
  [
    { 36: null, 37: null, 35: '    proxies: {}' },
    '35:14',
    `${proxies} is {}: it must have at least one proxy`,
  ],
  [
    { 36: '      proxy-a: {}' },
    '36:16',
    `${proxies}.proxy-a.interface is missing: name the network interface`,
  ],
  [
    { 4: 'proxy: { registrationMs: 3000 }\nheartbeat: { intervalMs: 500 }' },
    '4:26',
    'proxy.registrationMs does not fit: proxy.registrationMs is 3000, must be at least 5000 (10 heartbeats of 500)',
  ],
  [
    { 4: 'heartbeat: { intervalMs: 301 }' },
    '4:26',
    'heartbeat.intervalMs does not fit: proxy.registrationMs is 3000, must be at least 3010 (10 heartbeats of 301)',
  ],
  [
    { 26: '        proxy: proxi-a' },
    '26:16',
    `${members}.primary.proxy is "proxi-a", which is not a proxy of the group: did you mean proxy-a?`,
  ],
  [
    { 32: '        proxy: elsewhere', 37: null },
    '32:16',
    `${members}.redundant.proxy is "elsewhere", which is not a proxy of the group: they are proxy-a`,
  ],
  [
    { 35: null, 36: null, 37: null },
    '26:16',
    `${members}.primary.proxy is "proxy-a", which is not a proxy of the group: it has none; list them in groups.web.proxies`,
  ],
  [
    { 26: '        proxy: proxy-c', 36: '      proxy-c: { interface: lan0 }' },
    '36:7',
    `${proxies}.proxy-c names a member that does not exist: did you mean proxy-a?`,
  ],
  [
    {
      37: '      proxy-b: { interface: lan0 }\n      primary: { interface: lan0 }',
    },
    '38:7',
    `${proxies}.primary is a member of the group as well: a node is one or the other; remove it here, or from the members`,
  ],
  [
    { 32: null, 34: null },
    '37:7',
    `${proxies}.proxy-b has no members: nobody registers with it; give a member proxy: proxy-b, or remove it`,
  ],
  [
    { 26: null, 36: null },
    '28:19',
    `${members}.primary.gateways is given without proxy: they are its addresses; name it as proxy`,
  ],
  [
    { 24: '        interface: link0' },
    '26:16',
    `${members}.primary.proxy is proxy-a, which shares no attached path with primary over link0: describe one (hops: 0) between them`,
  ],
  [
    {
      14: '    { id: 2, kind: lan, hops: 1, port: 7170, members: { proxy-a: {interface: seg0, address: 198.51.100.1}, primary: {interface: seg0, address: 198.51.100.2} } }',
    },
    '26:16',
    `${members}.primary.proxy is proxy-a, which shares no attached path with primary over seg0`,
  ],
  [
    { 36: '      proxy-a: { interface: seg0 }' },
    '36:29',
    `${proxies}.proxy-a.interface is seg0, which leads to primary as well: a proxy must not answer on its member's own network (RFC 1027); name the interface on the hosts' LAN, or remove primary's proxy`,
  ],
  [
    { 28: '        gateways: [198.51.100.1, proxy-a]' },
    '28:34',
    `${members}.primary.gateways[1] is "proxy-a": must be an IP address`,
  ],
  [
    { 27: '        lanAddresses: [198.51.100.2/30, "2001:db8:0:a::2"]' },
    '27:24',
    `${members}.primary.lanAddresses[0] is "198.51.100.2/30": give the address without a prefix length`,
  ],
  [
    { 36: '      proxy-a: { interface: lan0, lanAddresses: [192.0.2.1, "fe80::1"] }' },
    '36:61',
    `${proxies}.proxy-a.lanAddresses[1] is "fe80::1", a link-local address`,
  ],
  [
    { 28: '        gateways: [198.51.100.2, "2001:db8:0:a::1"]' },
    '28:20',
    `${members}.primary.gateways[0] is 198.51.100.2, which primary has: must be an address of proxy-a`,
  ],
  [
    { 37: '      proxy-b: { interface: lan0, lanAddresses: [192.0.2.2, "2001:db8:0:1::1"] }' },
    '37:61',
    `${proxies}.proxy-b.lanAddresses[1] is 2001:db8:0:1::1, which proxy-a has: must be an address of proxy-b`,
  ],
  [
    { 28: '        gateways: [198.51.100.1]' },
    '28:19',
    `${members}.primary.gateways has no IPv6 address, but the group has: packets of that family could not be routed; add proxy-a's on that network`,
  ],
  [
    { 28: null },
    '24:9',
    `${members}.primary.gateways has no IPv6 address, but the group has: packets of that family could not be routed; add proxy-a's on that network`,
  ],
  [
    { 27: '        lanAddresses: ["2001:db8:0:a::2"]' },
    '27:23',
    `${members}.primary.lanAddresses has no IPv4 address, but the group has: packets of that family could not be routed; add primary's on that network`,
  ],
  [
    { 21: '    addresses: [192.0.2.2, "2001:db8:0:1::10"]' },
    '21:17',
    `groups.web.addresses[0] is 192.0.2.2, which is proxy-b's own address: a group needs an address of its own`,
  ],
  [
    { 21: '    addresses: [192.0.2.10, "2001:db8:0:a::1"]' },
    '21:29',
    `groups.web.addresses[1] is 2001:db8:0:a::1, which is proxy-a's own address: a group needs an address of its own`,
  ],
  [
    { 11: null, 12: null },
    '29:7',
    `${members}.redundant has no path to primary: members of a group must share at least one path`,
  ],
];

for (const [changes, where, words] of wrong) {
  test(`refuses at ${where}: ${words}`, () => {
    const problems = problemsOf(changes);
    const found = problems.some((problem) => problem.startsWith(`u.yaml:${where}: ${words}`));
    assert.ok(found, `got:\n${problems.join('\n') || 'no problem'}`);
  });
}

test('one mistake is one problem, where it does not stand twice in the file', () => {
  const alone = [
    { 24: '        interface: link0' },
    { 24: '        interface: link0', 27: null, 28: null },
    { 28: '        gateways: [198.51.100.1]' },
    { 11: null, 12: null },
  ];
  for (const changes of alone) assert.equal(problemsOf(changes).length, 1, problemsOf(changes).join('\n'));
});

test('members that only see each other through the proxies have a routed path, and that is enough', () => {
  const routed = {
    11: '  routed:',
    12: '    { id: 5, kind: lan, hops: 2, port: 7172, members: { primary: {interface: seg0, address: 198.51.100.2}, redundant: {interface: seg0, address: 198.51.100.6} } }',
  };
  assert.deepEqual(problemsOf(routed), []);
});

test('the interval of heartbeats does not matter to registrations where there are no proxies', () => {
  const slow = parseConfig('u.yaml', exampleText({ 6: 'heartbeat: { intervalMs: 5000 }' }));
  assert.equal(slow.reactor.engine.heartbeatIntervalUs, 5_000_000);
});

test('proxies that do not hear each other are worth a warning, on each node of the group', () => {
  for (const node of ['primary', 'proxy-b']) {
    const { warnings } = parseConfig('u.yaml', proxiedText({ 2: `node: ${node}`, 17: null, 18: null }));
    assert.deepEqual(warnings, [
      'group web: proxy-a and proxy-b share no path, so the proxies do not hear each other: they learn of a takeover ' +
        'only from announcements and their members; describe a path between them',
    ]);
  }
});

test('a family in which a proxy cannot send stragglers on is worth a warning', () => {
  const warnings = (node: string): readonly string[] =>
    parseConfig('u.yaml', proxiedText({ 2: `node: ${node}`, 37: '      proxy-b: { interface: lan0 }' }))
      .warnings;
  assert.deepEqual(warnings('proxy-a'), [
    'group web: no IPv6 address of proxy-b on the LAN is known, so IPv6 packets that still arrive here after a ' +
      'takeover are lost; add it to proxies.proxy-b.lanAddresses',
  ]);
  // Not its own business: who is behind a proxy forwards nothing.
  assert.deepEqual([warnings('primary'), warnings('proxy-b')], [[], []]);
});

test('a member on the LAN is warned when the proxy of another lacks a family there', () => {
  const changes = {
    2: 'node: redundant',
    18: '    { id: 4, kind: lan, port: 7171, members: { proxy-a: {interface: lan0, address: 192.0.2.1}, redundant: {interface: lan0, address: 192.0.2.3} } }',
    30: '        interface: lan0',
    32: null,
    33: '        lanAddresses: [192.0.2.3, "2001:db8:0:1::3"]',
    34: null,
    36: '      proxy-a: { interface: lan0 }',
    37: null,
  };
  assert.deepEqual(parseConfig('u.yaml', proxiedText(changes)).warnings, [
    'group web: no IPv6 address of proxy-a on the LAN is known, so a planned switchover to primary loses the IPv6 ' +
      'packets of some milliseconds; add it to proxies.proxy-a.lanAddresses',
  ]);
});

test('a node that is neither a member nor a proxy is told so', () => {
  const { warnings } = parseConfig(
    'u.yaml',
    proxiedText({ 2: 'node: spare', 9: '  proxy-b: { id: 12 }\n  spare: { id: 13 }' }),
  );
  assert.deepEqual(warnings, ['spare is a member of no group, and a proxy or witness of none']);
});
