import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { faultByName } from '../../src/lab/fault.ts';
import type { LabResult } from '../../src/lab/result.ts';
import { calm, namespacesMissing, resultOf, runLab } from './lab.ts';
import { steady } from './steady.ts';
import { Together } from './together.ts';

/** Every session of every program was open at the fault, went on, and ended in order. */
function assertSurvived(context: TestContext, { sessions, trials }: LabResult): void {
  assert.ok(sessions !== undefined && sessions.opened >= 4, 'administration, calls, feed, download');
  context.diagnostic(`${sessions.opened} sessions, the longest wait ${sessions.stallMs} ms`);
  assert.equal(sessions.survived, sessions.opened);
  assert.equal(sessions.wrongBytes, 0);
  for (const trial of trials) {
    for (const { name, bytes } of trial.sessions?.programs ?? []) assert.ok(bytes > 0, name);
    const after = trial.sessions?.administration.filter((line) => line.afterFaultUs > 0) ?? [];
    assert.ok(after.length > 0 && after.every(({ answer }) => answer !== null));
  }
}

const usual = new Together('pbx', calm, ['power', 'switchover']);
/** With a check of the exchange, which a busy machine may delay. */
const checked = new Together('pbx', calm, ['exchange']);

for (const [fault, lab] of [
  ['power', usual],
  ['switchover', usual],
  ['exchange', checked],
] as const) {
  test(
    `${fault}: ${faultByName(fault).summary}; every session goes on at the other machine`,
    lab.test(fault, (result, context) => {
      assertSurvived(context, result);
      const [trial] = result.trials;
      assert.notEqual(trial?.successor, trial?.victim);
    }),
  );
}

test(
  'an exchange that is not mirrored goes on while nobody moves',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    assertSurvived(context, resultOf(await runLab('pbx', [...calm, '--unmirrored', '--fault', 'cable'])));
  }),
);

test(
  'an exchange that is not mirrored: a power loss costs every session, and that is told',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    const { result, exitCode, stderr } = await runLab('pbx', [...calm, '--unmirrored', '--fault', 'power']);
    assert.ok(result?.failure === undefined && result?.trials.length === 1, stderr);
    assert.equal(exitCode, 1);
    assert.equal(result.ok, false);
    assert.equal(result.sessions?.survived, 0);
    const [trial] = result.trials;
    assert.notEqual(trial?.successor, trial?.victim, 'the address moved all the same');
    for (const { name, by, opened, survived, lost } of trial?.sessions?.programs ?? []) {
      assert.deepEqual([opened, survived, lost.length], [1, 0, 1], `${name} (${by})`);
      assert.ok(trial?.why.some((why) => why.startsWith(`${name} (${by}): session lost`)));
    }
    // The other exchange was never told of the station.
    assert.match(trial?.sessions?.administration.at(-1)?.answer ?? '', /^NO '\d+' is unknown$/);
  }),
);
