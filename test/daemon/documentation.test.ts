import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/daemon/config/load.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/CONFIGURATION.md'), 'utf8');
const schema: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../docs/understudy.schema.json'), 'utf8'),
);

test('the example of docs/CONFIGURATION.md is valid', () => {
  const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const withKey = example.replace(/^keyFile: .*$/m, `key: ${'5f'.repeat(32)}`);
  assert.deepEqual(parseConfig('example.yaml', withKey).control.node, 'primary');
});

test('docs/CONFIGURATION.md names every setting', () => {
  const names = new Set<string>();
  collect(schema, names);
  const silent = [...names].filter((name) => !new RegExp(`[\`.]${name}\\b|\\b${name}:`).test(page));
  assert.deepEqual(silent, []);
});

function collect(node: unknown, names: Set<string>): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, inner] of Object.entries(node)) {
    if (key === 'properties') for (const name of Object.keys(inner as object)) names.add(name);
    collect(inner, names);
  }
}
