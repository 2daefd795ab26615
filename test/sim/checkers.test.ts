/** Each rule of the checkers sees what it is there for: states that no engine made, put together by hand. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Machine } from '../../src/sim/machine.ts';
import type { Plan } from '../../src/sim/plan.ts';
import { World } from '../../src/sim/world.ts';
import {
  type ControlMessage,
  ControlType,
  MemberState,
  noTerm,
  type Term,
} from '../../src/wire/control/message.ts';

/** A world in which nothing happens by itself: its machines live, and no engine runs in them. */
function still(wanted: (plan: Plan) => boolean): { world: World; one: Machine; other: Machine } {
  for (let seed = 1; ; seed++) {
    const world = new World(seed);
    if (!wanted(world.plan)) continue;
    for (const { condition } of world.machines) condition.begin(0);
    const [one, other] = world.machines;
    assert.ok(one !== undefined && other !== undefined);
    return { world, one, other };
  }
}

const plain = ({ quorum, proxies, preempt }: Plan): boolean =>
  quorum === undefined && proxies.length === 0 && !preempt;
/** The first member is on the hosts' LAN itself, another one is not. */
const besideProxy = ({ quorum, missCount, proxyOf, members: [first] }: Plan): boolean =>
  quorum === undefined && missCount > 2 && proxyOf.size > 0 && first !== undefined && !proxyOf.has(first);
const strict = ({ quorum, proxies }: Plan): boolean => quorum !== undefined && proxies.length === 0;

function takes(world: World, machine: Machine, counter: number): Term {
  const term = { counter, member: machine.id };
  machine.fence.acquire(world.agenda.now);
  world.checker.activated(machine, term);
  return term;
}

/** Its lease is renewed, whatever time passes. */
function pass(world: World, us: number, ...holders: readonly Machine[]): void {
  world.agenda.runUntil(world.agenda.now + us);
  for (const { fence } of holders) fence.acquire(world.agenda.now);
}

function word(from: Machine, to: Machine, term: Term): ControlMessage {
  return {
    type: ControlType.heartbeat,
    flags: 0,
    cluster: 1,
    sender: from.id,
    receiver: to.id,
    path: 1,
    senderBoot: 1,
    echoBoot: 1,
    sequence: 1,
    scope: 0,
    term: noTerm,
    state: MemberState.starting,
    intervalUs: 1000,
    groups: [{ group: 1, state: MemberState.active, flags: 0, priority: 100, term, falls: 0, yourFalls: 0 }],
    target: 0,
  };
}

describe('a role that moves for nothing', () => {
  test('a member that is well gives it up', () => {
    const { world, one } = still(plain);
    takes(world, one, 1);
    assert.throws(() => world.checker.yielded(one), /gives the role up, and has no cause/);
  });

  test('not one that was asked to, stops, or has heard a higher term', () => {
    const { world, one, other } = still(plain);
    takes(world, one, 1);
    world.checker.asked();
    world.checker.yielded(one);
    pass(world, 2_000_000, one);
    assert.throws(() => world.checker.yielded(one), /no cause/);
    one.stopping = true;
    world.checker.yielded(one);
    one.stopping = false;
    world.checker.heard(one, word(other, one, { counter: 2, member: other.id }));
    world.checker.yielded(one);
  });

  test('nor one whose checks fail, where the policy makes that a cause', () => {
    for (const status of [true, false]) {
      const { world, one } = still((plan) => plain(plan) && plan.takeOverOn.status === status);
      takes(world, one, 1);
      one.condition.check(false, world.agenda.now);
      if (status) world.checker.yielded(one);
      else assert.throws(() => world.checker.yielded(one), /no cause/);
    }
  });

  test('somebody acts long after anything happened', () => {
    const { world, one } = still(plain);
    pass(world, 60_000_000);
    assert.throws(() => takes(world, one, 1), /activates without a cause/);
  });

  test('the lease of a member that runs ends', () => {
    const { world, one } = still(plain);
    takes(world, one, 1);
    pass(world, 1_000_000);
    assert.throws(() => world.checker.leaseEnded(one), /ends, though it has run/);
    one.freeze(1);
    world.checker.leaseEnded(one);
  });
});

