import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Changes, proxiedText } from '../../test/daemon/example-config.ts';
import { parseConfig } from './config/load.ts';
import type { ResolvedConfig } from './config/resolve.ts';
import { planReload, type ReloadPlan } from './reload.ts';

function load(node: string, changes: Changes = {}): ResolvedConfig {
  return parseConfig('u.yaml', proxiedText({ 2: `node: ${node}`, ...changes }));
}

function plan(node: string, changes: Changes): ReloadPlan {
  return planReload(load(node), load(node, changes));
}

const nodes = ['primary', 'redundant', 'proxy-a', 'proxy-b'];

test('the same file changes nothing, on any node', () => {
  for (const node of nodes) {
    const { config, changed, needsRestart } = plan(node, {});
    assert.deepEqual([changed, needsRestart], [[], []]);
    const { reactor, control } = load(node);
    assert.deepEqual([config.reactor, config.control], [reactor, control]);
  }
});

test('how long registrations and stragglers last takes effect at once', () => {
  const line = 'proxy: { registrationMs: 500, stragglersMs: 700 }';
  for (const node of nodes) {
    const { config, changed, needsRestart } = plan(node, { 4: line });
    assert.deepEqual([changed, needsRestart], [['proxy'], []]);
    const { registrationUs, stragglersUs } = config.reactor.engine;
    assert.deepEqual([registrationUs, stragglersUs], [500_000, 700_000]);
  }
});

test('the waiting room is fixed, and only a proxy has one', () => {
  const line = 'proxy: { holdBytes: 8388608, holdAgeMs: 100 }';
  const { config, changed, needsRestart } = plan('proxy-a', { 4: line });
  assert.deepEqual([changed, needsRestart], [[], ['holdBytes', 'proxy.holdAgeMs']]);
  assert.deepEqual([config.reactor.holdBytesMax, config.reactor.holdAgeUs], [4_194_304, 2_000_000]);
  assert.deepEqual(plan('primary', { 4: line }).needsRestart, []);
});

test('signals of a takeover take effect at once on a proxy, too', () => {
  const line = '  web:\n    takeOverOn: { carrier: false }';
  for (const node of nodes) {
    const { config, changed, needsRestart } = plan(node, { 20: line });
    assert.deepEqual([changed, needsRestart], [['groups.web'], []]);
    const { groups, proxied } = config.reactor.engine;
    assert.equal([...groups, ...proxied][0]?.takeOverOn.carrier, false);
  }
});

test('who is behind which proxy is fixed', () => {
  // Redundant moves to proxy-a, and proxy-b goes.
  const moved = {
    16: '    { id: 3, kind: cable, port: 7170, members: { proxy-a: {interface: seg1, address: 198.51.100.5}, redundant: {interface: seg0, address: 198.51.100.6} } }',
    32: '        proxy: proxy-a',
    37: null,
  };
  const restart = (node: string): readonly string[] => plan(node, moved).needsRestart;
  assert.deepEqual(restart('primary'), ['groups.web.proxies']);
  const own = ['groups.web (interface or addresses)', 'groups.web.members', 'groups.web.proxies'];
  assert.deepEqual(restart('redundant'), ['paths', ...own]);
  assert.deepEqual(restart('proxy-a'), ['paths', ...own.slice(0, 2)]);
  assert.deepEqual(restart('proxy-b'), ['proxy.holdAgeMs', 'paths', 'groups.web']);
  for (const node of nodes) {
    const { reactor } = load(node);
    assert.deepEqual(plan(node, moved).config.reactor, reactor);
  }
});

test('gateways and the LAN of a proxy are fixed', () => {
  const served = ['groups.web (interface or addresses)'];
  assert.deepEqual(
    plan('primary', { 28: '        gateways: [198.51.100.1, "2001:db8:0:a::9"]' }).needsRestart,
    served,
  );
  assert.deepEqual(plan('proxy-b', { 37: '      proxy-b: { interface: lan7 }' }).needsRestart, served);
});

test('a member that becomes a proxy of the group, or leaves it, needs a restart, and keeps its part until then', () => {
  const alone =
    '      redundant: { interface: seg0, proxy: proxy-b }\n    proxies:\n      proxy-b: { interface: lan0 }';
  const left = {
    4: null,
    21: '    addresses: [192.0.2.10]',
    ...without(23, 34),
    35: null,
    36: null,
    37: alone,
  };
  assert.deepEqual(plan('primary', left).needsRestart, ['groups.web']);
  const turned = `${alone}\n      primary: { interface: lan0 }`.replace(
    'redundant:',
    'proxy-a: { interface: seg0, proxy: primary }\n      redundant:',
  );
  const paths =
    '    { id: 1, kind: cable, port: 7169, members: { proxy-a: {interface: spare0, address: 203.0.113.1}, redundant: {interface: link0, address: 203.0.113.2} } }';
  const { config, needsRestart } = plan('primary', { ...left, 12: paths, 37: turned });
  assert.deepEqual(needsRestart, ['proxy.holdAgeMs', 'paths', 'groups.web']);
  assert.deepEqual([config.reactor, config.control], [load('primary').reactor, load('primary').control]);
});

function without(first: number, last: number): Changes {
  return Object.fromEntries(Array.from({ length: last - first + 1 }, (_, index) => [first + index, null]));
}
