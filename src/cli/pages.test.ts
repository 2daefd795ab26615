import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { doctorPage, works } from './doctor-page.ts';
import { eventLine } from './event-line.ts';
import { chooseSocket } from './socket-choice.ts';
import { duration } from './status-page.ts';

test('durations show their two largest units', () => {
  assert.deepEqual([0, 59_000, 61_000, 3_600_000, 11_520_000, 200_000_000].map(duration), [
    '0 s',
    '59 s',
    '1 min 1 s',
    '1 h 0 min',
    '3 h 12 min',
    '2 d 7 h',
  ]);
});

test('an event’s moment is the wall clock’s, to the microsecond', () => {
  const wallMs = new Date(2026, 2, 1, 3, 12, 45).getTime();
  const event = {
    sequence: 1,
    atUs: 8_999_999,
    code: 'pathUp',
    level: 'info',
    message: 'm',
    detail: {},
  } as const;
  const line = eventLine(event, { monotonicUs: 9_000_000, wallMs });
  assert.equal(line, '2026-03-01 03:12:44.999999 info  pathUp           m\n');
});

test('the only socket of the machine is the one meant; of several, one must be named', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-'));
  context.after(() => rmSync(directory, { recursive: true }));
  await assert.rejects(chooseSocket({}, directory), { code: 'daemonUnreachable', message: /no daemon runs/ });
  writeFileSync(join(directory, 'a.sock'), '');
  assert.equal(await chooseSocket({}, directory), join(directory, 'a.sock'));
  assert.equal(await chooseSocket({ socket: '/x' }, directory), '/x');
  writeFileSync(join(directory, 'b.sock'), '');
  await assert.rejects(chooseSocket({}, directory), { code: 'usage', message: /a\.sock, .*b\.sock/ });
});

test('the doctor: a line a thing, a second one where something follows, and a verdict', () => {
  const good = { name: 'node', state: 'ok', found: 'Node 26' } as const;
  const poor = { name: 'clock', state: 'reduced', found: 'hpet', instead: 'slowly', remedy: 'tsc' } as const;
  const bad = { name: 'TUN', state: 'missing', found: 'EPERM', remedy: 'run as root' } as const;
  assert.equal(
    doctorPage([good, poor, bad]),
    [
      'ok       node   Node 26',
      'REDUCED  clock  hpet',
      '                instead: slowly; remedy: tsc',
      'MISSING  TUN    EPERM',
      '                remedy: run as root',
      '',
      'a daemon would not work here: 1 missing',
      '',
    ].join('\n'),
  );
  assert.match(doctorPage([good, poor]), /a daemon works here, reduced in 1 things\n$/);
  assert.deepEqual([works([good, poor]), works([good, bad])], [true, false]);
});
