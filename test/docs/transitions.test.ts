import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { proxyTransitions, type Transition, transitions } from '../../src/engine/transitions.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/ARCHITECTURE.md'), 'utf8');

/** The rows of transitions under a heading of the page. */
function rowsUnder(heading: string): string[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  return section.split('\n').filter((line) => /^\| `\w+` \| `\w+` \|/.test(line));
}

const tables: Readonly<Record<string, readonly Transition<string>[]>> = {
  "A member's states": transitions,
  "A proxy's states": proxyTransitions,
};

for (const [heading, table] of Object.entries(tables)) {
  test(`the table under "${heading}" in docs/ARCHITECTURE.md is the table the engine asks`, () => {
    assert.deepEqual(
      rowsUnder(heading),
      table.map(({ from, to, when }) => `| \`${from}\` | \`${to}\` | ${when} |`),
    );
  });
}
