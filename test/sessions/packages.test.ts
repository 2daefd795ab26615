/**
 * Servers as Debian ships them, behind the relay on two machines, and a client as Debian ships it: nginx and curl, redis.
 * The active loses its power in the middle. UNDERSTUDY_FILE_MIB serves another file than one of 64 MiB.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace } from '../namespace.ts';
import { middleOfSecond, nginx } from './nginx.ts';
import { Bytes } from './programs.ts';
import { Scene } from './scene.ts';
import { build, Process } from './trial.ts';

inNamespace(import.meta.filename);
build();

const directory = mkdtempSync(join(tmpdir(), 'understudy-packages-'));
const fileMiB = Number(process.env['UNDERSTUDY_FILE_MIB'] ?? 64);
const fileBytes = fileMiB << 20;
const machines = ['active', 'standby'] as const;
const children: ChildProcess[] = [];
after(async () => {
  await Promise.all(
    children.map((child) => {
      child.kill('SIGTERM');
      return child.exitCode ?? child.signalCode ?? once(child, 'exit');
    }),
  );
  rmSync(directory, { recursive: true, force: true });
});

/** A missing program is a reason to skip, and a failure where CI is set. */
function missing(
  context: TestContext,
  ...needed: readonly (readonly [command: string, name: string])[]
): boolean {
  for (const [command, name] of needed) {
    if (spawnSync(command, ['--version']).error === undefined) continue;
    const reason = `package: ${command} is missing; remedy: apt install ${name}`;
    assert.equal(process.env['CI'], undefined, reason);
    context.skip(reason);
    return true;
  }
  return false;
}

function server(machine: string, command: string, ...words: readonly string[]): void {
  const child = spawn('ip', ['netns', 'exec', machine, command, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
}

/** Until `command` says yes in the machine. */
async function ready(machine: string, command: string, ...words: readonly string[]): Promise<void> {
  while (spawnSync('ip', ['netns', 'exec', machine, command, ...words]).status !== 0) await sleep(20);
}

test('nginx serves a file to curl; the active dies in the middle; the hash is right', async (context) => {
  if (missing(context, ['nginx', 'nginx-light'], ['curl', 'curl'])) return;
  mkdirSync(join(directory, 'files'));
  const hash = createHash('sha256');
  const file = Buffer.alloc(fileBytes);
  const bytes = new Bytes(fileBytes, 3);
  for (let offset = 0; offset < fileBytes; offset += 1 << 16) file.set(bytes.next(1 << 16), offset);
  hash.update(file);
  const expected = hash.digest('hex');
  writeFileSync(join(directory, 'files', 'image'), file);
  for (const machine of machines)
    server(machine, ...nginx(join(directory, machine), join(directory, 'files'), 8080).command);
  for (const machine of machines) await ready(machine, 'curl', '-sI', 'http://127.0.0.1:8080/image');
  for (const place of ['127.0.0.1 8080', '::1 8080', `${directory}/MACHINE/nginx.sock`]) {
    const it = await Scene.open(place);
    try {
      const output = join(directory, 'got');
      rmSync(output, { force: true });
      await middleOfSecond();
      const curl = spawn(
        'ip',
        ['netns', 'exec', 'client', 'curl', '-s', '-m', '120', '-o', output, 'http://192.0.2.10:7000/image'],
        { stdio: ['ignore', 'inherit', 'inherit'] },
      );
      const exit = once(curl, 'exit');
      const moment = Math.random() * 0.8 * fileBytes;
      while ((statSync(output, { throwIfNoEntry: false })?.size ?? 0) <= moment) await sleep(1);
      const took = await it.takeOver();
      const got = statSync(output).size;
      assert.deepEqual(await exit, [0, null], `${place}: curl, after ${got} bytes: ${JSON.stringify(took)}`);
      const whole = spawnSync('sha256sum', [output], { encoding: 'utf8' }).stdout.slice(0, 64);
      assert.equal(whole, expected, place);
      context.diagnostic(
        `${place}: crash after ${moment.toFixed(0)} bytes, ${got} were there at the takeover`,
      );
    } finally {
      await it.close();
    }
  }
});

test('redis counts for a pipelining client; the active dies; every counter is exact', async (context) => {
  if (missing(context, ['redis-server', 'redis-server'])) return;
  for (const machine of machines)
    server(
      machine,
      'redis-server',
      '--port',
      '6379',
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--daemonize',
      'no',
      '--logfile',
      '/dev/null',
    );
  for (const machine of machines) await ready(machine, 'redis-cli', 'ping');
  const it = await Scene.open('127.0.0.1 6379');
  const client = new Process('client', 'pipelining.ts', '192.0.2.10');
  try {
    await client.report();
    await sleep(100 + Math.random() * 400);
    await it.takeOver();
    await sleep(500);
    client.endInput();
    const seen = await client.report();
    assert.deepEqual(seen['wrong'], []);
    assert.equal(seen['answers'], seen['commands']);
    assert.ok(Number(seen['answers']) > 1000, JSON.stringify(seen));
    const stored = spawnSync('ip', ['netns', 'exec', 'standby', 'redis-cli', 'mget', 'a', 'b', 'c'], {
      encoding: 'utf8',
    });
    assert.deepEqual(stored.stdout.trim().split('\n').map(Number), seen['counters']);
    context.diagnostic(JSON.stringify(seen));
  } finally {
    await client.kill();
    await it.close();
  }
});
