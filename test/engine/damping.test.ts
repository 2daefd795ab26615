import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { holdUs } from '../../src/engine/damping.ts';
import {
  ControlType,
  flagHandsOver,
  flagHeldBack,
  flagStopping,
  MemberState,
} from '../../src/wire/control/message.ts';
import {
  active,
  engineConfig,
  group,
  interval,
  patience,
  Rehearsal,
  slot,
  standby,
  type Word,
} from './rehearsal.ts';

const damping = { firstUs: 1_000_000, maxUs: 3_000_000, forgetUs: 20_000_000 };
const health = (healthy: boolean) => ({ kind: 'health', group, healthy, reason: 'check' }) as const;
const falls = (play: Rehearsal): number | undefined => play.engine.snapshot().groups[0]?.falls;
const toldTo = (play: Rehearsal, peer: number): number | undefined => play.engine.records(peer)[0]?.yourFalls;
const saysHeldBack = (play: Rehearsal): boolean =>
  ((play.engine.records(1)[0]?.flags ?? 0) & flagHeldBack) !== 0;

/** Active, with a peer that stays alive and never takes the role: every loss of the lease is followed by a return. */
function alone(): { play: Rehearsal; fall: () => void } {
  const play = Rehearsal.active(engineConfig(1, 2, { damping }));
  const faulted = (): void => play.says(2, { ...play.stood, state: MemberState.faulted });
  faulted();
  const fall = (): void => {
    play.give({ kind: 'leaseLost' });
    play.drained();
  };
  return { play, fall };
}

test('a first fall holds nobody back, each further one twice as long, up to the longest', () => {
  const held = [0, 1, 2, 3, 4, 5, 15].map((count) => holdUs(count, damping));
  assert.deepEqual(held, [0, 0, 1_000_000, 2_000_000, 3_000_000, 3_000_000, 3_000_000]);
  assert.equal(holdUs(15, { ...damping, firstUs: 0 }), 0);
});

describe('what is a fall', () => {
  test('a lost lease', () => {
    const { play, fall } = alone();
    fall();
    assert.equal(falls(play), 1);
  });

  test('a failing check, once the role is given up', () => {
    const play = Rehearsal.active(engineConfig(1, 2, { damping }));
    play.give(health(false));
    play.drained();
    assert.equal(falls(play), 0);
    play.tells(2, ControlType.prepared, { state: MemberState.holding, term: { counter: 1, member: 1 } });
    play.pass(5000, () => play.says(2, { state: MemberState.holding, term: { counter: 1, member: 1 } }));
    assert.equal(play.state, 'faulted');
    assert.equal(falls(play), 1);
  });

  test('a higher term', () => {
    const play = Rehearsal.active(engineConfig(1, 2, { damping }));
    play.says(2, active(2, 2));
    assert.equal(falls(play), 1);
  });

  test('not a failing check while nobody else is able', () => {
    const { play } = alone();
    play.give(health(false));
    play.drained();
    assert.equal(falls(play), 0);
  });

  test('not what an operator wished: a switchover, a stop', () => {
    for (const wish of [{ kind: 'switchover', group, target: 2 }, { kind: 'stop' }] as const) {
      const play = Rehearsal.active(engineConfig(1, 2, { damping }));
      play.give(wish);
      play.drained();
      const holding = { state: MemberState.holding, term: { counter: 1, member: 1 } };
      play.tells(2, ControlType.prepared, holding);
      play.pass(5000, () => play.says(2, holding));
      assert.match(play.state, /standby|stopped/);
      assert.equal(falls(play), 0);
    }
  });
});

