import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
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
const module = JSON.stringify(new URL('./lock.ts', import.meta.url).href);

test('one process has it, until it lets go', (context) => {
  const directory = scratch(context);
  const lock = lockState(directory);
  assert.equal(lock.lived, false);
  assert.throws(() => lockState(directory), taken);
  assert.throws(() => lockState(directory), new RegExp(`process ${process.pid} has ${directory}/lock`));
  lock.release();
  assert.equal(existsSync(join(directory, 'lock')), false);
  const again = lockState(directory);
  assert.equal(again.lived, true);
  again.release();
});

test('a dead process has it no longer, and nothing but its name is left', async (context) => {
  const directory = scratch(context);
  const code = `import(${module}).then((m) => { m.lockState(${JSON.stringify(directory)}); console.log('has it'); setInterval(() => {}, 1e6); })`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  context.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.throws(() => lockState(directory), new RegExp(`process ${child.pid} has `));
  child.kill('SIGKILL');
  await ended;
  const lock = lockState(directory);
  assert.equal(lock.lived, true);
  assert.deepEqual(readdirSync(directory).sort(), ['lock', 'used']);
  lock.release();
});

test('of many that start at once exactly one has it', async (context) => {
  const directory = scratch(context);
  const code = `import(${module}).then((m) => { m.lockState(${JSON.stringify(directory)}); console.log('has it'); process.stdin.resume(); }).catch((e) => console.log(e.code))`;
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  context.after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const said = await Promise.all(
    children.map(async (child) => String((await once(child.stdout, 'data'))[0])),
  );
  assert.equal(said.filter((word) => word === 'has it\n').length, 1, said.join(''));
  assert.equal(said.filter((word) => word === 'alreadyRunning\n').length, 5, said.join(''));
});

test('a name that is not its holder’s is not told: somebody would kill it', (context) => {
  const directory = scratch(context);
  const lock = lockState(directory);
  for (const text of ['', 'x', '12', `${process.pid} 1 some-other-boot\n`]) {
    writeFileSync(join(directory, 'lock'), text);
    assert.throws(() => lockState(directory), /another process has /);
  }
  lock.release();
});

test('what an earlier life left is no lock', (context) => {
  const directory = scratch(context);
  for (const text of ['', 'x', '12', `${process.pid} 1 some-other-boot\n`]) {
    writeFileSync(join(directory, 'lock'), text);
    lockState(directory).release();
  }
});

test('a directory that is not there, or is none, is refused', (context) => {
  assert.throws(() => lockState('/nonexistent/state'), StateError);
  const file = join(scratch(context), 'file');
  writeFileSync(file, '');
  assert.throws(() => lockState(file), /not a directory/);
});

/** What a disk that takes no writes does to the lock: in a mount namespace of its own, on a disk of its own. */
function onSickDisk(context: TestContext, sickness: string): { lived?: string; first?: string } | undefined {
  const root = process.getuid?.() === 0;
  const directory = scratch(context);
  const lock = `import(${module}).then((m) => { const l = m.lockState('.'); console.log(l.lived); try { m.lockState('.') } catch (e) { console.log(e.code) } l.release(); }).catch((e) => console.log(e.code + ': ' + e.message))`;
  const run = `"${process.execPath}" -e "$1"`;
  const script = [
    `mount -t tmpfs -o size=16k,nr_inodes=16 disk ${directory} && cd ${directory} && mkdir old new && touch old/used`,
    sickness,
    `echo lived; (cd old && ${run}); echo first; (cd new && ${run})`,
  ].join('\n');
  const flags = root ? ['-m'] : ['-Urm'];
  if (spawnSync('unshare', [...flags, 'true']).status !== 0) {
    context.skip('mount namespaces are not permitted; remedy: run as root');
    return undefined;
  }
  const { stdout, stderr } = spawnSync('unshare', [...flags, 'sh', '-ec', script, 'sh', lock], {
    encoding: 'utf8',
  });
  const parts = /^lived\n(?<lived>.*)first\n(?<first>.*)$/s.exec(stdout);
  assert.ok(parts, `${stdout}${stderr}`);
  return { ...parts.groups };
}

for (const [name, sickness, words] of [
  ['full', 'cat /dev/zero > filler 2>/dev/null || true', 'the disk is full'],
  ['read-only', 'mount -o remount,ro .', 'the disk is read-only'],
] as const) {
  test(`a disk that is ${name} is no reason not to start again, but one not to start the first time`, (context) => {
    const said = onSickDisk(context, sickness);
    if (said === undefined) return;
    assert.equal(said.lived, 'true\nalreadyRunning\n');
    assert.match(said.first ?? '', new RegExp(`^stateUnusable: .*cannot be locked \\(${words}\\)`));
  });
}
