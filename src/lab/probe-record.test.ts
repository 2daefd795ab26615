import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbeRecord } from './probe-record.ts';

/** Requests every 500 µs, each answered 100 µs later by whoever `answerer` names. */
function played(answerer: (number: number) => string | undefined, count = 100): ProbeRecord {
  const record = new ProbeRecord(500, 1024);
  for (let i = 0; i < count; i++) {
    const number = record.send(1000 + i * 500);
    const member = answerer(number);
    if (member !== undefined) record.answer(number, member, 1100 + i * 500);
  }
  return record;
}

const window = { fromUs: 1000, toUs: 50_600, faultUs: 11_050, victim: 'primary', fencedUs: 15_000 };

test('without a fault nothing is lost and there is no blackout', () => {
  const summary = played(() => 'primary').summary(window);
  assert.equal(summary.lost, 0);
  assert.equal(summary.sent, 100);
  assert.equal(summary.blackoutMs, 0);
  assert.equal(summary.firstAnswerUs, null);
});

test('a takeover shows as lost requests, a gap less one interval, and the first answer of the successor', () => {
  const summary = played((n) => (n < 20 ? 'primary' : n < 26 ? undefined : 'redundant')).summary(window);
  assert.equal(summary.lost, 6);
  assert.equal(summary.blackoutMs, 3);
  assert.equal(summary.firstAnswerUs, 1100 + 26 * 500);
  assert.equal(summary.stray, 0);
  assert.deepEqual(summary.answers, { primary: 20, redundant: 74 });
});

test('an answer of the old one after the first of the new one is late, and a stray once it is fenced', () => {
  const old = [22, 30];
  const summary = played((n) => (n < 20 || old.includes(n) ? 'primary' : 'redundant')).summary(window);
  assert.equal(summary.late, 2);
  assert.equal(summary.stray, 1);
});

test('silence until the end of the window is a blackout until then', () => {
  const summary = played((n) => (n < 20 ? 'primary' : undefined)).summary(window);
  assert.equal(summary.blackoutMs, (50_600 - (1100 + 19 * 500) - 500) / 1000);
});

test('an answer that came late was not lost, and its delay is told', () => {
  const record = played((n) => (n === 30 ? undefined : 'primary'));
  record.answer(30, 'redundant', 1000 + 30 * 500 + 20_000);
  const summary = record.summary(window);
  assert.equal(summary.lost, 0);
  assert.equal(summary.lateMaxMs, 20);
});

test('a second answer and an answer to a forgotten request change nothing', () => {
  const record = new ProbeRecord(500, 4);
  for (let i = 0; i < 6; i++) record.send(i * 500);
  record.answer(0, 'late', 4000);
  record.answer(5, 'primary', 3000);
  record.answer(5, 'other', 3100);
  assert.deepEqual(record.summary({ fromUs: 0, toUs: 5000, faultUs: 0, victim: '', fencedUs: 0 }).answers, {
    primary: 1,
  });
});

test('a host is steady since the first answer after which one member answers and no darkness comes', () => {
  const at = (number: number): number => 1100 + number * 500;
  const steady = (answerer: Parameters<typeof played>[0]): unknown => {
    const { steadyUs, steadyBy } = played(answerer).summary(window);
    return [steadyUs, steadyBy];
  };
  assert.deepEqual(
    steady(() => 'primary'),
    [at(0), 'primary'],
  );
  assert.deepEqual(
    steady((n) => (n < 20 ? 'primary' : n < 26 ? undefined : 'redundant')),
    [at(26), 'redundant'],
  );
  // There, back, and there again; two lost ones are none.
  assert.deepEqual(
    steady((n) => (n === 40 ? 'primary' : 'redundant')),
    [at(41), 'redundant'],
  );
  assert.deepEqual(
    steady((n) => (n === 40 || n === 41 ? undefined : 'redundant')),
    [at(0), 'redundant'],
  );
  assert.deepEqual(
    steady((n) => (n >= 50 && n < 53 ? undefined : 'redundant')),
    [at(53), 'redundant'],
  );
  assert.deepEqual(
    steady((n) => (n < 97 ? 'redundant' : undefined)),
    [null, null],
  );
});
