import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { transitions } from '../../src/engine/transitions.ts';

const page = join(import.meta.dirname, '../../docs/ARCHITECTURE.md');

test('the table of transitions in docs/ARCHITECTURE.md is the table the engine asks', () => {
  const rows = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => /^\| `\w+` \| `\w+` \|/.test(line));
  assert.deepEqual(
    rows,
    transitions.map(({ from, to, when }) => `| \`${from}\` | \`${to}\` | ${when} |`),
  );
});
