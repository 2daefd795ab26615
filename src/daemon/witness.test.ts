import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exampleText } from '../../test/daemon/example-config.ts';
import { CodedError } from '../api/errors.ts';
import { requireWitness } from './witness.ts';

const directory = mkdtempSync(join(tmpdir(), 'understudy-witness-'));
after(() => rmSync(directory, { recursive: true }));

/** The example with a third machine; `group`: more lines of its group. */
function write(node: string, group = ''): string {
  const path = join(directory, `${node}.yaml`);
  const text = exampleText({
    2: `node: ${node}`,
    13: '  redundant: { id: 2 }\n  third: { id: 3 }',
    28: '      redundant: { interface: lan0, address: 192.0.2.2 }\n      third: { interface: lan0, address: 192.0.2.3 }',
    31: `    interface: lan0\n${group}`,
  });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const strict = '    policy: strict\n    witness: third';

function refusal(path: string): CodedError {
  try {
    requireWitness(path);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: 'it was not refused' });
}

test('a node that only has votes may be a witness', () => {
  requireWitness(write('third', strict));
});

test('a member is more than a witness', () => {
  const { code, message, remedy } = refusal(write('primary', strict));
  assert.equal(code, 'configInvalid');
  assert.match(message, /primary has a part in web/);
  assert.match(remedy, /understudy run/);
});

test('a node without a vote is no witness', () => {
  assert.match(refusal(write('third')).message, /third is the witness of no group/);
});
