import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { failureKinds } from '../../api/errors.ts';
import { eventKinds } from './catalogue.ts';

/** The rows of the tables of a page whose first cell is a code: `| `code` | … |`. */
function rows(page: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs', page), 'utf8');
  return text.split('\n').filter((line) => line.startsWith('| `') && line.split(' | ').length >= 4);
}

test('docs/EVENTS.md lists every event as it is', () => {
  const expected = Object.entries(eventKinds).map(
    ([code, { level, meaning, action }]) => `| \`${code}\` | ${level} | ${meaning} | ${action || '–'} |`,
  );
  assert.deepEqual(rows('EVENTS.md').sort(), expected.sort());
});

test('docs/ERRORS.md lists every failure as it is', () => {
  const expected = Object.entries(failureKinds).map(
    ([code, { exit, http, meaning }]) => `| \`${code}\` | ${exit} | ${http} | ${meaning} |`,
  );
  assert.deepEqual(rows('ERRORS.md').sort(), expected.sort());
});
