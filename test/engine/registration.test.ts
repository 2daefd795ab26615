import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ControlType, MemberState, RegistrationCode } from '../../src/wire/control/message.ts';
import {
  answers,
  heard,
  isRequest,
  lifetime,
  requests,
  round,
  serving1,
  standingBy,
} from './behind-proxy.ts';
import { idle, memberConfig, waiting } from './proxied.ts';
import { active, group, interval, patience, Rehearsal, slot, standby } from './rehearsal.ts';

describe('a member behind a proxy registers', () => {
  test('when the proxy is heard, and again whenever its state or term changes', () => {
    const play = new Rehearsal(memberConfig(2));
    play.drained();
    assert.deepEqual(play.take(), []);
    play.says(12, idle());
    play.drained();
    assert.ok(heard(play).includes('send register to 12 term 0.0 as starting'));
    answers(play);
    assert.deepEqual(heard(play), ['resolve 12', 'proxyFound 12 registered']);
    play.says(1, active(5, 1));
    play.drained();
    assert.deepEqual(heard(play).slice(-2), [
      'starting>standby heard',
      'send register to 12 term 5.1 as standby',
    ]);
    answers(play);
    play.says(1, active(6, 1));
    play.drained();
    assert.ok(heard(play).includes('send register to 12 term 6.1 as standby'));
  });

  test('as active in the same breath as it begins to answer, with one datagram', () => {
    const play = standingBy();
    const word = () => play.says(12, waiting(5, 1));
    play.pass(patience - 1, word);
    play.take();
    play.pass(1);
    const lines = play.take(true);
    const at = lines.indexOf('answer on');
    assert.deepEqual(lines.slice(at, at + 5), [
      'answer on',
      'send register to 12 term 6.2 as active',
      'announce and ask',
      'beat 1/1',
      'beat 12/3',
    ]);
    assert.equal(lines.filter(isRequest).length, 1);
  });

  test('anew after a third of the lifetime', () => {
    const play = serving1();
    play.pass(lifetime / 3 - 2 * interval, round(play));
    assert.deepEqual(heard(play).filter(isRequest), []);
    play.pass(2 * interval, round(play));
    assert.deepEqual(heard(play).filter(isRequest), ['send register to 11 term 1.1 as active']);
    answers(play);
    play.pass(lifetime / 3 - 2 * interval, round(play));
    assert.deepEqual(heard(play).filter(isRequest), []);
  });

  test('with growing patience while nothing answers, at least every 64 intervals', () => {
    const play = new Rehearsal(memberConfig(1));
    play.says(11, idle());
    play.drained();
    const at: number[] = [];
    const start = play.now;
    play.pass(300 * interval, () => {
      play.says(11, idle());
      if (play.take().some(isRequest)) at.push((play.now - start) / interval);
    });
    assert.deepEqual(
      at,
      [0, 1, 3, 7, 15, 31, 63, 127, 191, 255].map((turn) => turn + 1),
    );
  });

  test('anew with another life of the proxy, and is not registered meanwhile', () => {
    const play = standingBy();
    play.hush();
    play.take();
    play.says(12, { ...idle(5, 1), boot: 4711 });
    play.drained();
    assert.deepEqual(heard(play), [
      'proxyLost 12 the proxy was started again',
      'standby>faulted the proxy has not accepted the registration yet',
      'send register to 12 term 5.1 as faulted',
    ]);
    answers(play, { boot: 4711 });
    play.drained();
    assert.deepEqual(heard(play).slice(-2), [
      'faulted>standby the proxy serves this member',
      'send register to 12 term 5.1 as standby',
    ]);
  });

  test('for the last time when it leaves, and then no more, whatever is answered', () => {
    const play = standingBy();
    play.give({ kind: 'stop' });
    play.drained();
    assert.deepEqual(heard(play), [
      'standby>stopped stop',
      'send register to 12 term 5.1 as stopped, for the last time',
    ]);
    answers(play);
    play.pass(interval, () => play.says(12, idle(5, 1)));
    assert.deepEqual(play.take(), []);
  });

  test('for the last time also when it was active and nobody can succeed', () => {
    const play = serving1();
    play.says(2, { state: MemberState.faulted, term: { counter: 1, member: 1 } });
    play.give({ kind: 'stop' });
    play.drained();
    assert.deepEqual(heard(play), [
      'yield',
      'answer off',
      'active>stopped stop',
      'send register to 11 term 1.1 as stopped, for the last time',
    ]);
  });

  test('an answer to an earlier request says nothing', () => {
    const play = standingBy();
    play.tells(12, ControlType.registered, {
      registration: { identification: 1, code: RegistrationCode.unable },
    });
    play.drained();
    assert.equal(play.state, 'standby');
    assert.deepEqual(play.take(), []);
  });

  test('an answer of another proxy says nothing', () => {
    const config = memberConfig(2);
    const other = { id: 11, paths: [{ id: 4, cable: false }] };
    const play = standingBy({ ...config, peers: [...config.peers, other] });
    play.tells(11, ControlType.registered, {
      registration: { identification: requests.get(play) ?? 0, code: RegistrationCode.unable },
    });
    play.drained();
    assert.equal(play.state, 'standby');
  });
});

