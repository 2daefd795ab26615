import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { Occurrence, Status } from '../../src/api/types.ts';
import { groupId } from '../../src/daemon/config/identity.ts';
import { quietGroup, undisturbed } from './reactor-double.ts';
import { DaemonRig } from './running-daemon.ts';

const web = groupId('web');

test('starts with reserved terms, answers for root only, and stops in order', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  assert.deepEqual(rig.reactor.started?.boot.termFloor, 0);
  assert.deepEqual(rig.reactor.started?.boot.termCeiling, 1000);
  assert.notEqual(rig.reactor.started?.boot.nonce, 0);
  assert.equal(statSync(rig.socket).mode & 0o777, 0o600);
  assert.equal((await rig.reactor.got('health')).healthy, true);
  rig.signals.emit('SIGTERM');
  assert.equal(await rig.end, 0);
  assert.equal(rig.reactor.ended, true);
  assert.equal(existsSync(rig.socket), false);
  assert.equal(existsSync(join(rig.directory, 'state', 'lock')), false);
  assert.deepEqual(
    rig.logged.map((line) => line['code']),
    ['started', 'firstBoot', 'ready', 'stopping', 'stopped'],
  );
});

test('the next life never reuses a counter, and a lost state directory is told apart', async (context) => {
  const rig = new DaemonRig(context);
  const live = async (): Promise<void> => {
    await rig.start();
    rig.signals.emit('SIGTERM');
    await rig.end;
  };
  await live();
  await live();
  assert.equal(rig.reactor.started?.boot.termFloor, 1000);
  assert.equal(rig.reactor.started?.boot.termCeiling, 2000);
  for (const name of ['terms', 'terms.previous']) writeFileSync(join(rig.directory, 'state', name), 'torn');
  await live();
  assert.equal(rig.reactor.started?.boot.termFloor, 0);
  assert.match(rig.said('stateLost').join(), /damaged/);
});

test('reserves more terms when the reactor asks, and says so only after the disk has them', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.reactor.say({ kind: 'reserveTerms', ceiling: 5000 });
  assert.equal((await rig.reactor.got('termsReserved')).ceiling, 5000);
  assert.match(readFileSync(join(rig.directory, 'state', 'terms'), 'utf8'), /ceiling 5000/);
});

test('a disk that takes no terms keeps neither a start nor a role from happening', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.signals.emit('SIGTERM');
  await rig.end;
  // In the place of the file that a reservation writes first.
  const obstacle = join(rig.directory, 'state', 'terms.new');
  mkdirSync(obstacle);
  await rig.start();
  const { boot } = rig.reactor.started ?? {};
  assert.deepEqual([boot?.termFloor, boot?.termCeiling], [1000, 1000]);
  assert.match(
    rig.said('termsNotReserved').join(),
    /cannot be written .*; it goes on without, and has no vote/,
  );
  const told = rig.said('termsNotReserved').length;
  for (const ceiling of [2000, 3000, 2500]) rig.reactor.say({ kind: 'reserveTerms', ceiling });
  while (rig.said('termsNotReserved').length === told) await new Promise((resolve) => setImmediate(resolve));
  rmdirSync(obstacle);
  assert.equal((await rig.reactor.got('termsReserved')).ceiling, 3000);
  // One trouble, however often it is asked and tried, is told once.
  assert.equal(rig.said('termsNotReserved').length, told + 1);
});

test('numbers of mirrored services can be read as Prometheus does', async (context) => {
  const rig = new DaemonRig(context);
  rig.configure({
    34: '    mirror: { mode: concurrent, service: 7000, backend: "127.0.0.1:8081", supervised: false }',
  });
  await rig.start();
  rig.reactor.status = {
    ...rig.reactor.status,
    groups: [
      {
        ...undisturbed,
        ...quietGroup,
        ...{ id: web, state: 'standby', termCounter: 0, termMember: 0, active: 0, healthy: false },
      },
    ],
  };
  const response = await rig.open('GET', '/metrics');
  assert.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  response.resume();
  const { status, text } = await rig.ask('GET', '/metrics');
  assert.equal(status, 200);
  assert.match(
    text,
    /^# TYPE understudy_mirror_relay_up gauge\nunderstudy_mirror_relay_up\{group="web"\} 0$/m,
  );
});

test('a second signal ends at once', async (context) => {
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const rig = new DaemonRig(context);
    await rig.start();
    rig.reactor.obedient = false;
    rig.signals.emit('SIGTERM');
    await rig.reactor.got('stop');
    rig.signals.emit(signal);
    assert.equal(await rig.end, status);
    assert.equal(rig.reactor.ended, true);
  }
});

