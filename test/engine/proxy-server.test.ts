import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { flagProxy, MemberState } from '../../src/wire/control/message.ts';
import { ready, recordTo, register, servingOne, settle, stateOf } from './at-proxy.ts';
import { idle, proxyConfig, serving, sharedConfig } from './proxied.ts';
import { active, group, Rehearsal, slot, standby } from './rehearsal.ts';

describe('a proxy whose member becomes active', () => {
  test('acquires, routes, answers, announces, tells everybody, and only then replies', () => {
    const play = ready(proxyConfig(), 4);
    assert.equal(stateOf(play), 'idle');
    register(play, 1, active(5, 1), 2);
    const lines = play.take(true);
    assert.deepEqual(lines, [
      'registered 1 active 5.1',
      'acquire 5.1',
      'answer on',
      'announce and ask',
      'beat 1/3',
      'beat 12/4',
      'idle>serving registered',
      'announced 0',
      'resolve 1',
      'send registered to 1 #2 accepted term 5.1',
    ]);
    assert.equal(play.engine.snapshot().proxied[0]?.routesTo, 1, 'routed in advance');
    assert.deepEqual(recordTo(play, 12), {
      group,
      state: MemberState.active,
      priority: 0,
      flags: flagProxy,
      falls: 0,
      yourFalls: 0,
      term: { counter: 5, member: 1 },
    });
  });

  test('routes to it in this order when another one was routed to before', () => {
    const play = ready(sharedConfig(), 4);
    assert.equal(play.engine.snapshot().proxied[0]?.routesTo, 1);
    register(play, 2, active(5, 2), 2);
    assert.deepEqual(play.take().slice(1, 5), ['acquire 5.2', 'route 2', 'answer on', 'announce and ask']);
  });

  test('announces again on schedule, on evidence, and against claims', () => {
    const play = servingOne(proxyConfig({ announceScheduleUs: [50_000] }));
    play.pass(50_000, settle(play));
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
    play.pass(100_000, settle(play));
    play.give({ kind: 'evidence', group, reason: 'carrierReturned' });
    assert.deepEqual(play.take(), ['announce and ask', 'announced 1']);
    play.pass(100_000, settle(play));
    play.claim(0);
    assert.deepEqual(play.take(), ['announce', 'announced 1']);
    play.give({ kind: 'port', group, passes: true });
    assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
  });

  test('serves by what its heartbeats say, too, once it is registered', () => {
    const play = ready(proxyConfig(), 4);
    play.says(1, active(5, 1));
    play.drained();
    assert.equal(stateOf(play), 'serving');
  });

  test('does not serve one that is not registered', () => {
    const play = new Rehearsal(proxyConfig());
    play.says(12, idle());
    play.pass(2_000_000, () => {
      play.says(1, active(5, 1));
      play.says(12, idle());
    });
    assert.equal(stateOf(play), 'idle');
  });

  test('whose fence the kernel refuses, refuses it in turn, and asks the kernel less and less often', () => {
    const play = ready(proxyConfig(), 4);
    play.grants = false;
    register(play, 1, active(5, 1), 2);
    assert.deepEqual(play.take(), [
      'registered 1 active 5.1',
      'acquire 5.1',
      'registrationRefused 1 by 11 unable 5.1',
      'send registered to 1 #2 unable term 5.1',
    ]);
    register(play, 1, active(5, 1), 3);
    assert.deepEqual(play.take(), ['send registered to 1 #3 unable term 5.1']);
    play.pass(slot, settle(play));
    register(play, 1, active(5, 1), 4);
    assert.ok(play.take().includes('acquire 5.1'));
    play.pass(slot, settle(play));
    register(play, 1, active(5, 1), 5);
    assert.ok(!play.take().includes('acquire 5.1'));
    play.pass(slot, settle(play));
    play.grants = true;
    register(play, 1, active(5, 1), 6);
    assert.equal(stateOf(play), 'serving');
  });
});

describe('one proxy for both members', () => {
  test('moves the route and tells nobody', () => {
    const play = servingOne(sharedConfig());
    play.says(1, standby(5, 1));
    play.drained();
    play.take();
    register(play, 2, active(6, 2), 2);
    assert.deepEqual(play.take(), [
      'registered 2 active 6.2',
      'route 2',
      'hold deliver',
      'waiting>serving another member registered',
      'resolve 2',
      'send registered to 2 #2 accepted term 6.2',
    ]);
  });

  test('does not fall silent when the old one knows of the new term first', () => {
    const play = servingOne(sharedConfig());
    play.says(1, standby(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['hold begin', 'serving>waiting no member is active']);
    play.says(2, active(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['route 2', 'hold deliver', 'waiting>serving another member registered']);
  });

  test('takes the new one also while the old one still speaks', () => {
    const play = servingOne(sharedConfig());
    register(play, 2, active(6, 2), 2);
    assert.ok(play.take().includes('serving>serving another member registered'));
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 lowerTerm 6.2',
      'send registered to 1 #2 lowerTerm term 6.2',
    ]);
  });
});

describe('a proxy that starts', () => {
  test('serves nobody before it has heard everybody, or the grace is over', () => {
    const play = new Rehearsal(proxyConfig());
    const request = () => register(play, 1, active(5, 1), 1);
    play.says(1, active(5, 1));
    request();
    play.drained();
    assert.deepEqual(
      play.take().filter((line) => !/Up/.test(line)),
      ['registered 1 active 5.1', 'route 1'],
    );
    const word = () => {
      play.says(1, active(5, 1));
      request();
    };
    play.pass(1_000_000 - 1, word);
    assert.equal(stateOf(play), 'idle');
    assert.deepEqual(play.take(), []);
    play.pass(1);
    assert.deepEqual(play.take(), [
      'acquire 5.1',
      'answer on',
      'announce and ask',
      'idle>serving registered',
      'announced 0',
      'resolve 1',
      'send registered to 1 #1 accepted term 5.1',
    ]);
  });

  test('refuses an early request that another one has overtaken', () => {
    const play = new Rehearsal(proxyConfig());
    register(play, 1, active(5, 1), 1);
    play.drained();
    play.take();
    play.says(12, serving(6, 2));
    play.drained();
    play.drained();
    assert.deepEqual(
      play.take().filter((line) => !/Up/.test(line)),
      ['registrationRefused 1 by 11 lowerTerm 6.2', 'send registered to 1 #1 lowerTerm term 6.2'],
    );
  });

  test('serves as soon as everybody has told; refuses what the other place has succeeded', () => {
    const play = new Rehearsal(proxyConfig());
    play.says(1, active(5, 1));
    play.says(12, serving(6, 2));
    play.drained();
    play.take();
    register(play, 1, active(5, 1), 1);
    assert.equal(play.take().at(-1), 'send registered to 1 #1 lowerTerm term 6.2');
  });
});

test('the operator sees what a proxy does', () => {
  const play = servingOne();
  assert.deepEqual(play.engine.snapshot().proxied, [
    {
      id: group,
      state: 'serving',
      answering: true,
      routesTo: 1,
      term: { counter: 5, member: 1 },
      registrations: [{ member: 1, state: MemberState.active, remainingUs: 300_000 }],
    },
  ]);
});

test('another lifetime is granted after a reload', () => {
  const play = servingOne();
  play.engine.reconfigure(proxyConfig({ registrationUs: 100_000 }), play.now);
  register(play, 1, active(5, 1), 3);
  assert.equal(play.engine.snapshot().proxied[0]?.registrations[0]?.remainingUs, 100_000);
  assert.equal(stateOf(play), 'serving');
});