describe('a member whose proxy refuses it', () => {
  test('for a lower term gives the role up at once and, still entitled, goes above it', () => {
    const play = serving1();
    answers(play, { code: RegistrationCode.lowerTerm, term: { counter: 7, member: 2 } });
    assert.deepEqual(heard(play), [
      'registrationRefused 1 by 11 lowerTerm 7.2',
      'yield',
      'answer off',
      'active>standby higherTerm',
    ]);
    const word = round(play, { 2: standby(7, 2), 11: waiting(1, 1) });
    play.drained();
    assert.deepEqual(heard(play), ['send register to 11 term 7.2 as standby']);
    answers(play);
    play.pass(slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.ok(play.take().includes('acquire 8.1'));
  });

  test('for another reason hands the role over', () => {
    const play = serving1();
    answers(play, { code: RegistrationCode.unable });
    play.drained();
    assert.deepEqual(play.take(), [
      'registrationRefused 1 by 11 unable 0.0',
      'active>draining health',
      'send prepare to 2 term 1.1',
      'send register to 11 term 1.1 as draining',
    ]);
  });

  const alone = { 2: { state: MemberState.faulted, term: { counter: 1, member: 1 } } };

  test('asks again 64 intervals later, and says a repeated refusal once', () => {
    const play = serving1();
    const word = round(play, alone);
    word();
    answers(play, { code: RegistrationCode.notYourProxy });
    play.pass(64 * interval - 1, word);
    assert.equal(heard(play).filter(isRequest).length, 0);
    play.pass(1, word);
    assert.deepEqual(heard(play), ['send register to 11 term 1.1 as active']);
    answers(play, { code: RegistrationCode.notYourProxy });
    play.pass(interval, word);
    assert.deepEqual(play.take(), []);
    assert.equal(play.state, 'active');
  });

  test('for a moment asks again sooner, and ever later', () => {
    const play = serving1();
    const word = round(play, alone);
    word();
    for (const intervals of [1, 2, 4, 8, 16, 32, 64, 64]) {
      answers(play, { code: RegistrationCode.unable });
      play.pass(intervals * interval - 1, word);
      assert.equal(heard(play).filter(isRequest).length, 0, `before ${intervals} intervals`);
      play.pass(1, word);
      assert.deepEqual(heard(play), ['send register to 11 term 1.1 as active']);
    }
  });
});

test('the operator sees whether the proxy has accepted the member', () => {
  const play = serving1();
  assert.deepEqual(play.engine.snapshot().groups[0]?.proxy, { id: 11, registered: true });
  play.give({ kind: 'health', group, healthy: true, reason: '' });
  play.pass(lifetime, round(play));
  assert.deepEqual(play.engine.snapshot().groups[0]?.proxy, { id: 11, registered: false });
});
