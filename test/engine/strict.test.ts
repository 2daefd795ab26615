import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineConfig, QuorumConfig } from '../../src/engine/config.ts';
import {
  ControlType,
  MemberState,
  type NodeId,
  noTerm,
  PromiseWord,
  type Term,
} from '../../src/wire/control/message.ts';
import { active, engineConfig, group, interval, patience, Rehearsal, standby } from './rehearsal.ts';

const witness = 21;
const promiseUs = 60_000;
const quorum: QuorumConfig = { voters: [1, 2, witness], members: [1, 2], promiseUs, driftPpm: 1000 };
const witnessPeer = { id: witness, paths: [{ id: 9, cable: false }] };

/** Two members and a witness; we are `self`. */
function strictConfig(self: NodeId): EngineConfig {
  const config = engineConfig(self, 2, { group: { quorum } });
  return { ...config, peers: [...config.peers, witnessPeer] };
}

/** The witness itself. */
function witnessConfig(): EngineConfig {
  const config = engineConfig(witness, 2);
  return { ...config, self: witness, boot: 1021, groups: [], witnessed: [{ id: group, quorum }] };
}

/** What a voter answers. */
const answers = (play: Rehearsal): string[] =>
  play.take().filter((line) => line.startsWith('send promise to'));

function asks(
  play: Rehearsal,
  from: NodeId,
  identification: number,
  term: Term,
  word: PromiseWord = PromiseWord.ask,
): void {
  play.tells(from, ControlType.promiseRequest, {
    term,
    paths: [1],
    promise: { identification, durationUs: word === PromiseWord.ask ? promiseUs : 0, word },
  });
}

describe('a voter', () => {
  const begin = (): Rehearsal => {
    const play = new Rehearsal(witnessConfig());
    for (const id of [1, 2]) play.says(id, {});
    play.pass(2 * promiseUs);
    play.take();
    return play;
  };
  const [first, second] = [
    { counter: 5, member: 1 },
    { counter: 6, member: 2 },
  ];

  test('waits out what a former life may have promised', () => {
    const play = new Rehearsal(witnessConfig());
    asks(play, 1, 1, first);
    assert.deepEqual(answers(play), ['send promise to 1 #1 unable term 0.0']);
    play.pass(promiseUs);
    asks(play, 1, 2, first);
    assert.deepEqual(answers(play), ['send promise to 1 #2 unable term 0.0'], 'its clock may be slow');
    play.pass(1000);
    asks(play, 1, 3, first);
    assert.deepEqual(answers(play), ['send promise to 1 #3 given term 5.1']);
  });

  test('promises to one, until that runs out', () => {
    const play = begin();
    asks(play, 1, 1, first);
    asks(play, 2, 1, second);
    assert.deepEqual(answers(play), [
      'send promise to 1 #1 given term 5.1',
      'send promise to 2 #1 taken term 5.1',
    ]);
    play.pass(promiseUs - 1);
    asks(play, 2, 2, second);
    assert.deepEqual(answers(play), ['send promise to 2 #2 taken term 5.1']);
    play.pass(1);
    asks(play, 2, 3, second);
    asks(play, 1, 2, first);
    assert.deepEqual(answers(play), [
      'send promise to 2 #3 given term 6.2',
      'send promise to 1 #2 taken term 6.2',
    ]);
  });

  test('renews for whoever has it', () => {
    const play = begin();
    for (let round = 1; round <= 5; round++) {
      asks(play, 1, round, first);
      play.pass(promiseUs / 2);
    }
    asks(play, 2, 1, second);
    assert.equal(answers(play).at(-1), 'send promise to 2 #1 taken term 5.1');
  });

  test('promises nothing lower than it did before', () => {
    const play = begin();
    asks(play, 2, 1, second);
    asks(play, 2, 2, second, PromiseWord.giveBack);
    asks(play, 1, 1, first);
    assert.equal(answers(play).at(-1), 'send promise to 1 #1 lowerTerm term 6.2');
  });

  test('forgets a term that was never used', () => {
    const play = begin();
    asks(play, 2, 1, second);
    asks(play, 2, 2, second, PromiseWord.abandon);
    asks(play, 1, 1, first);
    assert.equal(answers(play).at(-1), 'send promise to 1 #1 given term 5.1');
  });

  test('does not hear a request again that is older than the last', () => {
    const play = begin();
    asks(play, 1, 1, first);
    asks(play, 1, 3, first);
    asks(play, 1, 2, first, PromiseWord.giveBack);
    asks(play, 2, 1, second);
    assert.equal(answers(play).at(-1), 'send promise to 2 #1 taken term 5.1');
  });

  test('promises nothing to a stranger', () => {
    const play = begin();
    asks(play, 3, 1, first);
    assert.deepEqual(answers(play), []);
  });

  test('promises no term that its disk does not know', () => {
    const play = new Rehearsal(witnessConfig(), { termCeiling: 4 });
    play.pass(2 * promiseUs);
    play.take();
    asks(play, 1, 1, first);
    assert.deepEqual(answers(play), ['send promise to 1 #1 unable term 0.0']);
    play.give({ kind: 'termsReserved', ceiling: 1000 });
    asks(play, 1, 2, first);
    assert.deepEqual(answers(play), ['send promise to 1 #2 given term 5.1']);
  });
});

