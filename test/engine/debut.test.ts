/** The first activation of a life: the port passes traffic, and nobody has the addresses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineConfig } from '../../src/engine/config.ts';
import { MemberState } from '../../src/wire/control/message.ts';
import { active, engineConfig, group, interval, patience, Rehearsal, slot, standby } from './rehearsal.ts';

const probeUs = 300_000;
const graceUs = 1_000_000;
const silentPortUs = 30_000_000;
const stranger = 0x0200_5e00_53ff;
const named = 'addressInUse 192.0.2.10 02:00:5e:00:53:ff 0';
const takes = [
  'starting>acquiring startup',
  'acquire 1.1',
  'answer on',
  'announce and ask',
  'acquiring>active startup',
  'announced 0',
];

function alone(changes: Partial<Omit<EngineConfig, 'groups'>> = {}): Rehearsal {
  const play = new Rehearsal(engineConfig(1, 2, { probeUs, silentPortUs, ...changes }));
  play.take();
  return play;
}

/** Put off by a stranger's answer a moment ago. */
function putOff(): Rehearsal {
  const play = alone();
  play.pass(graceUs);
  play.claim(0, stranger);
  assert.deepEqual(play.take(), ['probe', named]);
  return play;
}

const waitsFor = (play: Rehearsal) => play.engine.snapshot().groups[0]?.waitsFor;

describe('whoever knows nobody active asks before its first activation', () => {
  test('three times, and takes the role when nobody has answered', () => {
    const play = alone();
    play.pass(graceUs - 1);
    assert.deepEqual(play.take(), []);
    play.pass(1);
    assert.deepEqual(play.take(), ['probe']);
    assert.equal(waitsFor(play), 'probe');
    play.pass(probeUs - 1);
    assert.deepEqual(play.take(), ['probe', 'probe']);
    play.pass(1);
    assert.deepEqual(play.take(), takes);
    assert.equal(waitsFor(play), null);
  });

  test('an answer puts it off and is named; the address stays asked for, less and less often', () => {
    const play = alone();
    play.pass(graceUs + 1000);
    play.claim(0, stranger);
    play.take();
    const asked: number[] = [];
    const from = play.now;
    for (let round = 0; round < 4; round++) {
      while (!play.lines.includes('probe')) play.pass(1000);
      asked.push((play.now - from) / probeUs);
      play.claim(0, stranger);
      assert.deepEqual(play.take(), ['probe'], 'named once only');
    }
    assert.deepEqual(asked, [3, 9, 21, 33]);
    play.drained();
    assert.equal(play.state, 'starting');
    assert.equal(waitsFor(play), 'address');
  });

  test('it takes the role when the address is asked for in vain', () => {
    const play = putOff();
    play.pass(3 * probeUs + probeUs);
    assert.deepEqual(play.take(), ['probe', 'probe', 'probe', ...takes]);
  });

  test('a second holder is named, too; of very many, some', () => {
    const play = putOff();
    const lines: string[] = [];
    for (let count = 0; count < 100; count++) {
      while (!play.lines.includes('probe')) play.pass(10_000);
      play.claim(0, stranger - 1 - count);
      lines.push(...play.take().filter((line) => line.startsWith('addressInUse')));
    }
    assert.equal(lines.length, 15);
    assert.equal(lines[0], 'addressInUse 192.0.2.10 02:00:5e:00:53:fe 0');
    assert.equal(play.state, 'starting');
  });

  test('a claim that comes between the last question and the end counts', () => {
    const play = alone();
    play.pass(graceUs + probeUs - 1);
    play.claim(2);
    play.pass(1000);
    assert.deepEqual(play.take().slice(3), ['addressInUse 192.0.2.10 02:00:5e:00:53:02 2']);
    assert.equal(play.state, 'starting');
  });

  test('a claim before the first question says nothing yet', () => {
    const play = alone();
    play.claim(0, stranger);
    play.pass(graceUs + probeUs);
    assert.equal(play.state, 'active');
  });

  test('somebody active that is heard meanwhile ends it', () => {
    const play = putOff();
    play.says(2, active(5, 2));
    play.drained();
    assert.equal(play.state, 'standby');
    assert.equal(waitsFor(play), null);
    play.take();
    play.pass(patience);
    assert.equal(play.state, 'active', 'and its death is taken for what it is, without a question');
    assert.ok(!play.take().includes('probe'));
  });

  test('one that fails meanwhile begins anew when it is able again', () => {
    const play = alone();
    play.pass(graceUs + probeUs / 2);
    play.give({ kind: 'health', group, healthy: false, reason: 'check' });
    play.pass(probeUs);
    play.take();
    play.give({ kind: 'health', group, healthy: true, reason: 'check' });
    play.drained();
    play.pass(probeUs - 1);
    assert.deepEqual(play.take(), ['faulted>standby check', 'probe', 'probe', 'probe']);
    play.pass(1);
    assert.equal(play.state, 'active');
  });

  test('with the time 0 nobody is asked', () => {
    const play = alone({ probeUs: 0 });
    play.pass(graceUs);
    assert.deepEqual(play.take(), takes);
  });

  test('whoever is behind waits for the questions of the one ahead', () => {
    const play = new Rehearsal(engineConfig(2, 2, { probeUs }));
    const word = () => play.says(1, { state: MemberState.starting });
    word();
    play.drained();
    play.take();
    play.pass(graceUs + probeUs + slot - 1, word);
    assert.deepEqual(play.take(), []);
    play.pass(1, word);
    assert.deepEqual(play.take(), ['probe']);
  });

  test('a planned switchover and a preempting member ask nothing', () => {
    const play = Rehearsal.standby(engineConfig(2, 2, { probeUs }));
    play.says(1, active(5, 1));
    play.says(1, standby(5, 1));
    play.drained();
    assert.equal(play.state, 'active');
    assert.ok(!play.take().includes('probe'));
  });
});

