/** Somebody else claims an address that we hold. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { active, engineConfig, Rehearsal, slot } from './rehearsal.ts';

const defendIntervalUs = 100_000;

/** Active, with the schedule of announcements over and nothing said for long. */
function settled(): Rehearsal {
  const play = Rehearsal.active(engineConfig(1, 2, { announceScheduleUs: [], defendIntervalUs }));
  quietly(play, 10 * defendIntervalUs);
  play.take();
  return play;
}

function quietly(play: Rehearsal, us: number, each: () => void = () => {}): void {
  play.pass(us, () => {
    play.says(2, play.stood);
    each();
  });
}

const answers = (play: Rehearsal) => play.take().filter((line) => line.startsWith('announce '));
const isAnswer = (line: string) => line === 'announce' || line === 'announce and ask';

describe('a claim', () => {
  test('is answered at once, for what was claimed only, and nobody is asked', () => {
    const play = settled();
    play.claim(0);
    assert.deepEqual(play.take(), ['announce', 'announced 0']);
  });

  test('within the interval is answered when that is over, so that the last word is ours', () => {
    const play = settled();
    play.claim(0);
    play.claim(0);
    play.take();
    quietly(play, 2 * defendIntervalUs - 1);
    assert.deepEqual(play.take(), []);
    quietly(play, 1);
    assert.deepEqual(play.take(), ['announce', 'announced 0']);
    quietly(play, 100 * defendIntervalUs);
    assert.deepEqual(answers(play), []);
  });

  test('that comes now and then is answered each time at once', () => {
    const play = settled();
    for (let count = 0; count < 20; count++) {
      play.claim(0);
      assert.deepEqual(play.take(), ['announce', 'announced 0']);
      quietly(play, 5 * defendIntervalUs);
    }
  });

  test('of another member is reported, once an interval, and answered when its term had time to be heard', () => {
    const play = settled();
    play.claim(2);
    play.claim(2);
    assert.deepEqual(play.take(), ['claimed 2']);
    quietly(play, slot);
    assert.deepEqual(play.take(), ['announce', 'announced 0']);
    quietly(play, defendIntervalUs);
    play.take();
    play.claim(2);
    assert.deepEqual(play.take(), ['claimed 2']);
  });
});

test('against one that never stops, the interval doubles up to 8 of them', () => {
  const play = settled();
  const at: number[] = [];
  const from = play.now;
  quietly(play, 50 * defendIntervalUs, () => {
    play.claim(0);
    if (play.take().some(isAnswer)) at.push(Math.round((play.now - from) / defendIntervalUs));
  });
  assert.deepEqual(at, [0, 2, 6, 14, 22, 30, 38, 46]);
});

test('two that both defend for ever say one word each in 8 intervals in the end', () => {
  const plays = [settled(), settled()];
  const said = [0, 0];
  plays[0]?.claim(0);
  for (let step = 0; step < 4000; step++) {
    for (const [index, play] of plays.entries()) {
      quietly(play, defendIntervalUs / 4);
      if (!play.take().some(isAnswer)) continue;
      said[index] = (said[index] ?? 0) + 1;
      plays[1 - index]?.claim(0);
    }
  }
  for (const count of said) assert.ok(count > 60 && count <= 4 + 1000 / 8 + 1, `${count} in 1000 intervals`);
});

test('evidence is heeded within one interval, however long a contest goes on', () => {
  const play = settled();
  quietly(play, 100 * defendIntervalUs, () => play.claim(0));
  play.take();
  play.give({ kind: 'evidence', group: 77, reason: 'clockGap' });
  assert.deepEqual(play.take(), ['announce and ask', 'announced 0']);
});

test('nothing is answered by a standby, nor once the role is lost', () => {
  const play = settled();
  play.claim(0);
  play.claim(0);
  play.says(2, active(9, 2));
  play.claim(0);
  play.pass(10 * defendIntervalUs, () => play.says(2, active(9, 2)));
  assert.equal(play.state, 'standby');
  assert.deepEqual(play.take().filter(isAnswer), ['announce']);
});
