import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { after, type TestContext, test } from 'node:test';
import { inNamespace, ip } from '../../../test/namespace.ts';
import { monotonicUs } from '../clock.ts';
import { OperationError } from '../errors.ts';
import { interfaceIndex } from '../interfaces.ts';
import * as rule from './expression.ts';
import { PreparedTransaction } from './prepared.ts';
import * as change from './request.ts';
import { NftablesSocket } from './socket.ts';

inNamespace(import.meta.filename);

ip('link add lan0 type veth peer name far0');
const nftables = NftablesSocket.open();
const netdev: change.Table = { family: 'netdev', name: 'example' };
const inet: change.Table = { family: 'inet', name: 'example' };
after(() => {
  nftables.close();
  ip('link delete lan0');
});

const keysIn = (set: string): Buffer[] => nftables.elements(netdev, set).map((element) => element.key);

/** What the `nft` tool, which knows nothing of this code, reads. */
function listing(context: TestContext): string | undefined {
  if (spawnSync('nft', ['--version']).error === undefined) {
    return execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });
  }
  assert.equal(process.env['CI'], undefined, 'package: nft is missing; remedy: apt install nftables');
  context.skip('nft is missing; remedy: apt install nftables');
  return undefined;
}

const isIpv4 = [rule.meta('protocol'), rule.is('equal', Buffer.from([8, 0]))];
const key = Buffer.from([192, 0, 2, 10]);
const mark = Buffer.from([0, 0, 0, 1]);

test('the nft tool reads what was meant', (context) => {
  const lan = interfaceIndex('lan0');
  const peer6 = Buffer.from('20010db8000000000000000000000002', 'hex');
  nftables.commit([
    change.newTable(netdev),
    change.newSet(netdev, 'addresses', 'ipv4'),
    ...change.addElements(netdev, 'addresses', [key]),
    change.newSet(netdev, 'six', 'ipv6'),
    change.newVerdictMap(netdev, 'owners', 'ipv4'),
    change.newSet(netdev, 'alive', 'mark', true),
    change.addTimedElement(netdev, 'alive', mark, 60_000),
    change.newChain(netdev, 'plain'),
    change.newChain(netdev, 'leaving', { kind: 'egress', device: 'lan0', priority: 7 }),
    change.newChain(netdev, 'arriving', { kind: 'ingress', device: 'lan0', priority: -7 }),
    change.newRule(netdev, 'leaving', [
      ...isIpv4,
      rule.payload('network', 12, 4),
      rule.isIn('addresses'),
      rule.counter(),
      rule.jump('plain'),
    ]),
    change.newRule(netdev, 'leaving', [...isIpv4, rule.payload('network', 12, 4), rule.follow('owners')]),
    ...change.addJumps(netdev, 'owners', [key], 'plain'),
    change.newRule(netdev, 'plain', [
      rule.meta('l4proto'),
      rule.is('equal', Buffer.from([58])),
      rule.payload('transport', 0, 1),
      rule.is('atLeast', Buffer.from([133])),
      rule.is('atMost', Buffer.from([137])),
      rule.comeBack(),
    ]),
    change.newRule(netdev, 'plain', [
      rule.payload('link', 6, 6),
      rule.is('unequal', Buffer.from('02005e005301', 'hex')),
      rule.drop(),
    ]),
    change.newRule(netdev, 'plain', [
      rule.payload('transport', 13, 1),
      rule.only(Buffer.from([5])),
      rule.is('unequal', Buffer.from([0])),
      rule.meta('mark'),
      rule.is('unequal', mark),
      rule.drop(),
    ]),
    change.newRule(netdev, 'arriving', [
      ...isIpv4,
      rule.payload('network', 16, 4),
      rule.is('equal', key),
      ...rule.forwardVia(lan, Buffer.from([192, 0, 2, 2])),
    ]),
    change.newRule(netdev, 'arriving', [...rule.forwardVia(lan, peer6)]),
    change.newRule(netdev, 'arriving', [...rule.forward(lan)]),
    change.newRule(netdev, 'arriving', [rule.constant(mark), rule.isIn('alive'), rule.goTo('plain')]),
    change.newTable(inet),
    change.newChain(inet, 'output', { kind: 'output', priority: 0 }),
    change.newChain(inet, 'forward', { kind: 'forward', priority: 0 }),
    change.newRule(inet, 'output', [
      rule.meta('oifname'),
      rule.is('equal', rule.interfaceName('lan0')),
      rule.accept(),
    ]),
    change.newRule(inet, 'forward', [
      rule.meta('nfproto'),
      rule.is('equal', Buffer.from([10])),
      rule.payload('network', 8, 16),
      rule.is('equal', peer6),
      rule.drop(),
    ]),
  ]);
  const text = listing(context);
  for (const line of [
    'type ipv4_addr',
    'elements = { 192.0.2.10 }',
    'type ipv6_addr',
    'flags timeout',
    'type filter hook egress device "lan0" priority filter + 7; policy accept;',
    'type filter hook ingress device "lan0" priority filter - 7; policy accept;',
    'ip saddr @addresses counter packets 0 bytes 0 jump plain',
    'type ipv4_addr : verdict',
    'elements = { 192.0.2.10 : jump plain }',
    'ip saddr vmap @owners',
    'icmpv6 type 133-137 return',
    '@ll,48,48 != 0x2005e005301 drop',
    '@th,104,8 & 0x5 != 0x0 meta mark != 0x01000000 drop',
    'ip daddr 192.0.2.10 fwd ip to 192.0.2.2 device "lan0"',
    'fwd ip6 to 2001:db8::2 device "lan0"',
    'fwd to "lan0"',
    '@alive goto plain',
    'type filter hook output priority filter; policy accept;',
    'type filter hook forward priority filter; policy accept;',
    'oifname "lan0" accept',
    'ip6 saddr 2001:db8::2 drop',
  ]) {
    if (text !== undefined) assert.ok(text.includes(line), `${line}\nis not in\n${text}`);
  }
  if (text !== undefined) assert.match(text, /elements = \{ 0x00000001 timeout 1m expires [\dms]+ \}/);
});

