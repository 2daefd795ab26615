import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ControlType, flagHandsOver, MemberState } from '../../src/wire/control/message.ts';
import {
  active,
  engineConfig,
  everySignal,
  group,
  interval,
  patience,
  Rehearsal,
  slot,
  standby,
} from './rehearsal.ts';

const five = { counter: 5, member: 1 };

test('who is heard for the first time, or in a new life, hears us at once', () => {
  const play = new Rehearsal(engineConfig(2, 3));
  play.drained();
  play.take(true);
  const beats = (): boolean => play.take(true).includes('beat 3/1');
  play.says(3, { state: MemberState.starting });
  assert.equal(beats(), true);
  play.says(3, { state: MemberState.starting });
  assert.equal(beats(), false);
  play.says(3, { state: MemberState.starting, boot: 4711 });
  assert.equal(beats(), true);
});

describe('who goes first', () => {
  test('the chosen successor of a planned switchover, whatever its priority', () => {
    const play = Rehearsal.standby(engineConfig(2, 3));
    const word = () => play.says(3, { state: MemberState.holding, term: five });
    word();
    play.pass(patience + slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.equal(play.state, 'active');
  });

  test('nobody, while the old active member says it hands over', () => {
    const play = Rehearsal.standby(engineConfig(2, 3));
    const word = { state: MemberState.standby, term: five };
    const round = (flags: number) => () => {
      play.says(1, { ...word, recordFlags: flags });
      play.says(3, standby(5, 1));
    };
    play.pass(10 * slot, round(flagHandsOver));
    assert.equal(play.state, 'standby');
    play.pass(2 * interval, round(0));
    assert.equal(play.state, 'active');
  });

  test('whoever an activation is known of by hearsay only', () => {
    const play = Rehearsal.standby(engineConfig(2, 3));
    play.says(1, { state: MemberState.faulted, term: five });
    play.says(3, standby(6, 3));
    play.drained();
    assert.equal(play.state, 'standby');
    play.pass(slot, () => play.says(3, standby(6, 3)));
    assert.equal(play.state, 'active');
  });

  test('the one that lost the role goes last', () => {
    const play = Rehearsal.active(engineConfig(1, 3));
    play.give({ kind: 'leaseLost' });
    const word = () => {
      for (const id of [2, 3]) play.says(id, play.stood);
    };
    play.pass(2 * slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.equal(play.state, 'active');
  });

  test('those that stood by, before a member that has just started', () => {
    const play = new Rehearsal(engineConfig(1));
    play.says(2, standby(5, 2));
    play.drained();
    play.pass(2 * slot - 1, () => play.says(2, standby(5, 2)));
    assert.equal(play.state, 'starting');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('a newcomer ahead that fell silent in its first moments, for as long as a grace lasts', () => {
    const play = new Rehearsal(engineConfig(2));
    play.says(1, { state: MemberState.starting });
    play.drained();
    play.pass(patience + slot);
    assert.equal(play.state, 'starting');
    play.says(1, active(1, 1));
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('but not one whose process is proven to have ended', () => {
    const play = new Rehearsal(engineConfig(2));
    play.says(1, { state: MemberState.starting });
    play.drained();
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    play.pass(patience + slot);
    assert.equal(play.state, 'active');
  });

  test('in our own grace, whoever we have not heard: it may be active already, whatever its priority', () => {
    const play = new Rehearsal(engineConfig(2, 3));
    const word = () => play.says(1, active(5, 1));
    play.pass(20 * interval, word);
    assert.equal(play.state, 'standby');
    for (const up of [true, false]) play.give({ kind: 'tether', peer: 1, path: 1, up, proof: true });
    play.drained();
    play.pass(slot - 1);
    assert.equal(play.state, 'standby');
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('of two that were active at a time and are no more, the one of the higher term', () => {
    const config = engineConfig(2, 2, { group: { takeOverOn: { ...everySignal, status: false } } });
    const play = Rehearsal.standby(config);
    play.pass(patience + slot);
    assert.equal(play.state, 'active');
    // It is heard again, by a word that says nothing of what it is, and our lease runs out before it does.
    play.tells(1, ControlType.promiseRequest, {});
    play.drained();
    play.give({ kind: 'leaseLost' });
    play.drained();
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.snapshot().groups[0]?.active, 1);
    play.pass(3 * slot, () => play.says(1, play.stood));
    assert.equal(play.state, 'active');
  });

  test('and not the one of the lower term', () => {
    const config = engineConfig(2, 2, { group: { takeOverOn: { ...everySignal, status: false } } });
    const play = Rehearsal.standby(config);
    play.pass(10 * slot, () => play.says(1, standby(5, 1)));
    assert.equal(play.state, 'standby');
  });

  test('whoever is ahead and gives up late leaves the ranks behind it as they were', () => {
    const play = new Rehearsal(engineConfig(3, 3));
    const words = (first: MemberState) => (): void => {
      play.says(1, { state: first });
      play.says(2, standby(0, 0));
    };
    words(MemberState.starting)();
    play.drained();
    play.pass(5 * slot, words(MemberState.starting));
    words(MemberState.faulted)();
    play.drained();
    play.pass(3 * slot - 1, words(MemberState.faulted));
    assert.equal(play.state, 'starting', 'the second one may act now');
    play.pass(1, words(MemberState.faulted));
    assert.equal(play.state, 'active');
  });

  test('a member whose checks pass again lets a living peer be heard', () => {
    const play = Rehearsal.standby(engineConfig(2));
    const word = () => play.says(1, { state: MemberState.faulted, term: five });
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    word();
    play.drained();
    play.give({ kind: 'health', group, healthy: true, reason: 'http' });
    play.pass(slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.equal(play.state, 'active');
  });
});

describe('old words', () => {
  test('of a boot that a newer one followed are not believed', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.says(1, { state: MemberState.starting, boot: 4711 });
    play.says(1, active(5, 1));
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('of a term that was given up do not bring it back', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.says(1, { state: MemberState.standby, term: five });
    play.says(1, active(5, 1));
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('of a life that has ended tell which terms there were', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    play.says(1, active(8, 1));
    play.drained();
    assert.equal(play.state, 'active');
    assert.deepEqual(play.engine.snapshot().groups[0]?.term, { counter: 9, member: 2 });
  });

  test('and of another one’s activation they are not the last word: that one has time to be heard', () => {
    const play = Rehearsal.standby(engineConfig(2, 3));
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    play.says(1, standby(8, 3));
    play.drained();
    assert.equal(play.state, 'standby');
    play.pass(slot, () => play.says(3, standby(5, 1)));
    assert.equal(play.state, 'active');
    assert.deepEqual(play.engine.snapshot().groups[0]?.term, { counter: 9, member: 2 });
  });

  test("the end of a former boot's tether is not the death of the present one", () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true, boot: 1001 });
    play.says(1, { ...active(6, 1), boot: 4711 });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true, boot: 1001 });
    play.drained();
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.snapshot().peers[0]?.up, true);
  });

  test('a boot that still speaks a grace after its death was told is alive', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'tether', peer: 2, path: 1, up: false, proof: true });
    play.pass(1_000_000 - interval, () => play.says(2, play.stood));
    assert.equal(play.engine.snapshot().peers[0]?.up, false);
    play.pass(2 * interval, () => play.says(2, play.stood));
    assert.equal(play.engine.snapshot().peers[0]?.up, true);
  });
});

test('a heartbeat on any path restores the full count on all of them', () => {
  const config = engineConfig(2, 2, {
    peers: [{ id: 1, paths: [1, 2, 3].map((id) => ({ id, cable: id === 1 })) }],
  });
  const play = new Rehearsal(config);
  play.says(1, { ...active(5, 1), paths: [1, 2, 3] });
  play.give({ kind: 'carrier', peer: 1, path: 1, up: false });
  play.says(1, { ...active(5, 1), paths: [2] });
  play.drained();
  play.take();
  play.pass(patience - 1);
  assert.deepEqual(play.take(), []);
});

test('every transition that the table does not name is a broken invariant', async () => {
  const { become, transitions } = await import('../../src/engine/transitions.ts');
  const { InvariantError } = await import('../../src/engine/invariant.ts');
  const states = [...new Set(transitions.flatMap(({ from, to }) => [from, to]))];
  assert.equal(states.length, 8);
  for (const from of states) {
    for (const to of states) {
      const known = transitions.some((each) => each.from === from && each.to === to);
      if (known) assert.equal(become(from, to), to);
      else assert.throws(() => become(from, to), InvariantError);
    }
  }
});