describe('held back', () => {
  test('begins with the second fall, when the member is well again, and ends', () => {
    const play = Rehearsal.standby(engineConfig(2, 3, { damping }));
    const others = (): void => {
      play.says(1, { ...active(5, 1), yourFalls: 2 });
      play.says(3, standby(5, 1));
    };
    play.give(health(false));
    play.take();
    play.pass(500_000, others);
    assert.deepEqual(play.take(), [], 'nobody is held back from what he cannot do');
    play.give(health(true));
    play.drained();
    assert.deepEqual(play.take(), ['faulted>standby check', 'heldBack 1000000 after 2']);
    play.pass(999_999, others);
    assert.deepEqual(play.take(), []);
    assert.ok(saysHeldBack(play));
    assert.equal(play.engine.snapshot().groups[0]?.heldBackUs, 1);
    play.pass(1, others);
    assert.deepEqual(play.take(), ['heldBackEnded']);
    assert.ok(!saysHeldBack(play));
  });

  test('is over for a member that got the role', () => {
    const { play, fall } = alone();
    fall();
    play.pass(slot);
    fall();
    assert.equal(play.take().at(-1), 'heldBack 1000000 after 2');
    play.pass(slot);
    assert.equal(play.state, 'active');
    play.take();
    play.pass(interval);
    assert.deepEqual(play.take(), ['heldBackEnded']);
  });

  test('the first fall changes nothing', () => {
    const { play, fall } = alone();
    fall();
    play.pass(slot);
    assert.ok(!play.take().some((line) => line.startsWith('heldBack')));
  });

  test('an earlier one is forgotten when the member has been well long enough, not sooner', () => {
    const { play, fall } = alone();
    const faulted = (): void => play.says(2, { ...play.stood, state: MemberState.faulted });
    fall();
    play.pass(slot);
    play.pass(damping.forgetUs - slot - 1, faulted);
    assert.equal(falls(play), 1);
    play.pass(1, faulted);
    assert.equal(falls(play), 0);
  });

  test('a failing check begins the quiet time anew', () => {
    const { play, fall } = alone();
    const faulted = (): void => play.says(2, { ...play.stood, state: MemberState.faulted });
    fall();
    play.pass(damping.forgetUs / 2, faulted);
    play.give(health(false));
    play.drained();
    play.give(health(true));
    play.drained();
    play.pass(damping.forgetUs - 1, faulted);
    assert.equal(falls(play), 1);
    play.pass(1, faulted);
    assert.equal(falls(play), 0);
  });

  test('firstUs 0: never', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { damping: { ...damping, firstUs: 0 } }));
    play.says(1, { ...active(5, 1), yourFalls: 9 });
    play.drained();
    assert.ok(!saysHeldBack(play));
  });
});

