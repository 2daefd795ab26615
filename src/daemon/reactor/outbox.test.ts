import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicUs } from '../../linux/clock.ts';
import type { FromReactor } from '../bridge.ts';
import { Outbox } from './outbox.ts';

function begin(): { readonly outbox: Outbox; readonly sent: () => readonly string[] } {
  const sent: string[] = [];
  const outbox = new Outbox((message: FromReactor) =>
    sent.push(message.kind === 'report' ? message.report.code : message.kind),
  );
  return { outbox, sent: () => sent.splice(0) };
}

test('a report waits for its time, what others wait for does not', () => {
  const { outbox, sent } = begin();
  assert.equal(outbox.dueUs, Number.POSITIVE_INFINITY);
  const before = monotonicUs();
  outbox.report({ code: 'lapse', lateUs: 1 });
  const { dueUs } = outbox;
  assert.ok(dueUs > before);
  outbox.report({ code: 'restored', what: 'an address' });
  assert.equal(outbox.dueUs, dueUs, 'the first one says when');
  outbox.push({ kind: 'resolve', group: 1, node: 2 });
  outbox.proceed(dueUs - 1);
  assert.deepEqual(sent(), ['resolve']);
  outbox.proceed(dueUs);
  assert.deepEqual(sent(), ['lapse', 'restored']);
  outbox.proceed(Number.POSITIVE_INFINITY);
  assert.deepEqual(sent(), [], 'nothing goes out twice');
});

test('reports precede what is said of the state that they led to', () => {
  const { outbox, sent } = begin();
  outbox.report({ code: 'lapse', lateUs: 1 });
  outbox.sendReports();
  outbox.push({ kind: 'reserveTerms', ceiling: 9 });
  outbox.proceed(0);
  assert.deepEqual(sent(), ['lapse', 'reserveTerms']);
  assert.equal(outbox.dueUs, Number.POSITIVE_INFINITY);
});