describe('two that ask at once', () => {
  test('the one that hears a lower physical address ask leaves it to that one, and asks later', () => {
    const play = alone();
    play.pass(graceUs + 1000);
    play.give({ kind: 'rival', group });
    play.take();
    play.pass(3 * probeUs - 1);
    assert.deepEqual(play.take(), []);
    play.pass(1);
    assert.deepEqual(play.take(), ['probe']);
  });

  test('somebody who only asks, for ever, does not keep it from the role', () => {
    const play = alone();
    play.pass(graceUs + 100 * probeUs, () => play.give({ kind: 'rival', group }));
    assert.equal(play.state, 'active');
  });
});

describe('a port with carrier that passes nothing yet', () => {
  const silent = (changes: Partial<Omit<EngineConfig, 'groups'>> = {}): Rehearsal => {
    const play = alone(changes);
    play.give({ kind: 'port', group, passes: false });
    return play;
  };

  test('is waited for, and then asked through', () => {
    const play = silent();
    play.pass(graceUs);
    assert.deepEqual(play.take(), ['waitsForPort']);
    play.pass(20_000_000);
    assert.deepEqual(play.take(), []);
    assert.equal(waitsFor(play), 'port');
    play.give({ kind: 'port', group, passes: true });
    play.drained();
    play.pass(probeUs - 1);
    assert.deepEqual(play.take(), ['probe', 'probe', 'probe']);
    play.pass(1);
    assert.deepEqual(play.take(), takes);
  });

  test('no longer than the limit, counted from its carrier', () => {
    const play = silent();
    play.pass(silentPortUs - 1);
    assert.deepEqual(play.take(), ['waitsForPort']);
    play.pass(1 + probeUs);
    assert.equal(play.state, 'active');
  });

  test('that falls silent again is waited for again, and what was asked is asked anew', () => {
    const play = silent();
    play.give({ kind: 'port', group, passes: true });
    play.pass(graceUs + probeUs / 2);
    play.give({ kind: 'port', group, passes: false });
    play.take();
    play.pass(probeUs);
    assert.deepEqual(play.take(), ['waitsForPort']);
    play.give({ kind: 'port', group, passes: true });
    play.drained();
    play.pass(probeUs);
    assert.deepEqual(play.take(), ['probe', 'probe', 'probe', ...takes]);
  });

  test('is not waited for with the limit 0, nor by whoever has seen the active one die', () => {
    const off = silent({ silentPortUs: 0 });
    off.pass(graceUs + probeUs);
    assert.equal(off.state, 'active');
    const play = Rehearsal.standby(engineConfig(2, 2, { probeUs, silentPortUs }));
    play.give({ kind: 'port', group, passes: false });
    play.pass(patience);
    assert.equal(play.state, 'active');
  });
});

describe('an operator who moves the role here', () => {
  test('overrules the holder of the address', () => {
    const play = putOff();
    play.give({ kind: 'switchover', group, target: 1 });
    play.drained();
    assert.deepEqual(play.take(), takes);
  });

  test('overrules the silent port, also where the majority takes its time', () => {
    const play = alone();
    play.give({ kind: 'port', group, passes: false });
    play.pass(graceUs);
    play.take();
    play.give({ kind: 'switchover', group, target: 1 });
    play.drained();
    assert.equal(play.state, 'active');
  });

  test('to whichever member, does not', () => {
    const play = putOff();
    play.give({ kind: 'switchover', group, target: 0 });
    play.pass(interval);
    assert.deepEqual(play.take(), ['failed: nobody is active']);
    assert.equal(play.state, 'starting');
  });
});
