import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { later } from '../../src/engine/time.ts';
import { ControlType, MemberState, RegistrationCode } from '../../src/wire/control/message.ts';
import { answers, heard, round, serving1, silent, standingBy } from './behind-proxy.ts';
import { idle, lanMemberConfig, servedElsewhere, serving, waiting } from './proxied.ts';
import { active, group, interval, patience, Rehearsal, slot, standby, type Word } from './rehearsal.ts';

describe('what proxies say of whoever serves', () => {
  const blind = (word: Word) => {
    const play = standingBy();
    // The link is cut: the active member is heard no more, but served all the same.
    play.pass(10 * patience, () => play.says(12, word));
    return play;
  };

  test('a member that cannot hear the active one leaves it the role while its proxy knows it served', () => {
    const play = blind(servedElsewhere(5, 1));
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.snapshot().groups[0]?.active, 1);
    play.pass(interval, () => play.says(12, idle(5, 1)));
    assert.equal(play.state, 'active');
  });

  test('or serves it itself: two members behind one proxy', () => {
    const play = blind(serving(5, 1));
    assert.equal(play.state, 'standby');
    play.pass(interval, () => play.says(12, waiting(5, 1)));
    assert.equal(play.state, 'active');
  });

  test('a member on the hosts’ LAN believes the proxy of the other side', () => {
    const play = new Rehearsal(lanMemberConfig());
    play.says(1, active(5, 1));
    play.says(11, serving(5, 1));
    play.drained();
    play.pass(10 * patience, () => play.says(11, serving(5, 1)));
    assert.equal(play.state, 'standby');
    play.pass(interval, () => play.says(11, waiting(5, 1)));
    assert.equal(play.state, 'active');
    play.take();
    play.says(11, serving(9, 1));
    assert.deepEqual(play.take(), ['yield', 'answer off', 'active>standby higherTerm']);
  });

  test('one on the hosts’ LAN goes above the term of a proxy that answers with nobody active', () => {
    const play = new Rehearsal(lanMemberConfig());
    play.pass(1_000_000);
    assert.equal(play.state, 'active');
    play.take();
    play.says(11, waiting(5, 1));
    assert.deepEqual(play.take().slice(-3), ['yield', 'answer off', 'active>standby higherTerm']);
    play.pass(slot, () => play.says(11, waiting(5, 1)));
    assert.ok(play.take().includes('acquire 6.2'));
  });

  test("the member's own word, or the proof of its death, is not waited for", () => {
    const faulted = standingBy();
    faulted.says(1, { state: MemberState.faulted, term: { counter: 5, member: 1 } });
    faulted.says(12, servedElsewhere(5, 1));
    faulted.drained();
    assert.equal(faulted.state, 'active');
    const dead = standingBy();
    dead.says(12, servedElsewhere(5, 1));
    dead.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    dead.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    dead.drained();
    assert.equal(dead.state, 'active');
  });

  test('the end of a life that was over before the term was heard of proves nothing of that term', () => {
    const play = standingBy();
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    // It has started again, and serves by a higher term: the proxy has heard it, this member has not yet.
    play.now = later(play.now, 1);
    play.says(12, servedElsewhere(9, 1));
    play.drained();
    assert.equal(play.state, 'standby');
    // Nor once the proxy tells no more: the new life has the time of one rank to be heard.
    play.says(12, idle(9, 1));
    play.drained();
    play.pass(slot - 1, () => play.says(12, idle(9, 1)));
    assert.equal(play.state, 'standby');
    play.pass(interval, () => play.says(12, idle(9, 1)));
    assert.equal(play.state, 'active');
  });

  test('nor does the beginning of a life in which it may have taken the role since', () => {
    const play = standingBy();
    play.says(1, { state: MemberState.starting, boot: 4711 });
    play.now = later(play.now, 1);
    play.says(12, servedElsewhere(9, 1));
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('a term that the proxy names in an answer has time to be heard of from whoever holds it', () => {
    const play = standingBy();
    answers(play, { code: RegistrationCode.lowerTerm, term: { counter: 7, member: 3 } });
    play.says(1, { state: MemberState.faulted, term: { counter: 7, member: 3 } });
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('an active member whose proxy knows another one served by a higher term yields', () => {
    const play = serving1();
    play.says(11, servedElsewhere(7, 2));
    assert.deepEqual(play.take(), ['yield', 'answer off', 'active>standby higherTerm']);
  });

  test('of its own former activation an old word does not count', () => {
    const play = serving1();
    play.give({ kind: 'leaseLost' });
    play.pass(slot + interval, round(play, { 2: silent }));
    assert.equal(play.state, 'active');
  });
});

describe('in a planned switchover nothing is given away before the proxies keep what arrives', () => {
  test('the active member drains when its proxy has confirmed it', () => {
    const play = serving1();
    play.give({ kind: 'switchover', group, target: 2 });
    play.drained();
    assert.ok(heard(play).includes('send register to 11 term 1.1 as draining'));
    const holding: Word = { state: MemberState.holding, term: { counter: 1, member: 1 } };
    play.tells(2, ControlType.prepared, holding);
    play.says(2, holding);
    play.drained();
    assert.deepEqual(play.take(), []);
    answers(play);
    play.drained();
    assert.ok(play.take().includes('forward 2'));
  });

  test('the successor promises to hold when its proxy does', () => {
    const play = standingBy();
    play.tells(1, ControlType.prepare, active(5, 1));
    play.drained();
    assert.deepEqual(heard(play), [
      'hold begin',
      'standby>holding prepare',
      'send register to 12 term 5.1 as holding',
    ]);
    answers(play);
    play.drained();
    assert.ok(play.take().includes('send prepared to 1 term 5.1'));
  });

  test('a member whose proxy is gone waits for nobody', () => {
    const play = serving1();
    play.give({ kind: 'switchover', group, target: 2 });
    play.drained();
    play.take();
    play.pass(patience, round(play, { 2: standby(1, 1), 11: silent }));
    play.take();
    play.tells(2, ControlType.prepared, { state: MemberState.holding, term: { counter: 1, member: 1 } });
    assert.ok(play.take().includes('forward 2'));
  });
});
