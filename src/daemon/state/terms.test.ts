import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StateError } from '../errors.ts';
import { TermsFile } from './terms.ts';

function scratch(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('the next life starts above what was reserved', async (context) => {
  const directory = join(scratch(context), 'not', 'there', 'yet');
  const first = new TermsFile(directory);
  assert.deepEqual([first.read(false).floor, first.read(false).origin], [0, 'firstBoot']);
  await first.reserve(1000);
  await first.reserve(2000);
  await first.reserve(1500);
  const found = new TermsFile(directory).read(true);
  assert.deepEqual([found.floor, found.origin], [2000, 'kept']);
});

test('reservations asked for together are all carried out, in order', async (context) => {
  const directory = scratch(context);
  const terms = new TermsFile(directory);
  await Promise.all([10, 20, 30].map((ceiling) => terms.reserve(ceiling)));
  assert.equal(new TermsFile(directory).read(true).floor, 30);
});

test('either copy, torn at any byte or with any byte changed, loses nothing', async (context) => {
  const directory = scratch(context);
  await new TermsFile(directory).reserve(123_456);
  for (const name of ['terms', 'terms.previous']) {
    const whole = readFileSync(join(directory, name));
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      for (const damaged of [whole.subarray(0, at), flipped]) {
        writeFileSync(join(directory, name), damaged);
        const found = new TermsFile(directory).read(true);
        assert.deepEqual([found.floor, found.origin], [123_456, 'repaired'], `${name} at byte ${at}`);
        assert.match(found.explanation, /damaged; the other copy says 123456/);
      }
    }
    writeFileSync(join(directory, name), whole);
  }
});

test('a crash between the two copies keeps the newer one', async (context) => {
  const directory = scratch(context);
  await new TermsFile(directory).reserve(1000);
  const older = readFileSync(join(directory, 'terms.previous'));
  await new TermsFile(directory).reserve(2000);
  writeFileSync(join(directory, 'terms.previous'), older);
  assert.equal(new TermsFile(directory).read(true).floor, 2000);
});

test('both copies damaged is a loss, and is said so', async (context) => {
  const directory = scratch(context);
  await new TermsFile(directory).reserve(1000);
  for (const name of ['terms', 'terms.previous']) writeFileSync(join(directory, name), 'x');
  const found = new TermsFile(directory).read(true);
  assert.deepEqual([found.floor, found.origin], [0, 'lost']);
  for (const name of ['terms', 'terms.previous']) rmSync(join(directory, name));
  assert.equal(new TermsFile(directory).read(true).origin, 'lost');
  assert.equal(new TermsFile(directory).read(false).origin, 'firstBoot');
});

test('a damaged copy is whole again after the next reservation', async (context) => {
  const directory = scratch(context);
  await new TermsFile(directory).reserve(1000);
  writeFileSync(join(directory, 'terms'), '');
  const terms = new TermsFile(directory);
  const { floor } = terms.read(true);
  await terms.reserve(floor + 1000);
  assert.equal(new TermsFile(directory).read(true).origin, 'kept');
});

test('a place that cannot be a directory is refused with a remedy', (context) => {
  const file = join(scratch(context), 'file');
  writeFileSync(file, '');
  assert.throws(() => new TermsFile(file), StateError);
  assert.throws(() => new TermsFile(join(file, 'below')), /not a directory/);
});