describe('whose turn it is', () => {
  const heldBack = { ...standby(5, 1), recordFlags: flagHeldBack };

  test('a held-back standby lets an able one of lower priority go first', () => {
    const play = Rehearsal.standby(engineConfig(2, 3, { damping }));
    const word = (): void => play.says(3, standby(5, 1));
    play.says(1, { ...active(5, 1), yourFalls: 2 });
    play.pass(patience, (at) => {
      play.says(1, { ...active(5, 1), yourFalls: 2 });
      if (at >= 0) word();
    });
    play.pass(patience + slot - 1, word);
    assert.equal(play.state, 'standby');
    play.pass(1, word);
    assert.equal(play.state, 'active', 'but that one has not taken it');
  });

  test('and that one does not wait for it', () => {
    const play = Rehearsal.standby(engineConfig(3, 3, { damping }));
    play.pass(patience - 1, () => play.says(2, heldBack));
    assert.equal(play.state, 'standby');
    play.pass(1, () => play.says(2, heldBack));
    assert.equal(play.state, 'active');
  });

  test('where no other is able it takes over at once', () => {
    const play = Rehearsal.standby(engineConfig(2, 3, { damping }));
    const others = (): void => {
      play.says(1, { ...active(5, 1), yourFalls: 9 });
      play.says(3, { ...standby(5, 1), state: MemberState.faulted });
    };
    others();
    play.pass(2 * slot, others);
    assert.ok(saysHeldBack(play));
    play.give({ kind: 'tether', peer: 1, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 1, path: 1, up: false, proof: true });
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('a change of rank is heard by all before anybody acts on it', () => {
    const play = Rehearsal.standby(engineConfig(2, 3, { damping }));
    const others = (): void => {
      play.says(1, { ...active(5, 1), yourFalls: 2 });
      play.says(3, standby(5, 1));
    };
    others();
    play.pass(damping.firstUs, others);
    assert.ok(!saysHeldBack(play));
    play.says(1, standby(5, 1));
    play.pass(slot - 1, () => play.says(3, standby(5, 1)));
    assert.equal(play.state, 'standby');
    play.pass(1, () => play.says(3, standby(5, 1)));
    assert.equal(play.state, 'active');
  });

  test('the best successor is one that is not held back; who is named goes all the same', () => {
    for (const [target, successor] of [
      [0, 3],
      [2, 2],
    ]) {
      const play = Rehearsal.active(engineConfig(1, 3, { damping }));
      play.says(2, { ...play.stood, recordFlags: flagHeldBack });
      play.says(3, play.stood);
      play.give({ kind: 'switchover', group, target: target ?? 0 });
      assert.equal(play.take().at(-1), `send prepare to ${successor} term 1.1`);
    }
  });

  test('nobody held back asks for the role; it does when that is over and it has been up for a while', () => {
    const play = new Rehearsal(engineConfig(1, 2, { damping, group: { preempt: true } }));
    const word = (): void => play.says(2, { ...active(6, 2), yourFalls: 2 });
    word();
    play.drained();
    play.take();
    play.pass(damping.firstUs + 10 * patience - 1, word);
    assert.deepEqual(play.take(), ['heldBackEnded']);
    play.pass(1, word);
    assert.deepEqual(play.take(), ['send switchoverRequest to 2 term 6.2']);
  });
});

describe('what others remember', () => {
  const restart = (play: Rehearsal, boot: number, word: Word = {}): void =>
    play.says(1, { state: MemberState.starting, boot, ...word });

  test('a life that ended while it held the role was a fall; its next life is told, until it says so itself', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { damping }));
    assert.equal(toldTo(play, 1), 0);
    restart(play, 1);
    assert.equal(toldTo(play, 1), 1);
    play.says(1, { ...standby(6, 2), boot: 1, falls: 1 });
    assert.equal(toldTo(play, 1), 0);
  });

  test('lives add up', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { damping }));
    restart(play, 1);
    play.says(1, { ...active(7, 1), boot: 1, falls: 1 });
    restart(play, 2);
    play.says(1, { ...active(8, 1), boot: 2 });
    restart(play, 3);
    assert.equal(toldTo(play, 1), 3, 'also when one of them never heard of the others');
  });

  test('a count that was said is remembered, one that was forgotten is not', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { damping }));
    play.says(1, { ...standby(6, 2), falls: 4 });
    restart(play, 1);
    assert.equal(toldTo(play, 1), 4);
    play.says(1, { ...standby(6, 2), boot: 1, falls: 4 });
    play.says(1, { ...standby(6, 2), boot: 1, falls: 0 });
    restart(play, 2);
    assert.equal(toldTo(play, 1), 0);
  });

  test('whoever left in order, or had handed over, did not fall', () => {
    const stopped = { state: MemberState.stopped, term: { counter: 5, member: 1 }, flags: flagStopping };
    const given = { ...standby(5, 1), recordFlags: flagHandsOver };
    for (const last of [stopped, given]) {
      const play = Rehearsal.standby(engineConfig(2, 2, { damping }));
      play.says(1, last);
      play.drained();
      restart(play, 1);
      assert.equal(toldTo(play, 1), 0);
    }
  });

  test('a datagram of the switchover counts like a heartbeat', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { damping }));
    play.tells(1, ControlType.released, standby(5, 1));
    restart(play, 1);
    assert.equal(toldTo(play, 1), 0);
  });

  test('a new life that is told of its falls is held back from its beginning', () => {
    const play = new Rehearsal(engineConfig(1, 2, { damping }));
    play.pass(interval, () => play.says(2, { ...active(6, 2), yourFalls: 3 }));
    assert.ok(play.take().includes('heldBack 1998000 after 3'));
    assert.equal(play.engine.records(2)[0]?.falls, 3);
  });
});
