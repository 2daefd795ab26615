import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyTransitions, transitions } from '../src/engine/transitions.ts';
import { describeFailure } from '../src/sim/failure.ts';
import { shrink } from '../src/sim/shrink.ts';
import { emptyTally, neverMade, type Tally } from '../src/sim/tally.ts';
import { type Outcome, World } from '../src/sim/world.ts';

/** Enough to leave some of it out, also where one fault alone happens. */
const linesLeast = 41;
const culprit = 3;
const { seed, whole, others, trace } = longWorld();

function longWorld(): { seed: number; whole: Outcome; others: readonly number[]; trace: readonly string[] } {
  for (let seed = 1; ; seed++) {
    const whole = new World(seed, { pace: 'slow' }).run();
    const others = Array.from({ length: whole.drawn }, (_, index) => index).filter(
      (each) => each !== culprit,
    );
    const trace: string[] = [];
    new World(seed, { pace: 'slow', omit: new Set(others), log: (line) => trace.push(line) }).run();
    if (trace.length >= linesLeast) return { seed, whole, others, trace };
  }
}

/** The world of the seed, said to break unless this fault is left out. */
function playedAgain(
  cause: number,
  omit: ReadonlySet<number>,
  log: ((line: string) => void) | undefined,
): Outcome {
  const outcome = new World(seed, { pace: 'slow', omit, log }).run();
  return omit.has(cause) ? outcome : { ...outcome, violations: ['two voices'] };
}

test('a failure prints the seed, the end of its shortest trace, and a command that replays it', () => {
  const said = describeFailure(
    { ...whole, violations: ['two voices'] },
    { pace: 'slow', omit: undefined, traced: false },
    (omit, log) => playedAgain(culprit, omit, log),
  );
  assert.deepEqual(said.split('\n'), [
    `seed ${seed}: two voices`,
    `the shortest trace found, with 1 of ${whole.drawn} faults, has ${trace.length} lines; the first ${trace.length - 40} are left out:`,
    ...trace.slice(-40).map((line) => `  ${line}`),
    '  two voices',
    `replay, with 1 of ${whole.drawn} faults: npm run sim -- --seed ${seed} --omit ${others.join()} --trace`,
  ]);
});

test('a world that was played line by line is not printed again, nor made smaller where faults were named', () => {
  const said = describeFailure(
    { ...whole, violations: ['two voices'] },
    { pace: 'brisk', omit: [5, 1], traced: true },
    () => assert.fail('played again'),
  );
  assert.deepEqual(said.split('\n'), [
    `seed ${seed}: two voices`,
    `replay, with ${whole.drawn - 2} of ${whole.drawn} faults: npm run sim -- --seed ${seed} --brisk --omit 1,5 --trace`,
  ]);
});

test('faults are left out until none can be, also those that mattered only beside another', () => {
  // 4 matters while 2 is there, and 2 does not matter: seen in the second pass only.
  const breaks = (omit: ReadonlySet<number>): boolean => !omit.has(0) && (omit.has(2) || !omit.has(4));
  assert.deepEqual([...shrink(6, breaks)].sort(), [1, 2, 3, 4, 5]);
});

test('the search for a smaller world ends', () => {
  let plays = 0;
  const omit = shrink(
    1000,
    () => {
      plays++;
      return true;
    },
    20,
  );
  assert.equal(plays, 20);
  assert.equal(omit.size, 20);
});

test('100,000 worlds owe each change of state, fewer owe none', () => {
  const tables = { member: transitions, proxy: proxyTransitions };
  const all = Object.entries(tables).flatMap(([who, table]) =>
    table.map(({ from, to }) => `${who} ${from}>${to}`),
  );
  const made = Object.fromEntries(all.map((change) => [change, 1]));
  const missing = { 'member holding>stopped': 0, 'proxy relaying>stopped': 0 };
  const tally = (worlds: number, changes: Tally['transitions']): Tally => ({
    ...emptyTally(),
    worlds,
    transitions: changes,
  });
  assert.deepEqual(neverMade(tally(100_000, made)), []);
  assert.deepEqual(neverMade(tally(100_000, { ...made, ...missing })), Object.keys(missing));
  assert.deepEqual(neverMade(tally(19_999, {})), []);
  assert.deepEqual(neverMade(tally(100_000, {})), all);
});
