import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultByName } from '../../src/lab/fault.ts';
import type { LabResult } from '../../src/lab/result.ts';
import {
  calm,
  entriesOf,
  falseClocksMissing,
  namespacesMissing,
  programMissing,
  resultOf,
  runLab,
} from './lab.ts';
import { steady } from './steady.ts';
import { Together } from './together.ts';

const runFig1a = (options: readonly string[], rootless = false) => runLab('fig1a', options, { rootless });

/** Both hosts' entry for the service address is the successor's afterwards. */
function assertHostsMoved(result: LabResult): void {
  for (const trial of result.trials) {
    const successor = result.plan.members.find((member) => member.name === trial.successor);
    assert.notEqual(trial.successor, trial.victim);
    for (const host of Object.values(trial.hosts)) {
      const [before, after] = entriesOf(result, host);
      assert.equal(after, successor?.mac);
      assert.notEqual(before, after);
    }
  }
}

/** Of the lab's stranger. */
const strangerMac = '02:00:00:00:00:ee';
const planned: ReadonlySet<string> = new Set(['stop', 'switchover', 'check']);

/** Times run forward, and the capture saw the announcement when the daemon says it made it. */
function assertTimeline(result: LabResult): void {
  for (const { timelineUs: t, fault } of result.trials) {
    assert.ok(
      t.decided !== null && t.announced !== null && t.captureAnnounced !== null && t.firstAnswer !== null,
    );
    assert.ok(t.faultAt <= t.decided && t.decided <= t.announced && t.decided <= t.firstAnswer);
    // In a planned handover the successor delivers what it held before it announces: its answers may be first.
    if (!planned.has(fault)) assert.ok(t.captureAnnounced <= t.firstAnswer);
    if (t.detected !== null) assert.ok(t.detected >= t.faultAt && t.detected <= t.decided);
  }
}

const takeovers = [
  'power',
  'silent',
  'kill',
  'freeze',
  'stop',
  'switchover',
  'check',
  'disk-full',
  'disk-read-only',
] as const;

const unnoticed = ['cable', 'lan'] as const;
/** What needs no special lab. A group that has a check may lose it on a busy machine: that fault has a lab to itself. */
const usual = new Together('fig1a', calm, [
  ...(['power', 'power'] as const),
  ...takeovers.filter((fault) => fault !== 'check'),
  ...unnoticed,
]);
const checked = new Together('fig1a', calm, ['check']);

for (const fault of takeovers) {
  test(
    `${fault}: ${faultByName(fault).summary}; the other one answers`,
    (fault === 'check' ? checked : usual).test(fault, (result, context) => {
      assertHostsMoved(result);
      assertTimeline(result);
      for (const trial of result.trials) {
        context.diagnostic(`blackout ${trial.probe.blackoutMs} ms, ${trial.probe.lost} lost`);
        // A dead or muted machine does not speak. What a living one sent before it knew may still be on its way.
        if (fault === 'power' || fault === 'freeze') assert.equal(trial.victimFrames, 0);
      }
    }),
  );
}

for (const fault of unnoticed) {
  test(
    `${fault}: ${faultByName(fault).summary}; nobody notices`,
    usual.test(fault, (result) => {
      for (const trial of result.trials) {
        assert.equal(trial.successor, trial.victim);
        assert.equal(trial.probe.lost, 0);
        assert.notEqual(trial.timelineUs.detected, null);
      }
    }),
  );
}

test(
  `clock: ${faultByName('clock').summary}; nobody notices`,
  steady(async (context) => {
    if (namespacesMissing(context) || falseClocksMissing(context)) return;
    for (const { successor, victim, probe, events } of resultOf(await runFig1a([...calm, '--fault', 'clock']))
      .trials) {
      assert.equal(successor, victim);
      assert.equal(probe.lost, 0);
      // The repetitions of the first announcement may still come.
      const noticed = events.filter(({ afterFaultUs, code }) => afterFaultUs > 0 && code !== 'announced');
      assert.deepEqual(noticed, []);
    }
  }),
);

test(
  `spoof: ${faultByName('spoof').summary}`,
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    const result = resultOf(await runFig1a([...calm, '--fault', 'spoof', '--trials', '2']));
    for (const { probe, successor, victim, events } of result.trials) {
      context.diagnostic(`blackout ${probe.blackoutMs} ms, ${probe.lost} lost`);
      assert.equal(successor, victim);
      assert.ok(events.some(({ code, message }) => code === 'foreignClaim' && message.includes(strangerMac)));
    }
  }),
);

test(
  'with three machines in the group, one of the other two takes over',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    const result = resultOf(await runFig1a([...calm, '--fault', 'power', '--members', '3']));
    assertHostsMoved(result);
  }),
);

test(
  'beside a TCP stream to the active machine, too',
  steady(async (context) => {
    if (namespacesMissing(context) || programMissing(context, 'iperf3', 'iperf3')) return;
    const options = ['--fault', 'power', '--trials', '2', '--stream-rate', '50M'];
    const result = resultOf(await runFig1a([...calm, ...options]));
    assertHostsMoved(result);
    assert.equal(result.stream?.rate, '50M');
    assert.ok(result.stream.meanMbps > 0, 'nothing flowed');
  }),
);

test(
  'without root the same works, with an ordinary process’s heartbeat',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    if (process.getuid?.() === 0 && programMissing(context, 'setpriv', 'util-linux')) return;
    const result = resultOf(await runFig1a(['--fault', 'power'], true));
    assert.equal(result.rootless, true);
    assert.equal(result.fifo, false);
    assertHostsMoved(result);
  }),
);

test(
  'keepalived in the same lab',
  steady(async (context) => {
    if (namespacesMissing(context) || programMissing(context, 'keepalived', 'keepalived')) return;
    const result = resultOf(await runFig1a(['--fault', 'power', '--system', 'keepalived']));
    assertHostsMoved(result);
  }),
);
