import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleText } from '../../../test/daemon/example-config.ts';
import { ConfigError, formatProblem } from '../errors.ts';
import { groupId } from './identity.ts';
import { type LoadedConfig, parseConfig } from './load.ts';

const third = '  third: { id: 3 }';
const line13 = '  redundant: { id: 2 }';

/** The example with a third machine on its LAN, and these lines in its group. */
function text(group: string, top = '', node = 'primary'): string {
  return exampleText({
    2: `node: ${node}`,
    9: top,
    13: `${line13}\n${third}`,
    28: '      redundant: { interface: lan0, address: 192.0.2.2 }\n      third: { interface: lan0, address: 192.0.2.3 }',
    31: `    interface: lan0\n${group}`,
  });
}

function strict(top = '', node = 'primary'): LoadedConfig {
  return parseConfig('u.yaml', text('    policy: strict\n    witness: third', top, node));
}

function problems(group: string, top = ''): string[] {
  try {
    parseConfig('u.yaml', text(group, top));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

test('two members and a witness vote; a promise lasts no longer than it must', () => {
  const { reactor } = strict();
  const quorum = { voters: [1, 2, 3], members: [1, 2], promiseUs: 28_000, driftPpm: 1000 };
  assert.deepEqual(reactor.engine.groups[0]?.quorum, quorum);
  assert.deepEqual(reactor.engine.witnessed, []);
  assert.equal(reactor.groups[0]?.strict, true);
});

test('the witness has a vote and nothing else, and a path to each member', () => {
  const { reactor, control, warnings } = strict('', 'third');
  assert.deepEqual([reactor.engine.groups, reactor.groups, control.groups], [[], [], []]);
  assert.deepEqual(reactor.engine.witnessed[0]?.id, groupId('web'));
  assert.deepEqual(reactor.engine.peers.map(({ id }) => id).sort(), [1, 2]);
  assert.deepEqual(warnings, []);
});

test('promises are as long as the file says', () => {
  const { reactor } = strict('strict: { promiseMs: 100, driftPpm: 50 }');
  const quorum = reactor.engine.groups[0]?.quorum;
  assert.deepEqual([quorum?.promiseUs, quorum?.driftPpm], [100_000, 50]);
});

test('a group that says nothing is available', () => {
  const { reactor } = parseConfig('u.yaml', exampleText());
  assert.equal(reactor.engine.groups[0]?.quorum, undefined);
  assert.equal(reactor.groups[0]?.strict, false);
});

test('what cannot be is refused, with the place and the remedy', () => {
  const cases: readonly (readonly [group: string, top: string, problem: RegExp])[] = [
    ['    policy: strict', '', /groups\.web\.policy is strict, but only primary and redundant have a vote/],
    ['    policy: strickt', '', /groups\.web\.policy is "strickt": it must be available or strict/],
    ['    witness: third', '', /groups\.web\.witness has no part in policy available/],
    ['    policy: strict\n    witness: thrid', '', /is "thrid", which is not a member: did you mean third\?/],
    ['    policy: strict\n    witness: redundant', '', /redundant, which has a part in the group already/],
    [
      '    policy: strict\n    witness: third',
      'strict: { promiseMs: 27 }',
      /strict\.promiseMs does not fit: strict\.promiseMs is 27, must be at least 28 \(13 for the kernel \+ 4 for lateness/,
    ],
    [
      '    policy: strict\n    witness: third',
      'strict: { driftPpm: 0 }',
      /strict\.driftPpm is 0: it must be a whole number from 1 to 100000/,
    ],
  ];
  for (const [group, top, problem] of cases) {
    const found = problems(group, top);
    assert.ok(
      found.some((line) => problem.test(line)),
      `${group} ${top}: ${found.join('\n') || 'no problem'}`,
    );
  }
});

test('a witness that a member cannot ask is refused', () => {
  const far = text('    policy: strict\n    witness: third').replace(
    /\n {6}third: \{ interface: lan0, address: 192\.0\.2\.3 \}/,
    '',
  );
  assert.throws(() => parseConfig('u.yaml', far), /is third, which shares no path with primary/);
});
