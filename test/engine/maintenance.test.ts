import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { instant } from '../../src/engine/time.ts';
import { ControlType, flagPinned, MemberState } from '../../src/wire/control/message.ts';
import { active, engineConfig, group, interval, patience, Rehearsal, slot, standby } from './rehearsal.ts';

const one = { counter: 1, member: 1 };
const five = { counter: 5, member: 1 };
const holding = { state: MemberState.holding, term: one };
const pin = (play: Rehearsal, on = true): void => {
  play.give({ kind: 'maintenance', group, on });
  play.drained();
};
const health = (healthy: boolean) => ({ kind: 'health', group, healthy, reason: 'check' }) as const;
const pinned = (play: Rehearsal): unknown => play.engine.snapshot().groups[0]?.pinned;
const saysPinned = (play: Rehearsal, peer: number): boolean =>
  ((play.engine.records(peer)[0]?.flags ?? 0) & flagPinned) !== 0;

/** Standby, pinned, with member 1 active. */
function pinnedStandby(members = 2, changes = {}): Rehearsal {
  const play = Rehearsal.standby(engineConfig(2, members, changes));
  pin(play);
  play.take();
  return play;
}

/** Active with term 1.1, pinned. */
function pinnedActive(members = 2): Rehearsal {
  const play = Rehearsal.active(engineConfig(1, members));
  pin(play);
  play.take();
  return play;
}

describe('a pinned active member', () => {
  test('says so at once, to everybody', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'maintenance', group, on: true });
    assert.deepEqual(play.take(true), ['maintenance active operator', 'beat 2/1', 'beat 2/2']);
    assert.ok(saysPinned(play, 2));
    assert.equal(pinned(play), 'active');
  });

  test('keeps the role whatever its checks say, and hands it over when that is ended', () => {
    const play = pinnedActive();
    play.give(health(false));
    play.pass(slot, () => play.says(2, play.stood));
    assert.deepEqual(play.take(), ['failed: our checks fail, but the role is pinned']);
    pin(play, false);
    assert.deepEqual(play.take(), [
      'maintenance null operator',
      'active>draining health',
      'send prepare to 2 term 1.1',
    ]);
  });

  test('is not moved by a request, from here or from another member', () => {
    const play = pinnedActive();
    play.give({ kind: 'switchover', group, target: 2 });
    play.tells(2, ControlType.switchoverRequest, { term: one, target: 2, paths: [1] });
    play.drained();
    const refused = 'failed: the active member is in maintenance';
    assert.deepEqual(play.take(), [refused, refused]);
  });

  test('yields to a higher term, and stands by from then on', () => {
    const play = pinnedActive();
    play.says(2, active(2, 2));
    assert.deepEqual(play.take().slice(0, 3), ['yield', 'answer off', 'active>standby higherTerm']);
    play.drained();
    assert.deepEqual(play.take(), ['maintenance standby heard']);
    play.pass(10 * patience);
    assert.equal(play.state, 'standby');
  });

  test('that lost its lease takes the role again when nobody else has', () => {
    const play = pinnedActive();
    play.give({ kind: 'leaseLost' });
    assert.ok(!saysPinned(play, 2), 'it is as able as any other');
    play.pass(2 * slot, () => play.says(2, play.stood));
    assert.equal(play.state, 'active');
    assert.equal(pinned(play), 'active');
  });

  test('hands over all the same when the daemon stops', () => {
    const play = pinnedActive();
    play.give({ kind: 'stop' });
    play.drained();
    assert.deepEqual(play.take(), ['active>draining stop', 'send prepare to 2 term 1.1']);
  });

  test('a switchover that is under way is called off', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'switchover', group, target: 2 });
    play.tells(2, ControlType.prepared, holding);
    play.take();
    play.give({ kind: 'maintenance', group, on: true });
    assert.deepEqual(play.take(), [
      'maintenance active operator',
      'send abort to 2 term 1.1',
      'forward 0',
      'draining>active maintenance',
      'failed: maintenance',
    ]);
  });

  test('but one that is given up is not taken back', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'switchover', group, target: 2 });
    play.tells(2, ControlType.prepared, holding);
    play.pass(5000, () => play.says(2, holding));
    assert.equal(play.state, 'standby');
    pin(play);
    assert.equal(pinned(play), 'standby');
    play.pass(patience + 2 * slot);
    assert.equal(play.state, 'standby', 'though the successor died');
  });
});

