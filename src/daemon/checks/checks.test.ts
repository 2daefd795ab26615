import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CheckEntry } from '../config/format.ts';
import type { CheckOutcome } from './check.ts';
import { interfaceCheckIn } from './interface.ts';
import { makeCheck } from './registry.ts';

const rhythm = { name: 'it', intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 };

function run(entry: CheckEntry, signal: AbortSignal = new AbortController().signal): Promise<CheckOutcome> {
  return makeCheck(entry)(signal);
}

function exec(...command: string[]): CheckEntry {
  return { ...rhythm, kind: 'exec', command };
}

function scratch(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('tcp: healthy while something accepts, not after', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const entry: CheckEntry = { ...rhythm, kind: 'tcp', address: '127.0.0.1', port };
  assert.deepEqual(await run(entry), { ok: true, detail: `127.0.0.1 port ${port} accepts connections` });
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await run(entry), { ok: false, detail: `127.0.0.1 port ${port} refuses (ECONNREFUSED)` });
});

test('tcp: whoever does not answer is given up when the time is over', async () => {
  const over = new AbortController();
  const outcome = run({ ...rhythm, kind: 'tcp', address: '127.0.0.1', port: 1 }, over.signal);
  over.abort();
  assert.match((await outcome).detail, /did not answer in time/);
});

test('exec: the exit status decides, the last line is the detail', async () => {
  assert.deepEqual(await run(exec('/bin/true')), { ok: true, detail: '/bin/true ended with 0' });
  const failing = await run(exec('/bin/sh', '-c', 'echo one; echo two; exit 3'));
  assert.deepEqual(failing, { ok: false, detail: '/bin/sh ended with 3: two' });
  assert.deepEqual(await run(exec('/nonexistent')), {
    ok: false,
    detail: '/nonexistent cannot be run (it does not exist)',
  });
});

test('exec: what runs too long is killed with everything it started', async (context) => {
  const directory = scratch(context);
  const pidFile = join(directory, 'pid');
  const over = new AbortController();
  const command = `sleep 1000 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`;
  const outcome = run(exec('/bin/sh', '-c', command), over.signal);
  const pid = await until(() => Number(readFileSync(pidFile, 'utf8')));
  over.abort();
  assert.deepEqual(await outcome, { ok: false, detail: '/bin/sh did not end in time and was killed' });
  await until(() => {
    assert.ok(hasEnded(pid));
    return true;
  });
});

test('exec: endless output is bounded', async () => {
  const outcome = await run(exec('/bin/sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x; exit 1'));
  assert.ok(outcome.detail.length < 300, String(outcome.detail.length));
});

test('interface: what the kernel shows', async (context) => {
  const directory = scratch(context);
  const check = interfaceCheckIn(directory)({ ...rhythm, kind: 'interface', interface: 'lan0' });
  const look = (): Promise<CheckOutcome> => check(new AbortController().signal);
  assert.deepEqual(await look(), { ok: false, detail: 'lan0 does not exist' });
  mkdirSync(join(directory, 'lan0'));
  const show = (operstate: string, carrier: string): void => {
    writeFileSync(join(directory, 'lan0', 'operstate'), `${operstate}\n`);
    writeFileSync(join(directory, 'lan0', 'carrier'), `${carrier}\n`);
  };
  show('up', '1');
  assert.deepEqual(await look(), { ok: true, detail: 'lan0 is up' });
  show('unknown', '1');
  assert.equal((await look()).ok, true);
  show('unknown', '0');
  assert.deepEqual(await look(), { ok: false, detail: 'lan0 has no carrier' });
  show('lowerlayerdown', '0');
  assert.deepEqual(await look(), { ok: false, detail: 'lan0 is lowerlayerdown' });
});

/** Looks again each turn of the event loop until it no longer throws; gives up with the last error after 5 s. */
async function until<Value>(look: () => Value): Promise<Value> {
  for (const end = performance.now() + 5000; ; ) {
    try {
      return look();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A killed orphan may stay a zombie until whoever inherited it looks. */
function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return true;
  }
}
