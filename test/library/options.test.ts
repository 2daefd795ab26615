import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MirrorError } from '../../src/library/errors.ts';
import { shadow } from '../../src/library/index.ts';
import { type ShadowOptions, settingsOf } from '../../src/library/options.ts';

const key = '5f'.repeat(32);
const good: ShadowOptions = { group: 'web', control: '/run/u.sock', keys: [key], port: 7180 };

test('options that are left out have the documented values', () => {
  const { policy, degradeAfterUs, protection, application, commitBytesMax, backlogBytesMax } =
    settingsOf(good);
  assert.deepEqual(
    [policy, degradeAfterUs, protection, application],
    ['degrade', 2_000_000, 'sign', 'program'],
  );
  assert.deepEqual([commitBytesMax, backlogBytesMax], [16 * 2 ** 20, 32 * 2 ** 20]);
});

test('keys come from the daemon’s file as well', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-options-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const keyFile = join(directory, 'key');
  writeFileSync(keyFile, `${key}\n${'6a'.repeat(32)}\n\n`);
  const { keys: _, ...rest } = good;
  const { keys } = settingsOf({ ...rest, keyFile });
  assert.deepEqual(
    keys.map((bytes) => [bytes.length, bytes[0]]),
    [
      [32, 0x5f],
      [32, 0x6a],
    ],
  );
});

const bad: Readonly<Record<string, Partial<ShadowOptions>>> = {
  port: { port: 0 },
  degradeAfterMs: { degradeAfterMs: 99 },
  commitBytesMax: { commitBytesMax: 1.5 },
  backlogBytesMax: { backlogBytesMax: 1024 },
  application: { application: 'two words' },
  policy: { policy: 'never' as 'wait' },
  keys: { keys: ['secret'] },
};

for (const [name, change] of Object.entries(bad)) {
  test(`a bad ${name} is refused with its name and what to do, and no key is shown`, () => {
    assert.throws(
      () => settingsOf({ ...good, ...change }),
      (error) =>
        error instanceof MirrorError &&
        error.code === 'badOption' &&
        error.message.startsWith(name) &&
        !error.message.includes('secret'),
    );
  });
}

test('two kinds of state of one name, or one after the start, are refused', () => {
  const store = shadow(good);
  store.map('m');
  assert.throws(() => store.log('m'), { code: 'badOption' });
});