describe('a pinned standby', () => {
  test('does not take over, whatever it sees', () => {
    const play = pinnedStandby();
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    play.pass(1_000_000);
    assert.equal(play.state, 'standby');
    assert.ok(!play.take().some((line) => line.startsWith('acquire')));
  });

  test('does so at once when that is ended and nobody else is there', () => {
    const play = pinnedStandby();
    play.pass(patience + slot);
    pin(play, false);
    assert.equal(play.state, 'active');
  });

  test('waits for others to hear of it where there are some', () => {
    const play = pinnedStandby(3);
    const faulted = (): void => play.says(3, { ...standby(5, 1), state: MemberState.faulted });
    play.pass(patience + slot, faulted);
    pin(play, false);
    play.pass(slot - 1, faulted);
    assert.equal(play.state, 'standby');
    play.pass(1, faulted);
    assert.equal(play.state, 'active');
  });

  test('refuses to be prepared', () => {
    const play = pinnedStandby();
    play.tells(1, ControlType.prepare, { state: MemberState.draining, term: five, target: 2, paths: [1] });
    assert.deepEqual(play.take(), ['send abort to 1 term 5.1']);
    assert.equal(play.state, 'standby');
  });

  test('leaves a switchover to it that is under way', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.tells(1, ControlType.prepare, { state: MemberState.draining, term: five, target: 2, paths: [1] });
    assert.equal(play.state, 'holding');
    play.take();
    play.give({ kind: 'maintenance', group, on: true });
    assert.deepEqual(play.take(), [
      'maintenance standby operator',
      'send abort to 1 term 5.1',
      'hold discard',
      'holding>standby maintenance',
    ]);
  });

  test('does not ask for the role', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { group: { preempt: true } }));
    play.says(1, active(5, 1));
    pin(play);
    play.give({ kind: 'switchover', group, target: 2 });
    assert.deepEqual(play.take(), [
      'maintenance standby operator',
      'failed: the successor is in maintenance',
    ]);
  });

  test('is faulted, and well again, like any other', () => {
    const play = pinnedStandby();
    play.give(health(false));
    play.give(health(true));
    assert.deepEqual(play.take(), ['standby>faulted check', 'faulted>standby check']);
  });
});

describe('a member that was pinned in an earlier life', () => {
  const restarted = (role: 'active' | 'standby'): Rehearsal =>
    new Rehearsal(engineConfig(1), { pins: new Map([[group, role]]) });

  test('as a standby stays one, however long nobody is active', () => {
    const play = restarted('standby');
    assert.deepEqual(play.take(), ['maintenance standby restored']);
    play.pass(3_000_000, () => play.says(2, { state: MemberState.starting }));
    assert.equal(play.state, 'starting');
    assert.ok(saysPinned(play, 2));
    play.says(2, active(5, 2));
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('as active takes the role when nobody has', () => {
    const play = restarted('active');
    play.pass(1_100_000);
    assert.equal(play.state, 'active');
  });

  test('as active stands by when another has it', () => {
    const play = restarted('active');
    play.says(2, active(5, 2));
    play.drained();
    assert.ok(play.take().includes('maintenance standby heard'));
    play.pass(1_000_000);
    assert.equal(play.state, 'standby');
  });
});

describe('what others make of a pinned member', () => {
  const pinnedWord = { ...standby(5, 1), recordFlags: flagPinned };

  test('nobody waits for its turn', () => {
    const play = Rehearsal.standby(engineConfig(3, 3));
    play.pass(patience, () => play.says(2, pinnedWord));
    assert.equal(play.state, 'active');
  });

  test('nor for that of one that has just started', () => {
    const play = new Rehearsal(engineConfig(2));
    play.pass(1_000_000, () => play.says(1, { state: MemberState.starting, recordFlags: flagPinned }));
    assert.equal(play.state, 'active');
  });

  test('nobody hands the role over to it', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.says(2, { ...play.stood, recordFlags: flagPinned });
    play.give({ kind: 'switchover', group, target: 0 });
    play.give({ kind: 'switchover', group, target: 2 });
    play.give(health(false));
    play.drained();
    assert.deepEqual(play.take(), [
      'failed: no standby is able to take over',
      'failed: the successor is in maintenance',
      'failed: our checks fail, but no standby is able',
    ]);
    assert.deepEqual(play.engine.snapshot().groups[0]?.others, [
      { id: 2, able: false, pinned: true, heldBack: false },
    ]);
  });

  test('a datagram about the group does not hide it', () => {
    const play = Rehearsal.active(engineConfig(1, 3));
    play.says(2, { ...play.stood, recordFlags: flagPinned });
    play.tells(2, ControlType.abort, { ...play.stood, paths: [1] });
    play.give({ kind: 'switchover', group, target: 0 });
    assert.ok(play.take().includes('send prepare to 3 term 1.1'));
  });

  test('nobody asks an active one for the role', () => {
    const play = new Rehearsal(engineConfig(1, 2, { group: { preempt: true } }));
    const word = (): void => play.says(2, { ...active(6, 2), recordFlags: flagPinned });
    word();
    play.drained();
    play.take();
    play.pass(20 * patience, word);
    assert.deepEqual(play.take(), []);
    play.give({ kind: 'switchover', group, target: 1 });
    assert.deepEqual(play.take(), ['failed: the active member is in maintenance']);
  });

  test('an active one that dies is succeeded as ever', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.pass(2 * interval, () => play.says(1, { ...active(5, 1), recordFlags: flagPinned }));
    play.pass(patience);
    assert.equal(play.state, 'active');
  });
});

test('an engine without pins says nothing of maintenance', () => {
  const engine = new Engine(engineConfig(1), { now: instant(0), termCeiling: 1, termFloor: 0 });
  assert.equal(engine.snapshot().groups[0]?.pinned, null);
});
