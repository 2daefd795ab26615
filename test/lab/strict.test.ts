import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultByName } from '../../src/lab/fault.ts';
import { calm, runLab } from './lab.ts';
import { Together } from './together.ts';

/** With a witness on the hosts' LAN, whose daemon votes and does nothing else. */
const strict = ['--policy', 'strict', ...calm];

const takeovers = ['power', 'silent', 'kill', 'freeze', 'stop', 'switchover'] as const;
const unnoticed = ['cable', 'lan'] as const;
const lab = new Together('fig1a', strict, [...takeovers, ...unnoticed]);

for (const fault of takeovers) {
  test(
    `strict, ${fault}: ${faultByName(fault).summary}; the other one gets a majority`,
    lab.test(fault, (result, context) => {
      for (const { probe, victim, successor, victimFrames } of result.trials) {
        context.diagnostic(`blackout ${probe.blackoutMs} ms, ${probe.lost} lost`);
        assert.notEqual(successor, victim);
        if (fault === 'freeze') assert.equal(victimFrames, 0);
        if (fault === 'switchover' && result.fifo) assert.equal(probe.lost, 0);
      }
    }),
  );
}

for (const fault of unnoticed) {
  test(
    `strict, ${fault}: ${faultByName(fault).summary}; nobody takes over`,
    lab.test(fault, ({ trials }) => {
      for (const { victim, successor } of trials) assert.equal(successor, victim);
    }),
  );
}

test('strict belongs to fig1a and to our own daemons', async () => {
  for (const [scenario, options, why] of [
    ['fig1b', ['--policy', 'strict'], /--policy strict: fig1a plays it/],
    ['fig1a', ['--policy', 'strict', '--system', 'keepalived'], /has no counterpart in keepalived/],
    ['fig1a', ['--policy', 'strickt'], /it is available or strict/],
  ] as const) {
    const { exitCode, stderr } = await runLab(scenario, options);
    assert.equal(exitCode, 64);
    assert.match(stderr, why);
  }
});
