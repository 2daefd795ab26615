import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Occurrence } from '../../api/types.ts';
import { OccurrenceRing } from './ring.ts';

const event: Omit<Occurrence, 'sequence'> = { atUs: 1, code: 'x', level: 'info', message: 'm', detail: {} };

test('keeps the last 4096 and numbers go on', () => {
  const ring = new OccurrenceRing();
  for (let count = 0; count < 5000; count++) ring.add(event);
  const kept = ring.since(0);
  assert.deepEqual([kept.length, kept[0]?.sequence, kept.at(-1)?.sequence], [4096, 905, 5000]);
  assert.deepEqual(
    ring.since(4999).map((occurrence) => occurrence.sequence),
    [5000],
  );
});

test('followers hear everything until they leave', () => {
  const ring = new OccurrenceRing();
  const heard: number[] = [];
  const leave = ring.follow({
    event: (occurrence) => heard.push(occurrence.sequence),
    end: () => heard.push(-1),
  });
  ring.add(event);
  ring.add(event);
  leave();
  ring.add(event);
  ring.end();
  assert.deepEqual(heard, [1, 2]);
  ring.follow({ event: () => undefined, end: () => heard.push(-1) });
  ring.end();
  assert.deepEqual(heard, [1, 2, -1]);
});
