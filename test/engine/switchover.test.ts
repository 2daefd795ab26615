import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ControlType, flagHandsOver, flagStopping, MemberState } from '../../src/wire/control/message.ts';
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

const one = { counter: 1, member: 1 };
const five = { counter: 5, member: 1 };
const draining = { state: MemberState.draining, term: five };
const released = { state: MemberState.standby, term: five, target: 2 };
const holding = { state: MemberState.holding, term: one };

const words = (play: Rehearsal) => [...new Set(play.take())];

/** Active with term 1.1, draining towards member 2, which has answered. */
function forwarding(): Rehearsal {
  const play = Rehearsal.active(engineConfig(1));
  play.give({ kind: 'switchover', group, target: 0 });
  play.tells(2, ControlType.prepared, holding);
  play.take();
  return play;
}

describe('the active member in a planned switchover', () => {
  test('prepares, forwards, drains, closes its fence, and only then says released', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'switchover', group, target: 2 });
    assert.deepEqual(play.take(), ['active>draining switchover', 'send prepare to 2 term 1.1']);
    play.tells(2, ControlType.prepared, holding);
    assert.deepEqual(play.take(), ['forward 2']);
    play.pass(4999, () => play.says(2, holding));
    assert.deepEqual(play.take(), []);
    play.pass(1, () => play.says(2, holding));
    assert.deepEqual(play.take(), [
      'yield',
      'answer off',
      'draining>standby switchover',
      'send released to 2 term 1.1',
    ]);
  });

  test('repeats prepare until prepared, and released until the successor is heard active', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'switchover', group, target: 2 });
    play.take();
    play.pass(3 * interval, () => play.says(2, play.stood));
    assert.deepEqual(play.take(), Array(3).fill('send prepare to 2 term 1.1'));
    play.tells(2, ControlType.prepared, holding);
    play.pass(5000, () => play.says(2, holding));
    play.take();
    play.pass(2 * interval, () => play.says(2, holding));
    assert.deepEqual(play.take(), Array(2).fill('send released to 2 term 1.1'));
    play.says(2, active(2, 2));
    play.pass(interval, () => play.says(2, active(2, 2)));
    assert.deepEqual(play.take(), []);
  });

  test('forwards stragglers for a second after the successor was heard active', () => {
    const play = forwarding();
    play.pass(5000, () => play.says(2, holding));
    play.says(2, active(2, 2));
    play.drained();
    play.take();
    play.pass(999_999, () => play.says(2, active(2, 2)));
    assert.deepEqual(play.take(), []);
    play.pass(interval, () => play.says(2, active(2, 2)));
    assert.deepEqual(play.take(), ['forward 0']);
    assert.equal(play.state, 'standby');
  });

  test('calls it off when the successor dies before the fence was closed', () => {
    const play = forwarding();
    play.give({ kind: 'tether', peer: 2, path: 1, up: true, proof: true });
    play.give({ kind: 'tether', peer: 2, path: 1, up: false, proof: true });
    play.drained();
    assert.deepEqual(play.take().slice(-4), [
      'send abort to 2 term 1.1',
      'forward 0',
      'draining>active the successor died',
      'failed: the successor died',
    ]);
    assert.equal(play.state, 'active');
  });

  test('calls it off when the successor does not answer in time', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'switchover', group, target: 2 });
    play.pass(1_000_000, () => play.says(2, play.stood));
    assert.equal(play.take().at(-1), 'failed: the successor did not answer in time');
    assert.equal(play.state, 'active');
  });

  test('a successor that dies after released leaves the role to the ordinary election, with a new term', () => {
    const play = forwarding();
    play.pass(5000, () => play.says(2, holding));
    assert.equal(play.state, 'standby');
    play.pass(patience);
    play.pass(slot);
    assert.ok(play.take().includes('acquire 2.1'));
  });

  test('says it hands over until the successor is heard active, and leaves the role to it', () => {
    const play = forwarding();
    play.pass(50 * interval, () => play.says(2, holding));
    assert.equal(play.state, 'standby');
    assert.equal(play.engine.records(2)[0]?.flags, flagHandsOver);
    play.says(2, active(2, 2));
    play.drained();
    assert.equal(play.engine.records(2)[0]?.flags, 0);
  });

  test('refuses a request when nobody is able', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.says(2, { state: MemberState.faulted, term: one });
    play.give({ kind: 'switchover', group, target: 0 });
    assert.deepEqual(play.take(), ['failed: no standby is able to take over']);
  });

  test('honours the request of another member once per term', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.tells(2, ControlType.switchoverRequest, { ...play.stood, term: { counter: 0, member: 2 } });
    assert.equal(play.state, 'active', 'the request is about another term');
    play.tells(2, ControlType.switchoverRequest, { ...play.stood, term: one });
    assert.deepEqual(words(play), ['active>draining switchover', 'send prepare to 2 term 1.1']);
  });

  test('a higher term heard while draining ends everything at once', () => {
    const play = forwarding();
    play.says(2, active(9, 2));
    assert.deepEqual(play.take(), ['yield', 'answer off', 'forward 0', 'draining>standby higherTerm']);
  });
});

