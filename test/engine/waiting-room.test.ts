import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemberState } from '../../src/wire/control/message.ts';
import { ready, recordTo, register, servingOne, settle, stateOf, waitingRoom } from './at-proxy.ts';
import { proxyConfig, serving, sharedConfig } from './proxied.ts';
import { active, interval, patience, slot, standby } from './rehearsal.ts';

describe('while no member is active, packets wait', () => {
  test('when the member falls silent; they go to our next one after the route', () => {
    const play = servingOne(sharedConfig());
    play.pass(patience + interval, settle(play, { 1: undefined }));
    assert.deepEqual(play.take().slice(-3), [
      'peerDown 1 silence',
      'hold begin',
      'serving>waiting the member is gone',
    ]);
    assert.equal(play.engine.snapshot().proxied[0]?.answering, true);
    register(play, 2, active(6, 2), 2);
    assert.deepEqual(play.take().slice(1, 3), ['route 2', 'hold deliver']);
  });

  test('or to the other place, after our own silence', () => {
    const play = servingOne();
    play.pass(patience + interval, settle(play, { 1: undefined }));
    play.take();
    assert.equal(recordTo(play, 12)?.state, MemberState.holding);
    play.says(12, serving(6, 2));
    assert.deepEqual(play.take(), [
      'yield',
      'answer off',
      'waiting>relaying a higher term was heard',
      'forward 12',
      'route 12',
      'hold deliver',
    ]);
  });

  test('while it hands over in order, or until it calls that off', () => {
    const play = servingOne();
    register(play, 1, { state: MemberState.draining, term: { counter: 5, member: 1 } }, 3);
    // The member gives nothing away before it has the answer.
    assert.deepEqual(play.take(), [
      'registered 1 draining 5.1',
      'hold begin',
      'serving>waiting the member hands over',
      'resolve 1',
      'send registered to 1 #3 accepted term 5.1',
    ]);
    register(play, 1, active(5, 1), 4);
    assert.deepEqual(play.take().slice(1, 3), ['hold deliver', 'waiting>serving the member is active again']);
  });

  test('no longer than a registration lasts', () => {
    const play = servingOne();
    play.says(1, { state: MemberState.faulted, term: { counter: 5, member: 1 } });
    play.drained();
    assert.equal(stateOf(play), 'waiting');
    const word = settle(play, { 1: { state: MemberState.faulted, term: { counter: 5, member: 1 } } });
    play.pass(waitingRoom - 1, word);
    assert.equal(stateOf(play), 'waiting');
    play.take();
    play.pass(1, word);
    assert.deepEqual(play.take().slice(0, 4), [
      'yield',
      'answer off',
      'hold discard',
      'waiting>idle nobody became active in time',
    ]);
  });

  test('at the successor, in a planned switchover, and are forgotten when it is called off', () => {
    const play = ready(proxyConfig(), 4);
    play.says(1, { state: MemberState.holding, term: { counter: 4, member: 1 } });
    play.drained();
    assert.deepEqual(play.take(), ['hold begin']);
    play.says(1, standby(4, 1));
    play.drained();
    assert.deepEqual(play.take(), ['hold discard']);
  });

  test('also where stragglers were sent on just now; called off, they are sent on again', () => {
    const play = servingOne();
    play.says(12, serving(6, 2));
    play.drained();
    play.take();
    play.says(1, { state: MemberState.holding, term: { counter: 6, member: 2 } });
    play.drained();
    assert.deepEqual(play.take(), ['forward 0', 'hold begin', 'route 1']);
    play.says(1, standby(6, 2));
    play.drained();
    assert.deepEqual(play.take(), ['forward 12', 'route 12', 'hold deliver']);
  });
});

describe('the lease of a proxy', () => {
  test('lost: silent; it listens for a slot, and serves again if its member still is active', () => {
    const play = servingOne();
    play.give({ kind: 'leaseLost' });
    play.drained();
    assert.deepEqual(play.take(), ['leaseLost', 'yield', 'answer off', 'serving>idle leaseLost']);
    play.pass(slot - 1, settle(play));
    assert.equal(stateOf(play), 'idle');
    play.pass(1, settle(play));
    assert.ok(play.take().includes('acquire 5.1'));
    assert.equal(stateOf(play), 'serving');
  });

  test('lost: it sends on, if another place took over meanwhile', () => {
    const play = servingOne();
    play.give({ kind: 'leaseLost' });
    play.says(12, serving(6, 2));
    play.drained();
    assert.deepEqual(play.take(), [
      'leaseLost',
      'yield',
      'answer off',
      'serving>idle leaseLost',
      'registrationRefused 1 by 11 lowerTerm 6.2',
      'send registered to 1 #2 lowerTerm term 6.2',
      'idle>relaying a higher term was heard',
      'forward 12',
      'route 12',
    ]);
    play.pass(2 * slot, settle(play, { 12: serving(6, 2) }));
    assert.equal(stateOf(play), 'relaying');
  });
});

describe('a proxy that stops', () => {
  test('asks to be relieved while it serves, then relays for at most 100 ms', () => {
    const play = servingOne();
    play.give({ kind: 'stop' });
    play.drained();
    assert.equal(recordTo(play, 1)?.state, MemberState.draining);
    assert.equal(play.engine.flags, 0);
    play.says(12, serving(6, 2));
    play.drained();
    assert.equal(stateOf(play), 'relaying');
    const word = settle(play, { 1: standby(6, 2), 12: serving(6, 2) });
    play.pass(100_000 - 1, word);
    assert.equal(stateOf(play), 'relaying');
    play.take();
    play.pass(1, word);
    assert.deepEqual(play.take(), [
      'forward 0',
      'relaying>idle the hosts have moved',
      'route 1',
      'route 0',
      'idle>stopped stop',
    ]);
    play.pass(4 * interval, word);
    assert.deepEqual(play.take(), ['stopped']);
  });

  test('and that nobody relieves ends when its time is over', () => {
    const play = servingOne();
    play.give({ kind: 'stop' });
    play.pass(1_000_000, () => {
      settle(play)();
      register(play, 1, active(5, 1), 3);
    });
    assert.deepEqual(
      play
        .take()
        .filter((line) => !line.startsWith('send') && !line.startsWith('announce'))
        .slice(-4),
      ['yield', 'answer off', 'route 0', 'serving>stopped stop'],
    );
  });

  test('ends at once when it serves nobody, and accepts nobody any more', () => {
    const play = ready(proxyConfig(), 4);
    play.give({ kind: 'stop' });
    register(play, 1, active(5, 1), 2);
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 stopping 4.1',
      'send registered to 1 #2 stopping term 4.1',
      'route 0',
      'idle>stopped stop',
    ]);
  });

  test('while it relays has only 100 ms left', () => {
    const play = servingOne();
    play.says(12, serving(6, 2));
    play.give({ kind: 'stop' });
    play.pass(100_000, settle(play, { 1: standby(6, 2), 12: serving(6, 2) }));
    assert.equal(stateOf(play), 'stopped');
  });
});
