import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { exampleText } from '../../../test/daemon/example-config.ts';
import { clusterNumber, groupId, instanceId } from './identity.ts';
import { parseConfig } from './load.ts';

test('numbers come from names as the wire format says', () => {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  assert.equal(groupId('web'), Number.parseInt(digest('web').slice(0, 8), 16));
  assert.equal(clusterNumber('lab'), Number.parseInt(digest('lab').slice(0, 12), 16));
  assert.notEqual(instanceId('lab', 'primary'), instanceId('lab', 'redundant'));
  assert.ok(`ush${instanceId('lab', 'primary')}`.length <= 15);
});

test('each member resolves the same file to its own side of every path', () => {
  const primary = parseConfig('u.yaml', exampleText()).reactor;
  const redundant = parseConfig('u.yaml', exampleText({ 2: 'node: redundant' })).reactor;
  assert.deepEqual([primary.engine.self, redundant.engine.self], [1, 2]);
  assert.equal(primary.cluster, redundant.cluster);
  for (const [index, path] of primary.paths.entries()) {
    const mirrored = redundant.paths[index];
    assert.equal(path.localAddress, mirrored?.peerAddress);
    assert.equal(path.peerAddress, mirrored?.localAddress);
    assert.deepEqual([path.peer, mirrored?.peer], [2, 1]);
  }
  assert.deepEqual(primary.engine.groups, redundant.engine.groups);
  assert.deepEqual(primary.groups[0]?.memberAddresses, [
    { member: 1, addresses: ['192.0.2.1'] },
    { member: 2, addresses: ['192.0.2.2', '2001:db8:0:1::2'] },
  ]);
});

test('durations become microseconds, fractions too', () => {
  const { engine, renewIntervalUs } = parseConfig(
    'u.yaml',
    exampleText({ 6: 'heartbeat: { intervalMs: 1.5 }', 7: 'lease: { renewMs: 2.25 }' }),
  ).reactor;
  assert.equal(engine.heartbeatIntervalUs, 1500);
  assert.equal(renewIntervalUs, 2250);
  assert.deepEqual(engine.announceScheduleUs, [50_000, 200_000]);
});

test('defaults: state and socket by node, lease by scheduling', () => {
  const bare = { 4: null, 5: null, 7: null };
  const { control, reactor } = parseConfig('u.yaml', exampleText(bare));
  assert.equal(control.stateDir, '/var/lib/understudy/primary');
  assert.equal(control.socket, '/run/understudy/primary.sock');
  assert.deepEqual([reactor.leaseMs, reactor.renewIntervalUs, reactor.fifoPriority], [20, 4000, 10]);
  const ordinary = parseConfig('u.yaml', exampleText({ ...bare, 8: 'realtime: false' })).reactor;
  assert.deepEqual([ordinary.leaseMs, ordinary.fifoPriority], [60, 0]);
});

test('a member of a group may have another interface, and name its own LAN addresses', () => {
  const members =
    '    members: { primary: { interface: eth7, lanAddresses: [192.0.2.77] }, redundant: { priority: 1 } }';
  const { reactor } = parseConfig('u.yaml', exampleText({ 33: members }));
  assert.equal(reactor.groups[0]?.interface, 'eth7');
  assert.deepEqual(reactor.groups[0]?.memberAddresses[0]?.addresses, ['192.0.2.77']);
});

test('several peers on one LAN share its socket; a peer without a common path is no peer', () => {
  const { reactor } = parseConfig(
    'u.yaml',
    exampleText({
      13: '  redundant: { id: 2 }\n  third: { id: 3 }\n  far: { id: 4 }',
      28: '      redundant: { interface: lan0, address: 192.0.2.2 }\n      third: { interface: lan0, address: 192.0.2.3 }',
    }),
  );
  assert.deepEqual(
    reactor.engine.peers.map(({ id, paths }) => [id, paths.map((path) => path.id)]),
    [
      [2, [1, 2]],
      [3, [2]],
    ],
  );
  const lan = reactor.paths.filter((path) => path.path === 2);
  assert.deepEqual(new Set(lan.map((path) => `${path.localAddress}:${path.port}`)).size, 1);
});

test('a group with checks is told apart: its health is unknown at the start', () => {
  const checked = (changes: Record<number, string | null> = {}): boolean | undefined =>
    parseConfig('u.yaml', exampleText(changes)).reactor.groups[0]?.checked;
  assert.equal(checked(), true);
  assert.equal(checked({ 34: null, 35: null }), false);
});

test('a node in no group is told so', () => {
  const { warnings } = parseConfig('u.yaml', exampleText({ 33: '    members: { redundant: {} }' }));
  assert.match(warnings.join(), /primary is a member of no group/);
});
