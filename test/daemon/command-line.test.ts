import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Status } from '../../src/api/types.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import type { ReactorStatus } from '../../src/daemon/bridge.ts';
import { groupId } from '../../src/daemon/config/identity.ts';
import { quietGroup, undisturbed } from './reactor-double.ts';
import { DaemonRig } from './running-daemon.ts';

interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function understudy(...argv: string[]): Promise<Result> {
  let out = '';
  let err = '';
  const status = await runCommandLine(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { status, out, err };
}

const web = groupId('web');

type GroupChanges = Partial<ReactorStatus['groups'][number]>;

function show(rig: DaemonRig, active: number, changes: GroupChanges = {}): void {
  rig.reactor.status = {
    ...rig.reactor.status,
    leaseHeld: active === 1,
    refused: { forged: 3 },
    groups: [
      {
        id: web,
        state: active === 1 ? 'active' : 'standby',
        termCounter: 7,
        termMember: active,
        active,
        healthy: true,
        ...quietGroup,
        ...undisturbed,
        ...changes,
      },
    ],
    peers: [{ id: 2, up: true, paths: [{ id: 1, up: true, tether: true, lastHeardUs: 0 }] }],
  };
}

test('status is a page for people and JSON for programs', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  show(rig, 1);
  const page = await understudy('status', '--socket', rig.socket);
  assert.equal(page.status, 0);
  assert.match(
    page.out,
    /^GROUP +ROLE +TERM +ACTIVE +HEALTHY +ADDRESSES\nweb +active +7\/primary +primary +yes +192/,
  );
  assert.match(
    page.out,
    /\nPEER +STATE +PATH +STATE +TETHER +LAST HEARD\nredundant +up +cable +up +yes +never\n/,
  );
  assert.match(page.out, /\nlease +held, 20 ms, 0 renewals, 0 lapses\n/);
  assert.match(page.out, /\nlateness +last 0.01 ms, worst 0.34 ms\n/);
  assert.match(page.out, /\nrefused +forged 3\n/);
  const json = JSON.parse((await understudy('status', '--json', '-c', rig.configPath)).out) as Status;
  assert.equal(json.groups[0]?.role, 'active');
});

test('the socket is found from a configuration that has problems by now', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.configure({ 6: 'heartbeat: { intervalMs: 0 }' });
  assert.equal((await understudy('status', '-c', rig.configPath)).status, 0);
});

test('check says ok and what it comes to, or every problem', async (context) => {
  const rig = new DaemonRig(context);
  const good = await understudy('check', rig.configPath);
  assert.deepEqual([good.status, good.err], [0, '']);
  assert.match(
    good.out,
    /^ok\n[\s\S]*group +web: 192.0.2.10, .* on lan0; primary \(200\), redundant \(100\)\n$/,
  );
  rig.configure({ 6: 'heartbeat: { misses: 0 }', 18: '    port: 0' });
  const bad = await understudy('check', rig.configPath);
  assert.deepEqual([bad.status, bad.out], [78, '']);
  assert.match(bad.err, /u\.yaml:6:22: .*\n.*u\.yaml:18:11: .*\n +correct the lines/);
  assert.equal((await understudy('check', '/nonexistent')).status, 66);
});

test('events are lines with the time of day, or JSON', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const lines = (await understudy('events', '-s', rig.socket)).out.trim().split('\n');
  assert.match(
    lines[0] ?? '',
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} info {2}started +understudy .* starts as primary/,
  );
  const json = (await understudy('events', '--json', '-s', rig.socket)).out.trim().split('\n');
  assert.equal(JSON.parse(json[0] ?? '').code, 'started');
});

test('following events ends with the daemon, and says so', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  let seen = '';
  const following = runCommandLine(['events', '--follow', '-s', rig.socket], {
    out: (text) => {
      seen += text;
      if (text.includes(' ready ')) rig.signals.emit('SIGTERM');
    },
    err: (text) => {
      seen += text;
    },
  });
  assert.equal(await following, 69);
  assert.match(seen, /stopping[\s\S]*understudy: the daemon ended\n/);
});

test('switchover stays until the role has moved', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  show(rig, 1);
  const asking = understudy('switchover', 'web', '--to', 'redundant', '-s', rig.socket);
  assert.equal((await rig.reactor.got('switchover')).target, 2);
  show(rig, 2);
  assert.deepEqual(await asking, { status: 0, out: 'web: redundant is active now\n', err: '' });
  const again = await understudy('switchover', 'web', '--to', 'redundant', '-s', rig.socket);
  assert.deepEqual(again, { status: 0, out: 'web: redundant is active already\n', err: '' });
});

test('a switchover that is called off fails with the reason', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  show(rig, 1);
  const asking = understudy('switchover', 'web', '-s', rig.socket);
  await rig.reactor.got('switchover');
  rig.reactor.say({
    kind: 'report',
    atUs: 1,
    report: { code: 'switchoverFailed', group: web, why: 'no standby is healthy' },
  });
  const { status, err } = await asking;
  assert.equal(status, 75);
  assert.match(err, /called off: no standby is healthy; primary stays active\n {2}understudy status shows/);
  assert.equal((await understudy('switchover', 'wbe', '-s', rig.socket)).status, 65);
});

