import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FaultName, faultByName, faultNames, proxyFaultNames } from '../../src/lab/fault.ts';
import { placeOf } from '../../src/lab/layout.ts';
import type { LabResult } from '../../src/lab/result.ts';
import type { Trial } from '../../src/lab/trial.ts';
import { calm, entriesOf, namespacesMissing, programMissing, resultOf, runLab } from './lab.ts';
import { steady } from './steady.ts';
import { Together } from './together.ts';

async function play(context: TestContext, options: readonly string[]): Promise<LabResult | undefined> {
  if (namespacesMissing(context)) return undefined;
  const result = resultOf(await runLab('fig1b', [...calm, ...options]));
  tell(context, result);
  return result;
}

function tell(context: TestContext, { trials }: LabResult): void {
  for (const { probe } of trials) {
    const { blackoutMs, lost, lateMaxMs } = probe;
    context.diagnostic(`blackout ${blackoutMs} ms, ${lost} lost, the latest answer after ${lateMaxMs} ms`);
  }
}

/** Who answers the hosts while `name` is active. */
function placeNamed(result: LabResult, name: string | null): ReturnType<typeof placeOf> {
  const member = result.plan.members.find((candidate) => candidate.name === name);
  assert.ok(member, `${name} is no member`);
  return placeOf(member, result.plan);
}

/** Both hosts have the successor's place, and every proxy that lives does what it must. */
function assertMoved(result: LabResult): void {
  for (const trial of result.trials) {
    assert.notEqual(trial.successor, trial.victim);
    const [from, to] = [placeNamed(result, trial.victim), placeNamed(result, trial.successor)];
    for (const host of Object.values(trial.hosts)) {
      assert.deepEqual(entriesOf(result, host), [from.mac, to.mac]);
    }
    // A daemon without real-time scheduling may have to wait for a CPU while packets are sent on.
    if (trial.fault === 'switchover' && result.fifo) assert.equal(trial.probe.lost, 0);
    assertProxies(result, trial);
  }
}

function assertProxies(result: LabResult, trial: Trial): void {
  const { at } = faultByName(trial.fault);
  for (const [name, { before, after }] of Object.entries(trial.proxies)) {
    const [served, serves] = [trial.victim, trial.successor].map((m) => placeNamed(result, m).name === name);
    assert.equal(before?.answering, served, name);
    if (serves) assert.equal(after?.routesTo, trial.successor, name);
    // The struck one is dead, frozen, or alone with what it knew.
    if (at === 'member' || serves) assert.equal(after?.answering, serves, name);
  }
}

/** Times run forward; whoever serves the successor announced, if the hosts had anything to learn. */
function assertTimeline(result: LabResult): void {
  for (const { timelineUs: t, victim, successor } of result.trials) {
    assert.ok(t.decided !== null && t.firstAnswer !== null);
    assert.ok(t.faultAt <= t.decided && t.decided <= t.firstAnswer);
    const place = placeNamed(result, successor);
    if (result.plan.proxies.some(({ name }) => name === place.name)) {
      assert.ok(t.served !== null && t.decided <= t.served);
    } else assert.equal(t.served, null);
    const moved = place !== placeNamed(result, victim);
    assert.equal(t.announced !== null, moved);
    assert.equal(t.captureAnnounced !== null, moved);
  }
}

const unnoticed: readonly FaultName[] = ['cable', 'lan'];
/** What fig. 1A shows as well. */
const elsewhere: readonly FaultName[] = ['clock', 'disk-full', 'disk-read-only', 'spoof'];
const takeovers = [...faultNames, ...proxyFaultNames].filter(
  (name) => !unnoticed.includes(name) && !elsewhere.includes(name),
);

/** A group that has a check may lose it on a busy machine: that fault has a lab to itself. */
const usual = new Together('fig1b', calm, [...takeovers.filter((name) => name !== 'check'), ...unnoticed]);
const checked = new Together('fig1b', calm, ['check']);

function judgeTakeover(result: LabResult, context: TestContext): void {
  tell(context, result);
  assertMoved(result);
  assertTimeline(result);
}

for (const fault of takeovers) {
  test(
    `${fault}: ${faultByName(fault).summary}; the other side answers`,
    (fault === 'check' ? checked : usual).test(fault, judgeTakeover),
  );
}

for (const fault of unnoticed) {
  test(
    `${fault}: ${faultByName(fault).summary}; nobody notices`,
    usual.test(fault, (result, context) => {
      tell(context, result);
      for (const trial of result.trials) {
        assert.equal(trial.successor, trial.victim);
        assert.equal(trial.probe.lost, 0);
        assert.notEqual(trial.timelineUs.detected, null);
        for (const { before, after } of Object.values(trial.proxies)) assert.deepEqual(after, before);
      }
    }),
  );
}

test(
  `spoof: ${faultByName('spoof').summary}`,
  steady(async (context) => {
    const result = await play(context, ['--fault', 'spoof']);
    for (const { probe, successor, victim } of result?.trials ?? []) {
      context.diagnostic(`blackout ${probe.blackoutMs} ms, ${probe.lost} lost`);
      assert.equal(successor, victim);
    }
  }),
);

const settings = {
  one: 'only the primary has a proxy: the role moves from behind it to the hosts’ LAN and back',
  shared: 'both members have the same proxy: the hosts learn nothing new',
};

for (const [topology, summary] of Object.entries(settings)) {
  const faults = ['power', 'power', 'switchover', 'switchover'] as const;
  const lab = new Together('fig1b', [...calm, '--topology', topology], faults);
  for (const fault of new Set(faults)) {
    test(`${topology}, ${fault}: ${summary}`, lab.test(fault, judgeTakeover));
  }
}

test(
  'without link 141 the members hear each other through the proxies, and one takes over',
  steady(async (context) => {
    const result = await play(context, ['--no-link', '--fault', 'power', '--trials', '2']);
    if (result === undefined) return;
    assertMoved(result);
    assertTimeline(result);
    assert.deepEqual(
      result.plan.paths.map(({ name }) => name),
      ['seg-a', 'seg-b', 'lan', 'routed'],
    );
  }),
);

test(
  'without root the same works',
  steady(async (context) => {
    if (namespacesMissing(context)) return;
    if (process.getuid?.() === 0 && programMissing(context, 'setpriv', 'util-linux')) return;
    const result = resultOf(await runLab('fig1b', ['--fault', 'power'], { rootless: true }));
    assert.equal(result.rootless, true);
    assertMoved(result);
  }),
);
