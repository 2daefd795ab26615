import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configJsonSchema } from './json-schema.ts';

test('docs/understudy.schema.json is current', () => {
  const file = join(import.meta.dirname, '../../../docs/understudy.schema.json');
  assert.equal(readFileSync(file, 'utf8'), configJsonSchema(), 'run: node scripts/schema.ts');
});