test('maintenance says what is pinned, and warns when nobody is left', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const other = { id: 2, able: false, pinned: true, heldBack: false };
  show(rig, 1, { pinned: 'active', others: [other] });
  const on = await understudy('maintenance', 'web', 'on', '-s', rig.socket);
  assert.deepEqual(on, {
    status: 0,
    out: 'web: in maintenance: keeps the role, whatever its checks say, and hands it to nobody\n',
    err: 'warning: web: no member could take over from primary: redundant is in maintenance\n',
  });
  assert.deepEqual(await rig.reactor.got('maintenance'), { kind: 'maintenance', group: web, on: true });
  const { out } = await understudy('status', '-s', rig.socket);
  assert.match(
    out,
    /\nWARNING {2}web: no member could take over from primary: redundant is in maintenance\n/,
  );
  assert.match(out, /\nweb: in maintenance: keeps the role.*\nweb: redundant is in maintenance\n/);
  show(rig, 1);
  const off = await understudy('maintenance', 'web', 'off', '-s', rig.socket);
  assert.deepEqual(off, { status: 0, out: 'web: not in maintenance\n', err: '' });
  assert.equal((await understudy('maintenance', 'wbe', 'on', '-s', rig.socket)).status, 65);
  assert.equal((await understudy('maintenance', 'web', '-s', rig.socket)).status, 64);
  assert.match(
    (await understudy('maintenance', 'web', 'maybe', '-s', rig.socket)).err,
    /Allowed choices are on, off/,
  );
});

test('a switchover from or to a member in maintenance is refused, with the remedy', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const other = { id: 2, able: false, pinned: true, heldBack: false };
  show(rig, 1, { pinned: 'active' });
  const from = await understudy('switchover', 'web', '-s', rig.socket);
  assert.equal(from.status, 75);
  assert.equal(
    from.err,
    'understudy: web: primary, which is active, is in maintenance\n  on primary: understudy maintenance web off\n',
  );
  show(rig, 1, { others: [other] });
  const to = await understudy('switchover', 'web', '--to', 'redundant', '-s', rig.socket);
  assert.match(to.err, /web: redundant is in maintenance\n {2}on redundant: understudy maintenance web off/);
  assert.ok(!rig.reactor.received.some(({ kind }) => kind === 'switchover'));
});

test('status says who is held back, for how long and after how many falls', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const other = { id: 2, able: true, pinned: false, heldBack: true };
  show(rig, 2, { falls: 3, heldBackUs: 12_000_000, others: [other] });
  const { out } = await understudy('status', '-s', rig.socket);
  assert.match(out, /\nweb: held back 12 s \(3 falls\)\nweb: redundant is held back\n/);
});

test('reload says what changed, or what is wrong', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  assert.equal((await understudy('reload', '-s', rig.socket)).out, 'nothing changed\n');
  rig.configure({ 6: 'heartbeat: { misses: 5 }', 8: 'realtime: { fifoPriority: 20 }' });
  const changed = await understudy('reload', '-s', rig.socket);
  assert.equal(changed.out, 'changed: heartbeat\nneeds a restart: realtime\n');
  rig.configure({ 6: 'heartbeat: { misses: 0 }' });
  const bad = await understudy('reload', '-s', rig.socket);
  assert.equal(bad.status, 78);
  assert.match(bad.err, /u\.yaml:6:22: heartbeat\.misses is 0/);
});

test('nobody there: one line what, one line remedy', async (context) => {
  const rig = new DaemonRig(context);
  const missing = await understudy('status', '-s', rig.socket);
  assert.deepEqual(missing, {
    status: 69,
    out: '',
    err: `understudy: the control socket ${rig.socket} does not exist\n  start the daemon: understudy run -c FILE\n`,
  });
  writeFileSync(join(rig.directory, 'empty.yaml'), 'cluster: lab\n');
  const nameless = await understudy('status', '-c', join(rig.directory, 'empty.yaml'));
  assert.equal(nameless.status, 64);
  assert.match(nameless.err, /names neither control nor node/);
});

test('what is not understood ends with 64, help with 0', async () => {
  assert.equal((await understudy('stats')).status, 64);
  assert.match((await understudy('stats')).err, /Did you mean status\?/);
  assert.equal((await understudy('run')).status, 64);
  assert.equal((await understudy('status', '--wat')).status, 64);
  assert.equal((await understudy('--help')).status, 0);
  assert.match((await understudy('version')).out, /^\d+\.\d+\.\d+/);
});

test('the program itself runs from its sources, without a stack trace', async () => {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const run = promisify(execFile)(process.execPath, [main, 'run', '-c', '/nonexistent']);
  await assert.rejects(run, {
    code: 66,
    stderr:
      'understudy: cannot read the configuration /nonexistent: it does not exist\n  name a file that exists and that you may read\n',
  });
});
