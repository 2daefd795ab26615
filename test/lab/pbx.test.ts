import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calm, namespacesMissing, resultOf, runLab } from './lab.ts';
import { steady } from './steady.ts';

test(
  'cable: nobody moves, and every session goes on to its end',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    const { sessions, trials } = resultOf(await runLab('pbx', [...calm, '--fault', 'cable']));
    assert.ok(sessions !== undefined && sessions.opened >= 4, 'administration, calls, feed, download');
    assert.equal(sessions.survived, sessions.opened);
    assert.equal(sessions.wrongBytes, 0);
    for (const program of trials[0]?.sessions?.programs ?? []) assert.ok(program.bytes > 0, program.name);
  }),
);

test(
  'an exchange that is not mirrored: a power loss costs every session, and that is told',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    const { result, exitCode, stderr } = await runLab('pbx', [...calm, '--fault', 'power']);
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
