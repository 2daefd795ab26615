import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Pins } from './pins.ts';

function directoryFor(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const groups = ['web', 'mail'];

test('what is pinned is found by the next life, and what is not any more is not', async (context) => {
  const directory = directoryFor(context);
  const pins = new Pins(directory);
  assert.deepEqual(pins.read(groups), { roles: new Map(), damaged: undefined });
  await Promise.all([pins.set('web', 'active'), pins.set('mail', 'standby'), pins.set('web', 'standby')]);
  assert.deepEqual(
    [...new Pins(directory).read(groups).roles],
    [
      ['web', 'standby'],
      ['mail', 'standby'],
    ],
  );
  await pins.set('web', null);
  assert.deepEqual([...new Pins(directory).read(groups).roles], [['mail', 'standby']]);
});

test('a group that is no longer there is not pinned', async (context) => {
  const directory = directoryFor(context);
  await new Pins(directory).set('old', 'active');
  assert.deepEqual([...new Pins(directory).read(groups).roles], []);
});

test('every single damaged byte is noticed', async (context) => {
  const directory = directoryFor(context);
  await new Pins(directory).set('web', 'active');
  const path = join(directory, 'maintenance');
  const whole = readFileSync(path);
  for (let offset = 0; offset < whole.length; offset++) {
    const damaged = Buffer.from(whole);
    damaged[offset] = (damaged[offset] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    assert.deepEqual(new Pins(directory).read(groups), { roles: new Map(), damaged: path }, `${offset}`);
  }
  writeFileSync(path, '');
  assert.equal(new Pins(directory).read(groups).damaged, path);
});

test('a disk that refuses is told', async (context) => {
  const directory = directoryFor(context);
  const pins = new Pins(join(directory, 'missing'));
  await assert.rejects(pins.set('web', 'active'), { code: 'stateUnusable', message: /cannot be written/ });
});
