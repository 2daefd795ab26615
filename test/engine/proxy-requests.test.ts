import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemberState } from '../../src/wire/control/message.ts';
import { ready, register, servingOne, stateOf } from './at-proxy.ts';
import { oneSidedConfig, proxyConfig } from './proxied.ts';
import { active, standby } from './rehearsal.ts';

describe('requests', () => {
  test('of a lower term are refused with the highest one seen, and reported once', () => {
    const play = ready(proxyConfig(), 6);
    register(play, 1, active(5, 1), 2);
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 lowerTerm 6.1',
      'send registered to 1 #2 lowerTerm term 6.1',
    ]);
    register(play, 1, active(5, 1), 3);
    assert.deepEqual(play.take(), ['send registered to 1 #3 lowerTerm term 6.1']);
    assert.equal(stateOf(play), 'idle');
  });

  test('that were answered are answered again, old copies are not', () => {
    const play = servingOne();
    register(play, 1, active(5, 1), 2);
    assert.deepEqual(play.take(), ['send registered to 1 #2 accepted term 5.1']);
    register(play, 1, standby(9, 1), 1);
    assert.deepEqual(play.take(), []);
    assert.equal(stateOf(play), 'serving');
  });

  test('that are old copies do not bring back what was withdrawn', () => {
    const play = ready(proxyConfig(), 4);
    register(play, 1, { state: MemberState.stopped, term: { counter: 4, member: 1 } }, 2, 0);
    assert.deepEqual(play.take(), [
      'registrationEnded 1 withdrawn',
      'resolve 1',
      'send registered to 1 #2 accepted term 4.1',
    ]);
    register(play, 1, standby(4, 1), 1);
    assert.deepEqual(play.take(), []);
    assert.deepEqual(play.engine.snapshot().proxied[0]?.registrations, []);
  });

  test('of a new life of the member count from one again', () => {
    const play = servingOne();
    play.hush();
    play.take();
    register(play, 1, { state: MemberState.starting, boot: 4711 }, 1);
    play.drained();
    assert.deepEqual(play.take(), [
      'registered 1 starting 0.0',
      'resolve 1',
      'send registered to 1 #1 accepted term 5.1',
      'hold begin',
      'serving>waiting no member is active',
    ]);
  });

  test('of a member that is not ours are refused', () => {
    const play = ready(oneSidedConfig(), 4);
    register(play, 2, standby(4, 1), 1);
    assert.deepEqual(play.take(), [
      'registrationRefused 2 by 11 notYourProxy 4.1',
      'send registered to 2 #1 notYourProxy term 4.1',
    ]);
  });

  test('are granted at most the lifetime of our own configuration', () => {
    const play = ready(proxyConfig(), 4);
    register(play, 1, standby(4, 1), 2, 900_000);
    assert.equal(play.engine.snapshot().proxied[0]?.registrations[0]?.remainingUs, 300_000);
  });
});
