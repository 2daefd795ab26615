import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { flagStopping, MemberState } from '../../src/wire/control/message.ts';
import { answers, heard, serving1, standingBy } from './behind-proxy.ts';
import { idle, memberConfig, proxy } from './proxied.ts';
import { active, everySignal, group, patience, Rehearsal } from './rehearsal.ts';

describe('a member whose proxy is gone', () => {
  test('and that is active hands the role over at once, without preparing', () => {
    const play = serving1();
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.deepEqual(heard(play), [
      'faultSeen 11 carrier',
      'pathDown 11/3 carrier',
      'peerDown 11 carrier',
      'proxyLost 11 the proxy is gone',
      'active>draining the proxy is gone',
      'yield',
      'answer off',
      'draining>faulted the proxy is gone',
    ]);
    assert.equal(play.engine.records(2)[0]?.state, MemberState.faulted);
  });

  test('keeps the role when nobody else is able', () => {
    const play = serving1();
    play.says(2, { state: MemberState.faulted, term: { counter: 1, member: 1 } });
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.equal(play.state, 'active');
    assert.ok(play.take().includes('failed: our checks fail, but no standby is able'));
  });

  test('keeps the role while that is pinned', () => {
    const play = serving1();
    play.give({ kind: 'maintenance', group, on: true });
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.equal(play.state, 'active');
    play.give({ kind: 'maintenance', group, on: false });
    play.drained();
    assert.equal(play.state, 'faulted');
    assert.equal(play.engine.snapshot().groups[0]?.falls, 1);
  });

  test('keeps the role when status is no signal of the policy', () => {
    const play = serving1(memberConfig(1, { group: { takeOverOn: { ...everySignal, status: false } } }));
    play.give({ kind: 'carrier', peer: 11, path: 3, up: false });
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('and that stands by is faulted, and no successor', () => {
    const play = standingBy();
    play.pass(patience, () => play.says(1, active(5, 1)));
    assert.deepEqual(play.take().slice(-2), [
      'proxyLost 12 the proxy is gone',
      'standby>faulted the proxy is gone',
    ]);
    play.pass(2 * patience);
    assert.equal(play.state, 'faulted');
  });

  test('stands by again when another life of the proxy accepts it', () => {
    const play = standingBy();
    play.pass(patience, () => play.says(1, active(5, 1)));
    assert.equal(play.state, 'faulted');
    play.says(12, { ...idle(), boot: 4711 });
    play.drained();
    heard(play);
    assert.equal(play.state, 'faulted');
    answers(play, { boot: 4711 });
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('is left in order when the proxy says it stops while it still serves', () => {
    const play = serving1();
    play.says(11, proxy(MemberState.draining, 1, 1));
    play.drained();
    assert.deepEqual(play.take(), [
      'active>draining health',
      'send prepare to 2 term 1.1',
      'send register to 11 term 1.1 as draining',
    ]);
  });

  test('counts it as gone when it has said goodbye', () => {
    const play = standingBy();
    play.says(12, { ...proxy(MemberState.stopped, 5, 1), flags: flagStopping });
    play.drained();
    assert.equal(play.state, 'faulted');
  });
});

describe('a member that starts', () => {
  test('waits for its proxy within the grace', () => {
    const play = new Rehearsal(memberConfig(1));
    const word = () => play.says(2, { state: MemberState.starting });
    play.pass(999_999, word);
    assert.equal(play.state, 'starting');
    play.pass(1, word);
    assert.equal(play.state, 'faulted');
  });

  test('is ready as soon as its proxy has accepted it and all others were heard', () => {
    const play = new Rehearsal(memberConfig(1));
    play.says(2, { state: MemberState.starting });
    play.says(11, idle());
    play.drained();
    assert.equal(play.state, 'starting');
    heard(play);
    answers(play);
    play.drained();
    assert.equal(play.state, 'active');
  });
});
