/**
 * Somebody else changes the fence: a firewall is loaded anew, an operator tidies up. From Linux 6.9 on the kernel refuses
 * it; before, it is heard, and mended.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, type TestContext, test } from 'node:test';
import { lease, leavingChain, sets, tablesOf } from '../../src/linux/fence/config.ts';
import { Fence, type FenceConfig } from '../../src/linux/fence/fence.ts';
import { interfaceIndex } from '../../src/linux/interfaces.ts';
import {
  addElements,
  deleteChain,
  deleteElements,
  deleteTable,
  flushChain,
  flushSet,
  type NftablesRequest,
  newTable,
} from '../../src/linux/nftables/request.ts';
import { NftablesSocket } from '../../src/linux/nftables/socket.ts';
import { inNamespace } from '../namespace.ts';
import { untilReady } from '../readiness.ts';
import { assertSilent, first, config as owned, second, yes } from './pair.ts';
import { every, heard, lay, shared4, shared6 } from './voices.ts';

inNamespace(import.meta.filename);
lay();

const config: FenceConfig = { ...owned, leaseMs: 2000, own: false };
const { netdev, inet, arp } = tablesOf(config.instance);
const address = Buffer.from([192, 0, 2, 10]);
const groupOne = Buffer.from([0, 0, 0, 1]);
const fences: Fence[] = [];

afterEach(() => {
  for (const fence of fences.splice(0)) fence.remove();
});

function armed(o: FenceConfig): Fence {
  const fence = Fence.arm(o);
  fences.push(fence);
  return fence;
}

/** Each thing that somebody might do, alone. */
function deeds(): ReadonlyMap<string, readonly NftablesRequest[]> {
  const egress = `egress${interfaceIndex('lan0')}`;
  return new Map([
    ['removes a table', [deleteTable(inet)]],
    ['removes another table', [deleteTable(netdev)]],
    ['removes what the kernel may say by ARP', [deleteTable(arp)]],
    ['removes all', [deleteTable(netdev), deleteTable(inet), deleteTable(arp)]],
    ['removes the chain of an interface', [deleteChain(netdev, egress)]],
    ['empties the chain of an interface', [flushChain(netdev, egress)]],
    ['empties the chain of a group', [flushChain(netdev, leavingChain({ id: first }))]],
    ['removes an address', deleteElements(netdev, sets.leaving4, [address])],
    ['removes a group that is held', deleteElements(netdev, sets.held, [groupOne])],
    ['ends the lease', deleteElements(netdev, sets.alive, [lease])],
    ['gives a lease for ever', [flushSet(netdev, sets.alive), ...addElements(netdev, sets.alive, [lease])]],
  ]);
}

function by(somebody: (nftables: NftablesSocket) => void): void {
  const nftables = NftablesSocket.open();
  try {
    somebody(nftables);
  } finally {
    nftables.close();
  }
}

test('nobody else can change it', (context) => {
  const fence = armed({ ...config, own: true });
  if (!ownable(fence, context)) return;
  assert.equal(fence.acquire(first, yes), true);
  assert.equal(fence.descriptor, undefined);
  for (const [what, requests] of deeds()) {
    by((nftables) => assert.throws(() => nftables.commit(requests), { errno: 'EPERM' }, what));
  }
  assert.throws(() => Fence.clean('understudy-'), { errno: 'EPERM' });
  assert.equal(fence.renew(), 'held');
  assert.deepEqual(heard(shared4), every(shared4));
  fence.yield(first);
  assertSilent();
});

test('a firewall that flushes the rule set passes it over', (context) => {
  if (spawnSync('nft', ['--version']).error !== undefined) {
    assert.equal(process.env['CI'], undefined, 'package: nft is missing; remedy: apt install nftables');
    return context.skip('nft is missing; remedy: apt install nftables');
  }
  const fence = armed({ ...config, own: true });
  if (!ownable(fence, context)) return;
  by((nftables) => nftables.commit([newTable({ family: 'inet', name: 'firewall' })]));
  assert.equal(spawnSync('nft', ['flush', 'ruleset']).status, 0);
  by((nftables) => assert.equal(nftables.tables().filter(({ name }) => name === 'firewall').length, 0));
  assert.equal(fence.isWhole(), true);
  assertSilent();
});

/** Before Linux 6.9 there is nothing to be tested. */
function ownable(fence: Fence, context: TestContext): boolean {
  if (!fence.offer.own) context.skip('kernel: tables with an owner that stay; remedy: Linux 6.9');
  return fence.offer.own;
}