describe('the successor in a planned switchover', () => {
  function holdingPackets(): Rehearsal {
    const play = Rehearsal.standby(engineConfig(2));
    play.tells(1, ControlType.prepare, { ...draining, target: 2 });
    play.take();
    return play;
  }

  test('holds and says so; a repeated prepare is answered again', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.tells(1, ControlType.prepare, { ...draining, target: 2 });
    assert.deepEqual(play.take(), [
      'hold begin',
      'standby>holding prepare',
      'send prepared to 1 term 5.1',
      'send prepared to 1 term 5.1',
    ]);
  });

  test('on released: acquires, answers, delivers, announces', () => {
    const play = holdingPackets();
    play.tells(1, ControlType.released, released);
    assert.deepEqual(play.take(), [
      'holding>acquiring switchover',
      'acquire 6.2',
      'answer on',
      'hold deliver',
      'announce and ask',
      'acquiring>active switchover',
      'announced 0',
    ]);
  });

  test('a lost released is replaced by the heartbeat that says the same', () => {
    const play = holdingPackets();
    play.says(1, standby(5, 1));
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('takes over and delivers when the active member dies meanwhile', () => {
    const play = holdingPackets();
    play.pass(patience);
    assert.equal(play.state, 'active');
    assert.ok(play.take().includes('hold deliver'));
  });

  test('discards when the active member calls it off', () => {
    const play = holdingPackets();
    play.tells(1, ControlType.abort, active(5, 1));
    assert.deepEqual(play.take(), ['hold discard', 'holding>standby aborted']);
  });

  test('discards when it hears no more of it', () => {
    const play = holdingPackets();
    play.pass(1_000_000, () => play.says(1, { state: MemberState.draining, term: five }));
    assert.deepEqual(words(play).slice(-2), ['hold discard', 'holding>standby silence']);
  });

  test('refuses when it is faulted', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    play.take();
    play.tells(1, ControlType.prepare, { ...draining, target: 2, paths: [1] });
    assert.deepEqual(play.take(), ['send abort to 1 term 5.1']);
  });

  test('asks the active member when the operator asks here', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'switchover', group, target: 0 });
    assert.deepEqual(play.take(), ['send switchoverRequest to 1 term 5.1']);
  });
});

describe('failing checks', () => {
  test('of the active member: it hands over, then is faulted', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    play.drained();
    play.tells(2, ControlType.prepared, holding);
    play.pass(5000, () => play.says(2, holding));
    assert.deepEqual(play.take().slice(-4), [
      'yield',
      'answer off',
      'draining>faulted health',
      'send released to 2 term 1.1',
    ]);
  });

  test('of the active member: a standby that does not answer quickly is not waited for', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    play.drained();
    play.pass(slot, () => play.says(2, play.stood));
    assert.equal(play.state, 'faulted');
  });

  test('of the active member: it keeps the role when nobody else is able, until somebody is', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.says(2, { state: MemberState.faulted, term: one });
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    play.drained();
    assert.equal(play.state, 'active');
    assert.ok(play.take().includes('failed: our checks fail, but no standby is able'));
    play.says(2, standby(1, 1));
    play.drained();
    assert.equal(play.state, 'draining');
  });

  test('of the active member: no signal when the policy says so', () => {
    const config = engineConfig(1, 2, { group: { takeOverOn: { ...everySignal, status: false } } });
    const play = Rehearsal.active(config);
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    play.pass(slot, () => play.says(2, play.stood));
    assert.equal(play.state, 'active');
  });

  test('of a standby: it does not take over; when they pass again it may', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'health', group, healthy: false, reason: 'http' });
    play.pass(2 * patience);
    assert.equal(play.state, 'faulted');
    play.give({ kind: 'health', group, healthy: true, reason: 'http' });
    play.drained();
    assert.equal(play.state, 'active');
  });
});

describe('stop', () => {
  test('of a lone member: yields, says goodbye three times, stops', () => {
    const play = new Rehearsal(engineConfig(1));
    play.pass(1_000_000);
    play.take();
    play.give({ kind: 'stop' });
    play.pass(3 * interval);
    const lines = play.take(true);
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('beat')),
      ['yield', 'answer off', 'active>stopped stop', 'stopped'],
    );
    assert.equal(
      lines.slice(lines.indexOf('active>stopped stop')).filter((line) => line === 'beat 2/1').length,
      3,
    );
    assert.equal(play.engine.flags, flagStopping);
    assert.equal(play.engine.nextDeadline(), undefined);
  });

  test('of the active member: hands over first', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'stop' });
    play.drained();
    play.tells(2, ControlType.prepared, holding);
    play.pass(5000, () => play.says(2, holding));
    assert.equal(play.state, 'stopped');
    assert.equal(play.engine.flags, 0, 'the successor is not active yet');
    play.pass(4 * interval, () => play.says(2, active(2, 2)));
    assert.deepEqual(play.take().slice(-2), ['forward 0', 'stopped']);
  });

  test('of the active member: bounded when the standby does not answer', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.give({ kind: 'stop' });
    play.pass(1_000_000 + 4 * interval, () => play.says(2, play.stood));
    assert.equal(play.take().at(-1), 'stopped');
  });

  test('of a standby: goodbye, and the active one no longer counts on it', () => {
    const play = Rehearsal.standby(engineConfig(2));
    play.give({ kind: 'stop' });
    play.pass(3 * interval, () => play.says(1, active(5, 1)));
    assert.deepEqual(play.take(), ['standby>stopped stop', 'stopped']);
  });
});

describe('reconfigure', () => {
  test('keeps the role, takes the new interval', () => {
    const play = Rehearsal.active(engineConfig(1));
    play.engine.reconfigure(engineConfig(1, 2, { heartbeatIntervalUs: 4000 }), play.now);
    assert.equal(play.state, 'active');
    play.pass(8000, () => play.says(2, play.stood));
    assert.equal(play.take(true).filter((line) => line === 'beat 2/1').length, 3);
  });
});