describe('two at one time', () => {
  test('who has just heard an active member acts beside it, in the middle of a storm elsewhere', () => {
    const { world, one, other } = still((plan) => plain(plan) && plan.members.length === 3);
    const term = takes(world, one, 1);
    pass(world, 1_000_000, one);
    world.checker.heard(other, word(one, other, term));
    world.checker.disturbed();
    assert.throws(() => takes(world, other, 2), /heard that it is active 0 µs ago/);
  });

  test('who could hear it, and has not', () => {
    const { world, one, other } = still(plain);
    takes(world, one, 1);
    pass(world, 1_000_000, one);
    world.checker.disturbed();
    // No word has proven the path yet.
    const us = 1_000_000 - 5 * world.plan.intervalUs;
    assert.throws(() => takes(world, other, 2), new RegExp(`could hear it for ${us} µs`));
  });

  test('not by a proxy, whose word is not its own', () => {
    for (const says of ['proxy', 'holder'] as const) {
      const { world, one, other } = still(besideProxy);
      const proxy = world.machines.find(({ isProxy }) => isProxy);
      const between = world.plan.paths.find(
        ({ members }) => members.includes(one.id) && members.includes(other.id),
      );
      assert.ok(proxy !== undefined && between !== undefined);
      const term = takes(world, one, 1);
      const path = between.id;
      pass(world, 1_000, one);
      world.checker.heard(other, { ...word(one, other, term), path });
      world.network.isolate(one.id, 'both');
      pass(world, 1.5 * world.plan.intervalUs, one);
      world.checker.heard(other, { ...word(says === 'proxy' ? proxy : one, other, term), path });
      world.checker.disturbed();
      if (says === 'proxy') takes(world, other, 2);
      else assert.throws(() => takes(world, other, 2), /heard that it is active 0 µs ago/);
    }
  });

  test('a path that passes one way is heard where both have proven it, and not because another one was', () => {
    for (const isProven of [false, true]) {
      const { world, one, other } = still((plan) => plain(plan) && !plan.calm && plan.paths.length === 2);
      const [path, elsewhere] = world.plan.paths;
      assert.ok(path !== undefined && elsewhere !== undefined);
      const term = takes(world, one, 1);
      for (const { id } of isProven ? [elsewhere, path] : [elsewhere])
        world.checker.heard(other, { ...word(one, other, term), path: id });
      world.network.cut(elsewhere.id);
      world.network.isolate(other.id, 'mute');
      pass(world, 10_000_000, one);
      world.checker.disturbed();
      if (isProven) assert.throws(() => takes(world, other, 2), /could hear it for 10000000 µs/);
      else takes(world, other, 2);
    }
  });

  test('not who is cut off from it, until both can hear each other again', () => {
    const { world, one, other } = still(plain);
    takes(world, one, 1);
    const mend = world.network.isolate(one.id, 'both');
    pass(world, 1_000_000, one);
    world.checker.disturbed();
    takes(world, other, 2);
    pass(world, 1_000, one, other);
    world.checker.tick();
    mend();
    pass(world, 1_000, one, other);
    world.checker.disturbed();
    world.checker.tick();
    pass(world, 1_000_000, one, other);
    world.checker.disturbed();
    assert.throws(() => world.checker.tick(), /speak both, and could hear each other/);
  });

  test('a proxy that hears a higher term announced falls silent in that turn, unless two decided at one time', () => {
    for (const apartUs of [0, 100_000]) {
      const { world, one } = still(besideProxy);
      const [[behind, place] = []] = world.plan.proxyOf;
      const member = world.machines.find(({ id }) => id === behind);
      const proxy = world.machines.find(({ id }) => id === place);
      assert.ok(member !== undefined && proxy !== undefined);
      const mends = [one, member, proxy].map(({ id }) => world.network.isolate(id, 'both'));
      takes(world, member, 1);
      proxy.front.perform({ kind: 'answer', group: 1, on: true });
      proxy.front.perform({ kind: 'route', group: 1, to: member.id });
      pass(world, apartUs, member, proxy);
      world.checker.disturbed();
      takes(world, one, 2);
      for (const mend of mends) mend();
      world.checker.heardAnnouncement(proxy, one.id);
      const turned = (): void => world.checker.turned(proxy);
      if (apartUs === 0) turned();
      else assert.throws(turned, /answers for 1\.\d+, but heard the announcement of 2\.1/);
      turned();
    }
  });

  test('strict: beside one whose process is gone, and whose kernel serves on', () => {
    const { world, one, other } = still(strict);
    takes(world, one, 1);
    one.end('process');
    assert.throws(() => takes(world, other, 2), /hold the group at one time/);
    one.end('power');
    takes(world, other, 3);
  });

  test('strict: a lease that is renewed beside another', () => {
    const { world, one, other } = still(strict);
    takes(world, one, 1);
    other.fence.acquire(world.agenda.now);
    assert.throws(() => world.checker.renewed(one), /hold the group at one time/);
  });
});

describe('terms', () => {
  test('none is used twice, also after somebody else has lost its disk', () => {
    const { world, one, other } = still(plain);
    one.disk.reserve(
      100,
      () => true,
      () => {},
    );
    pass(world, 1_000_000);
    takes(world, one, 1);
    one.fence.yield();
    world.checker.diskLost(other);
    world.checker.started(one);
    assert.throws(() => takes(world, one, 1), /but knows of 1\.1|is used twice/);
    world.checker.diskLost(one);
    world.checker.started(one);
    pass(world, 1_000);
    takes(world, one, 1);
    one.fence.yield();
    world.checker.started(one);
    assert.throws(() => takes(world, one, 1), /but knows of 1\.1|is used twice/, 'it is on the new disk');
  });
});

describe('hosts', () => {
  test('each keeps its entry until it is told otherwise, or hears nothing for long', () => {
    const { world, one, other } = still(plain);
    takes(world, one, 1);
    world.hosts.begin();
    for (let us = 0; us < 200_000; us += 1_000) pass(world, 1_000, one);
    assert.ok(world.hosts.ends.every((end) => end === one));
    one.fence.yield();
    other.fence.acquire(world.agenda.now);
    pass(world, 1_000, other);
    assert.ok(
      world.hosts.ends.every((end) => end === one),
      'nobody has told them',
    );
    world.hosts.announced(other);
    pass(world, 1_000, other);
    assert.ok(world.hosts.ends.every((end) => end === other));
    other.fence.yield();
    one.fence.acquire(world.agenda.now);
    for (let us = 0; us < 3_000_000; us += 1_000) pass(world, 1_000, one);
    assert.ok(
      world.hosts.ends.every((end) => end === one),
      'they have asked again',
    );
  });
});