test('whatever somebody changes is heard, with the name of the program, and mended with the role', () => {
  const fence = armed(config);
  assert.equal(fence.acquire(first, yes), true);
  for (const [what, requests] of deeds()) {
    assert.equal(fence.changedBy(), undefined, what);
    by((nftables) => nftables.commit(requests));
    untilReady(fence.descriptor ?? -1);
    assert.match(fence.changedBy() ?? '', /^\S.* \(process \d+\)$/, what);
    assert.deepEqual(
      fence.mend(yes, () => undefined),
      [],
      what,
    );
    assert.equal(fence.renew(), 'held', what);
    assert.deepEqual(Fence.inspect('test'), { leaseAlive: true, held: ['192.0.2.10', '2001:db8::10'] }, what);
  }
  assert.equal(fence.changedBy(), undefined);
  for (const one of [shared4, shared6]) assert.deepEqual(heard(one), every(one));
  fence.yield(first);
  assertSilent();
});

test('our own changes, and those of other tables, are none', () => {
  const fence = armed(config);
  assert.equal(fence.acquire(first, yes), true);
  assert.equal(fence.renew(), 'held');
  fence.forwardTo(first, { v4: shared4 });
  fence.stopForwarding(first);
  fence.rearm();
  fence.yield(first);
  const other = { family: 'inet', name: 'firewall' } as const;
  by((nftables) => nftables.commit([newTable(other)]));
  by((nftables) => nftables.commit([deleteTable(other)]));
  assert.equal(fence.changedBy(), undefined);
});

test('who is not entitled any more when it is mended stays closed, all groups', () => {
  const fence = armed(config);
  assert.equal(fence.acquire(first, yes), true);
  assert.equal(
    fence.acquire(second, yes, () => 1000),
    true,
  );
  by((nftables) => nftables.commit([deleteTable(netdev)]));
  const lost = fence.mend(
    () => false,
    () => () => 1000,
  );
  assert.deepEqual(lost.sort(), [first, second]);
  assert.equal(fence.holding, false);
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: [] });
  assertSilent();
});

test('a group with an end of its own keeps that end, or is lost', () => {
  const fence = armed(config);
  const limit = (): number => 1000;
  assert.equal(fence.acquire(first, yes, limit), true);
  assert.equal(fence.acquire(second, yes, limit), true);
  by((nftables) => nftables.commit([deleteTable(netdev), deleteTable(inet)]));
  const lost = fence.mend(yes, (group) => (group === first ? limit : () => 0));
  assert.deepEqual(lost, [second]);
  assert.equal(fence.extend(first, limit), true);
  assert.equal(fence.extend(second, limit), false);
  assert.deepEqual(heard(shared4), every(shared4));
});

test('a renewal that comes upon it says so, and gives nothing up', () => {
  const fence = armed(config);
  const flush = (): void => by((nftables) => nftables.commit([netdev, inet, arp].map(deleteTable)));
  assert.equal(fence.acquire(first, yes), true);
  flush();
  assert.equal(Fence.inspect('test'), undefined);
  assert.equal(fence.isWhole(), false);
  assert.equal(fence.renew(), 'changed');
  assert.match(fence.changedBy() ?? '', /\(process \d+\)$/);
  assert.equal(fence.changedBy(), undefined);
  assert.deepEqual(
    fence.mend(yes, () => undefined),
    [],
  );
  assert.equal(fence.isWhole(), true);
  assert.deepEqual(heard(shared4), every(shared4));
});

test('whatever is done with a fence that is gone builds it anew, closed', () => {
  const fence = armed(config);
  const flush = (): void => {
    by((nftables) => nftables.commit([netdev, inet, arp].map(deleteTable)));
    fence.changedBy();
  };
  assert.equal(fence.acquire(first, yes), true);
  flush();
  assert.equal(fence.renew(), 'lost');
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: [] });
  assertSilent();
  flush();
  assert.equal(fence.acquire(first, yes), true);
  assert.deepEqual(heard(shared4), every(shared4));
  flush();
  fence.yield(first);
  assertSilent();
  flush();
  fence.rearm();
  assertSilent();
});

test('one table of several removed: the whole fence is built anew', () => {
  const fence = armed(config);
  assert.equal(fence.acquire(first, yes), true);
  by((nftables) => nftables.commit([deleteTable(inet)]));
  assert.equal(Fence.inspect('test'), undefined);
  fence.rearm();
  assert.deepEqual(Fence.inspect('test'), { leaseAlive: false, held: ['192.0.2.10', '2001:db8::10'] });
  assertSilent();
  assert.equal(fence.renew(), 'lost');
});

test('a second one of the same instance cannot replace it', (context) => {
  const living = armed({ ...config, own: true });
  if (!ownable(living, context)) return;
  assert.equal(living.acquire(first, yes), true);
  assert.throws(() => Fence.arm({ ...config, own: true }), { errno: 'EPERM' });
  assert.equal(living.renew(), 'held');
});
