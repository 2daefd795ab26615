import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CodedError } from '../../api/errors.ts';
import { StateError } from '../errors.ts';
import { lockState } from './lock.ts';

function scratch(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const taken = (error: unknown): boolean => error instanceof CodedError && error.code === 'alreadyRunning';

test('one process has it, until it lets go', (context) => {
  const directory = scratch(context);
  const lock = lockState(directory);
  assert.equal(lock.lived, false);
  assert.throws(() => lockState(directory), taken);
  assert.throws(() => lockState(directory), new RegExp(`process ${process.pid} has `));
  lock.release();
  assert.equal(existsSync(join(directory, 'lock')), false);
  const again = lockState(directory);
  assert.equal(again.lived, true);
  again.release();
});

test('a dead process’s lock is taken over, and nothing else is left', async (context) => {
  const directory = scratch(context);
  const module = JSON.stringify(new URL('./lock.ts', import.meta.url).href);
  const code = `import(${module}).then((m) => { m.lockState(${JSON.stringify(directory)}); console.log('has it'); setInterval(() => {}, 1e6); })`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  context.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.throws(() => lockState(directory), taken);
  child.kill('SIGKILL');
  await ended;
  const lock = lockState(directory);
  assert.equal(lock.lived, true);
  assert.deepEqual(readdirSync(directory).sort(), ['lock', 'used']);
  lock.release();
});

test('a reused process id is not mistaken for the owner', (context) => {
  const directory = scratch(context);
  writeFileSync(join(directory, 'lock'), `${process.pid} 1 some-other-boot\n`);
  lockState(directory).release();
});

test('a torn lock file counts as dead', (context) => {
  const directory = scratch(context);
  for (const text of ['', 'x', '12']) {
    writeFileSync(join(directory, 'lock'), text);
    lockState(directory).release();
  }
});

test('a directory that is not there is refused', () => {
  assert.throws(() => lockState('/nonexistent/state'), StateError);
});
