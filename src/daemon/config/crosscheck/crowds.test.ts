import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleText } from '../../../../test/daemon/example-config.ts';
import { groupRecordsMax } from '../../../wire/control/codec.ts';
import { ConfigError, formatProblem } from '../../errors.ts';
import { parseConfig } from '../load.ts';

/** The example with so many groups in all. */
function crowd(count: number): string {
  const further = Array.from(
    { length: count - 1 },
    (_, index) =>
      `  web${index}: { interface: lan0, addresses: [203.0.113.${index + 1}], members: { primary: {}, redundant: {} } }\n`,
  );
  return `${exampleText()}\n${further.join('')}`;
}

test('two members share as many groups as a heartbeat carries', () => {
  assert.equal(parseConfig('u.yaml', crowd(groupRecordsMax)).reactor.groups.length, groupRecordsMax);
});

test('one more is refused, with the two members and the remedy', () => {
  assert.throws(
    () => parseConfig('u.yaml', crowd(groupRecordsMax + 1)),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const [problem, ...rest] = error.problems.map(formatProblem);
      assert.deepEqual(rest, []);
      assert.match(
        problem ?? '',
        /one more group of primary and redundant than their heartbeats carry \(\d+\)/,
      );
      return true;
    },
  );
});