test('a reactor that breaks ends the daemon with 70, before or after it was ready', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.reactor.fail('an invariant broke\n at somewhere');
  assert.equal(await rig.end, 70);
  assert.deepEqual(rig.said('reactorFailed'), ['the reactor ended: an invariant broke']);
  const early = new DaemonRig(context);
  early.reactor.readyAtOnce = false;
  const end = early.launch();
  while (early.reactor.started === undefined) await new Promise((resolve) => setImmediate(resolve));
  early.reactor.fail('cannot open packet socket (lan0): ENODEV');
  assert.equal(await end, 70);
  assert.equal(existsSync(early.socket), false);
});

test('two daemons share neither state directory nor socket', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const other = new DaemonRig(context);
  other.configure({ 4: `stateDir: ${rig.directory}/state` });
  await assert.rejects(other.launch(), { code: 'alreadyRunning', message: /has .*\/state\/lock/ });
  other.configure({ 5: `control: ${rig.socket}` });
  await assert.rejects(other.launch(), { code: 'alreadyRunning', message: /answers on/ });
  assert.equal((await rig.ask('GET', '/v1/status')).status, 200);
});

test('a socket that a dead daemon left is replaced; anything else in its place is not', async (context) => {
  const rig = new DaemonRig(context);
  // A bound socket whose file outlives its closing, as after a crash: closed under another name.
  const left = createServer().listen(rig.socket);
  await once(left, 'listening');
  linkSync(rig.socket, `${rig.socket}.kept`);
  await new Promise((resolve) => left.close(resolve));
  renameSync(`${rig.socket}.kept`, rig.socket);
  await rig.start();
  rig.signals.emit('SIGTERM');
  await rig.end;
  writeFileSync(rig.socket, 'a file');
  await assert.rejects(rig.launch(), { code: 'controlUnusable', remedy: /^remove / });
});

test('status joins the reactor’s numbers with names', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.reactor.status = {
    ...rig.reactor.status,
    leaseHeld: true,
    refused: { forged: 2 },
    groups: [
      {
        ...undisturbed,
        ...quietGroup,
        ...{ id: web, state: 'active', termCounter: 7, termMember: 1, active: 1, healthy: true },
      },
    ],
    peers: [
      {
        id: 2,
        up: true,
        paths: [
          { id: 1, up: true, tether: true, lastHeardUs: 99 },
          { id: 2, up: false, tether: false, lastHeardUs: 0 },
        ],
      },
    ],
  };
  const answer = await rig.ask('GET', '/v1/status');
  assert.equal(answer.status, 200);
  const status = JSON.parse(answer.text) as Status;
  assert.deepEqual([status.cluster, status.node, status.pid], ['lab', 'primary', process.pid]);
  assert.deepEqual(status.lease, { leaseMs: 20, held: true, lapses: 0, renewals: 0 });
  assert.deepEqual(status.groups, [
    {
      name: 'web',
      role: 'active',
      term: { counter: 7, member: 'primary' },
      active: 'primary',
      members: [
        { name: 'primary', id: 1 },
        { name: 'redundant', id: 2 },
      ],
      addresses: ['192.0.2.10', '2001:db8:0:1::10'],
      interface: 'lan0',
      healthy: true,
      ...quietGroup,
      checks: [],
      maintenance: null,
      damping: { falls: 0, heldBackMs: 0 },
      others: [],
      warnings: [],
      sessions: null,
      relayRestarts: null,
    },
  ]);
  assert.deepEqual(status.peers, [
    {
      name: 'redundant',
      up: true,
      paths: [
        {
          name: 'cable',
          up: true,
          tether: true,
          lastHeardUs: 99,
          localAddress: '198.51.100.1',
          peerAddress: '198.51.100.2',
        },
        {
          name: 'lan',
          up: false,
          tether: false,
          lastHeardUs: null,
          localAddress: '192.0.2.1',
          peerAddress: '192.0.2.2',
        },
      ],
    },
  ]);
  assert.deepEqual(status.realtime, { fifo: true, why: null });
});

test('a reactor that does not answer is said to be silent, not waited for', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.reactor.obedient = false;
  const answer = await rig.ask('GET', '/v1/status');
  assert.equal(answer.status, 503);
  assert.match(answer.text, /"code":"reactorSilent"/);
});