describe('a standby of a strict group whose active member falls silent', () => {
  /** The witness lives; member 1 has been silent for the full count. */
  const begin = (): Rehearsal => {
    const play = Rehearsal.standby(strictConfig(2));
    const witnessLives = (): void => play.says(witness, { state: MemberState.starting, term: noTerm });
    // Our own vote, too, waits out what a former life may have promised.
    play.pass(2 * promiseUs, () => {
      witnessLives();
      play.says(1, active(5, 1));
    });
    play.pass(patience, witnessLives);
    return play;
  };
  const given = (play: Rehearsal, identification: number): void =>
    play.tells(witness, ControlType.promise, {
      term: { counter: 6, member: 2 },
      promise: { identification, durationUs: promiseUs, word: PromiseWord.given },
    });
  const asked = (lines: readonly string[]): number => {
    const last = lines.findLast((line) => line.startsWith(`send promiseRequest to ${witness}`));
    return Number(/#(\d+) ask/.exec(last ?? '')?.[1]);
  };

  test('asks, and is not active before a majority has promised', () => {
    const play = begin();
    const lines = play.take();
    assert.ok(!lines.some((line) => line.startsWith('acquire')), lines.join('\n'));
    assert.equal(play.state, 'standby');
    given(play, asked(lines));
    play.drained();
    assert.equal(play.state, 'active');
    assert.ok(play.take().includes('acquire 6.2'));
  });

  test('keeps what was promised while the kernel has not said yet that the fence is open', () => {
    const play = begin();
    play.grants = undefined;
    given(play, asked(play.take()));
    play.drained();
    play.drained();
    assert.equal(play.state, 'acquiring');
    assert.ok(!play.take().some((line) => /abandon|giveBack/.test(line)));
  });

  test('a promise that nobody asked for counts nothing', () => {
    const play = begin();
    given(play, 1000);
    play.drained();
    assert.equal(play.state, 'standby');
  });

  test('renews; without answers it gives the role up before its promises run out at the voters', () => {
    const play = begin();
    given(play, asked(play.take()));
    const grantedAt = play.now;
    play.drained();
    play.take();
    play.pass(promiseUs / 2, () => play.says(witness, {}));
    const round = asked(play.lines);
    assert.ok(round > 0, 'it asks again');
    given(play, round);
    assert.ok(play.take().includes('extend'));
    play.pass(promiseUs, () => play.says(witness, {}));
    const lines = play.take();
    assert.equal(play.state, 'standby');
    assert.ok(lines.includes('majorityLost') && lines.includes('yield'));
    assert.ok(
      lines.indexOf('yield') < lines.findIndex((line) => line.includes('giveBack')),
      'the fence is closed first',
    );
    assert.ok(play.now - grantedAt >= promiseUs);
  });

  test('leaves it to a member that goes before it and asks as well', () => {
    const play = begin();
    play.take();
    play.says(1, standby(5, 1));
    asks(play, 1, 1, { counter: 6, member: 1 });
    const lines = play.take();
    assert.ok(lines.includes(`send promise to 1 #1 given term 6.1`), lines.join('\n'));
    assert.ok(lines.some((line) => line.includes('abandon')));
  });

  test('goes above a higher term that a voter knows of', () => {
    const play = begin();
    play.tells(witness, ControlType.promise, {
      term: { counter: 9, member: 1 },
      promise: { identification: asked(play.take()), durationUs: 0, word: PromiseWord.lowerTerm },
    });
    const lines = play.take();
    assert.ok(
      lines.some((line) => /ask term 10\.2/.test(line)),
      lines.join('\n'),
    );
    given(play, asked(lines));
    play.drained();
    assert.ok(play.take().includes('acquire 10.2'));
  });

  test('pinned, it stops asking, and still has its vote', () => {
    const play = begin();
    const round = asked(play.take());
    play.give({ kind: 'maintenance', group, on: true });
    play.drained();
    const lines = play.take();
    assert.ok(lines.some((line) => line.includes('abandon')));
    given(play, round);
    play.pass(promiseUs, () => play.says(witness, {}));
    assert.equal(play.state, 'standby');
    assert.ok(!play.take().some((line) => line.includes(' ask ')));
    asks(play, 1, 1, { counter: 6, member: 1 });
    assert.ok(play.take().includes('send promise to 1 #1 given term 6.1'));
  });

  test('does not ask for ever in vain: others get their turn', () => {
    const play = begin();
    play.take();
    play.pass(promiseUs + 10 * interval, () => play.says(witness, {}));
    assert.ok(play.take().some((line) => line.includes('abandon')));
    play.pass(promiseUs, () => play.says(witness, {}));
    assert.ok(
      play.take().some((line) => line.includes(' ask ')),
      'and it asks again',
    );
  });
});