test('tables, chains, rules and elements are read back', () => {
  assert.deepEqual(nftables.tables(), [netdev, inet]);
  assert.deepEqual(nftables.chains(netdev), [
    { name: 'plain', devices: [] },
    { name: 'leaving', devices: ['lan0'] },
    { name: 'arriving', devices: ['lan0'] },
  ]);
  assert.deepEqual(
    nftables.chains(inet).map((chain) => chain.name),
    ['output', 'forward'],
  );
  assert.equal(nftables.ruleCount(netdev), 9);
  assert.deepEqual(nftables.elements(netdev, 'owners'), [{ key, chain: 'plain' }]);
  assert.deepEqual(keysIn('addresses'), [key]);
  assert.deepEqual(keysIn('alive'), [mark]);
  assert.throws(() => nftables.elements(netdev, 'nowhere'), { errno: 'ENOENT' });
});

test('a transaction is all or nothing', () => {
  const other = Buffer.from([192, 0, 2, 11]);
  assert.throws(
    () =>
      nftables.commit([
        ...change.addElements(netdev, 'addresses', [other]),
        ...change.deleteElements(netdev, 'addresses', [Buffer.from([192, 0, 2, 12])]),
        change.flushChain(inet, 'output'),
      ]),
    { operation: 'delete from nftables set', subject: 'netdev example addresses', errno: 'ENOENT' },
  );
  assert.deepEqual(keysIn('addresses'), [key]);
  assert.equal(nftables.ruleCount(inet), 2);
});

test('a timed element is not prolonged by adding it again', () => {
  assert.throws(() => nftables.commit([change.addTimedElement(netdev, 'alive', mark, 60_000)]), {
    errno: 'EEXIST',
  });
});

test('thousands of elements, more than one attribute holds', () => {
  const keys = Array.from({ length: 5000 }, (_, n) => {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt32BE(n, 12);
    return bytes;
  });
  nftables.commit(change.addElements(netdev, 'six', keys));
  assert.equal(keysIn('six').length, 5000);
  nftables.commit(change.deleteElements(netdev, 'six', keys.slice(1)));
  assert.deepEqual(keysIn('six'), keys.slice(0, 1));
  nftables.commit([change.flushSet(netdev, 'six'), change.flushSet(netdev, 'six')]);
  assert.deepEqual(keysIn('six'), []);
});

test('a prepared transaction is carried out again and again, with the timeouts it is told', () => {
  const prepared = new PreparedTransaction([
    change.flushSet(netdev, 'alive'),
    change.addTimedElement(netdev, 'alive', mark, 60_000),
  ]);
  for (let round = 0; round < 3; round++) assert.equal(nftables.repeat(prepared), true);
  assert.deepEqual(keysIn('alive'), [mark]);
  prepared.lasting('nowhere', 1);
  prepared.lasting('alive', 30);
  const beganUs = monotonicUs();
  assert.equal(nftables.repeat(prepared), true);
  while (keysIn('alive').length > 0) assert.ok(monotonicUs() - beganUs < 1_000_000);
  const gone = new PreparedTransaction(change.deleteElements(netdev, 'alive', [mark]));
  assert.equal(nftables.repeat(gone), false, 'it is not there');
  assert.equal(nftables.repeat(prepared), true, 'and a refusal does no harm to what follows');
});

test('a table of our own is changed by nobody else, stays without us, and is anybody’s then', (context) => {
  const own: change.Table = { family: 'inet', name: 'own' };
  const owner = NftablesSocket.open();
  try {
    owner.commit([change.newOwnTable(own), change.newSet(own, 'alive', 'mark', true)]);
  } catch (error) {
    owner.close();
    assert.ok(error instanceof OperationError && ['EOPNOTSUPP', 'EINVAL'].includes(error.errno));
    return context.skip('kernel: tables with an owner that stay; remedy: Linux 6.9');
  }
  for (const request of [
    change.deleteTable(own),
    change.addTimedElement(own, 'alive', mark, 1000),
    change.flushSet(own, 'alive'),
  ])
    assert.throws(() => nftables.commit([request]), { errno: 'EPERM' });
  owner.commit(change.addElements(own, 'alive', [mark]));
  assert.equal(nftables.elements(own, 'alive').length, 1);
  owner.close();
  assert.equal(nftables.elements(own, 'alive').length, 1);
  nftables.commit([change.deleteTable(own)]);
});

test('chains and tables go', () => {
  nftables.commit([change.deleteChain(netdev, 'arriving'), change.flushChain(inet, 'output')]);
  assert.equal(nftables.chains(netdev).length, 2);
  assert.equal(nftables.ruleCount(inet), 1);
  nftables.commit([change.deleteTable(netdev), change.deleteTable(inet)]);
  assert.deepEqual(nftables.tables(), []);
});