test('events: all kept ones, those since, and the coming ones', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const report = (counter: number): void =>
    rig.reactor.say({
      kind: 'report',
      atUs: 1000 + counter,
      report: {
        code: 'transition',
        group: web,
        from: 'standby',
        to: 'active',
        term: { counter, member: 1 },
        why: 'silence',
      },
    });
  report(1);
  const all = (await rig.ask('GET', '/v1/events')).text.trim().split('\n');
  const last = JSON.parse(all.at(-1) ?? '') as Occurrence;
  assert.deepEqual(last, {
    sequence: all.length,
    atUs: 1001,
    code: 'transition',
    level: 'info',
    message: 'web: standby -> active, term 1/primary (silence)',
    group: 'web',
    detail: { from: 'standby', to: 'active', termCounter: 1, termMember: 'primary', why: 'silence' },
  });
  const stream = await rig.open('GET', `/v1/events?follow=1&since=${last.sequence - 1}`);
  const lines = createInterface({ input: stream })[Symbol.asyncIterator]();
  assert.equal((JSON.parse(String((await lines.next()).value)) as Occurrence).sequence, last.sequence);
  report(2);
  assert.equal((JSON.parse(String((await lines.next()).value)) as Occurrence).atUs, 1002);
  rig.signals.emit('SIGTERM');
  await rig.end;
});

test('switchover: names are checked, then the reactor is told', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const ask = (body: string) => rig.ask('POST', '/v1/switchover', body);
  assert.match((await ask('{"group":"wbe"}')).text, /"unknownGroup".*the groups here are web/);
  assert.match((await ask('{"group":"web","to":"third"}')).text, /"unknownMember".*primary, redundant/);
  assert.deepEqual((await ask('{')).status, 400);
  assert.deepEqual((await ask('{"grp":"web"}')).status, 400);
  assert.deepEqual((await ask(JSON.stringify({ group: 'x'.repeat(70_000) }))).status, 400);
  assert.deepEqual(await ask('{"group":"web","to":"redundant"}'), {
    status: 202,
    text: '{"accepted":true}\n',
  });
  assert.deepEqual(await rig.reactor.got('switchover'), { kind: 'switchover', group: web, target: 2 });
});

test('reload: good changes reach the reactor, fixed ones ask for a restart, bad files change nothing', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.configure({
    6: 'heartbeat: { intervalMs: 4, misses: 3 }',
    7: 'lease: { leaseMs: 40, renewMs: 4 }',
    33: '    members: { primary: { priority: 10 }, redundant: { priority: 100, lanAddresses: [192.0.2.2, "2001:db8:0:1::2"] } }',
  });
  const answer = await rig.ask('POST', '/v1/reload');
  assert.deepEqual(JSON.parse(answer.text), {
    changed: ['heartbeat', 'groups.web'],
    needsRestart: ['lease'],
  });
  const { config } = await rig.reactor.got('reload');
  assert.equal(config.engine.heartbeatIntervalUs, 4000);
  assert.equal(config.engine.groups[0]?.members[0]?.priority, 10);
  assert.equal(config.leaseMs, 20);
  rig.reactor.received.length = 0;
  rig.configure({ 6: 'heartbeat: { intervalMs: 0 }' });
  const bad = await rig.ask('POST', '/v1/reload');
  assert.equal(bad.status, 422);
  assert.match(bad.text, /u\.yaml:6:26: heartbeat\.intervalMs is 0/);
  rig.signals.emit('SIGHUP');
  assert.equal(rig.said('reloadRefused').length, 2);
  assert.deepEqual(rig.reactor.received, []);
  rig.configure();
  rig.signals.emit('SIGHUP');
  assert.equal((await rig.reactor.got('reload')).config.engine.heartbeatIntervalUs, 2000);
});

test('maintenance is kept on the disk before it is answered, and the next life begins with it', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const says = (role: 'active' | null): void =>
    rig.reactor.say({
      kind: 'report',
      atUs: 1,
      report: { code: 'maintenance', group: web, role, why: 'operator' },
    });
  const ask = (on: boolean) => rig.ask('POST', '/v1/maintenance', JSON.stringify({ group: 'web', on }));
  const file = join(rig.directory, 'state', 'maintenance');
  rig.reactor.answers.set('maintenance', () => says('active'));
  assert.equal((await ask(true)).status, 200);
  assert.match(readFileSync(file, 'utf8'), /^active web$/m);
  assert.deepEqual(rig.said('maintenance'), [
    'web: in maintenance, pinned as active (an operator asked for it)',
  ]);
  rig.signals.emit('SIGTERM');
  await rig.end;
  await rig.start();
  assert.deepEqual(rig.reactor.started?.boot.pins, new Map([[web, 'active']]));
  rig.reactor.answers.set('maintenance', () => says(null));
  assert.equal((await ask(false)).status, 200);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /web/);
  assert.equal((await rig.ask('POST', '/v1/maintenance', '{"group":"web"}')).status, 400);
  writeFileSync(file, 'torn');
  rig.signals.emit('SIGTERM');
  await rig.end;
  await rig.start();
  assert.equal(rig.reactor.started?.boot.pins.size, 0);
  assert.match(rig.said('maintenanceLost').join(), /state\/maintenance is damaged/);
});

test('maintenance that the disk refuses holds all the same, and says so', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  mkdirSync(join(rig.directory, 'state', 'maintenance.new'));
  rig.reactor.answers.set('maintenance', () =>
    rig.reactor.say({
      kind: 'report',
      atUs: 1,
      report: { code: 'maintenance', group: web, role: 'standby', why: 'operator' },
    }),
  );
  const answer = await rig.ask('POST', '/v1/maintenance', '{"group":"web","on":true}');
  assert.equal(answer.status, 500);
  assert.match(answer.text, /"code":"stateUnusable".*it is a directory.*until the daemon ends/);
  assert.equal(rig.said('maintenanceNotKept').length, 1);
});

test('the limit of a stop follows a reloaded switchover timeout', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.configure({ 10: 'switchover: { drainMs: 5, timeoutMs: 20000 }' });
  assert.equal((await rig.ask('POST', '/v1/reload')).status, 200);
  rig.reactor.obedient = false;
  context.mock.timers.enable({ apis: ['setTimeout'] });
  rig.signals.emit('SIGTERM');
  context.mock.timers.tick(24_999);
  assert.deepEqual(rig.said('reactorFailed'), []);
  context.mock.timers.tick(1);
  assert.equal(await rig.end, 70);
  assert.deepEqual(rig.said('reactorFailed'), ['the reactor ended: it did not stop within 25 s']);
});

test('a failing check makes the group unhealthy; taking it out by a reload makes it healthy', async (context) => {
  const rig = new DaemonRig(context);
  const marker = join(rig.directory, 'healthy');
  rig.configure({
    34: '    checks:',
    35: `      - { name: m, kind: exec, command: [/bin/cat, ${marker}], intervalMs: 600 }`,
  });
  await rig.start();
  const health = await rig.reactor.got('health');
  assert.deepEqual([health.healthy, health.reason], [false, 'm: has not run yet']);
  while (rig.said('check').length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(rig.said('check').join(), /check m: \/bin\/cat ended with 1: .*No such file/);
  rig.reactor.received.length = 0;
  rig.configure();
  await rig.ask('POST', '/v1/reload');
  assert.equal((await rig.reactor.got('health')).healthy, true);
});

test('a reload that adds the first check needs no restart', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  rig.configure({ 34: '    checks:', 35: '      - { name: t, kind: exec, command: [/bin/true] }' });
  const answer = await rig.ask('POST', '/v1/reload');
  assert.deepEqual(JSON.parse(answer.text), { changed: ['groups.web.checks'], needsRestart: [] });
});

test('unknown resources and methods are answered with what there is', async (context) => {
  const rig = new DaemonRig(context);
  await rig.start();
  const missing = await rig.ask('GET', '/v2/status');
  assert.equal(missing.status, 404);
  assert.match(missing.text, /the resources are \/v1\/status/);
  assert.equal((await rig.ask('GET', '/constructor')).status, 404);
  const wrongMethod = await rig.open('DELETE', '/v1/status');
  assert.deepEqual([wrongMethod.statusCode, wrongMethod.headers.allow], [405, 'GET']);
  assert.equal((await rig.ask('GET', '/v1/events?since=x')).status, 400);
});

test('a bad configuration or an unusable state directory starts nothing', async (context) => {
  const rig = new DaemonRig(context);
  rig.configure({ 2: 'node: nobody' });
  await assert.rejects(rig.launch(), { code: 'configInvalid' });
  writeFileSync(join(rig.directory, 'file'), '');
  chmodSync(join(rig.directory, 'file'), 0o600);
  rig.configure({ 4: `stateDir: ${rig.directory}/file` });
  await assert.rejects(rig.launch(), { code: 'stateUnusable', remedy: /stateDir/ });
  assert.equal(rig.reactor.started, undefined);
  assert.deepEqual(readdirSync(rig.directory).sort(), ['file', 'u.yaml']);
});
