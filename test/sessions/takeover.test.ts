/**
 * Connections that outlive their server, on the real kernel: ordinary clients work, the active dies at a random moment, the
 * standby takes over, and no client notices more than a pause. UNDERSTUDY_SESSION_TRIALS plays more moments than three.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { inNamespace, ip } from '../namespace.ts';
import { playOrders, playParted } from './orders.ts';
import { Scene } from './scene.ts';
import {
  build,
  type Fault,
  type Load,
  type Outcome,
  play,
  playAbandoned,
  playBroken,
  playLate,
  playSwitchovers,
  type services,
} from './trial.ts';

inNamespace(import.meta.filename);
build();

const load: Load = { echo: 10, get: 3, put: 3, idle: 10, bytes: 4_000_000 };
const trials = Number(process.env['UNDERSTUDY_SESSION_TRIALS'] ?? 3);
/** What a client's own timer takes to send again what was lost (its least: 200 ms), and a slow machine's share. */
const stallMaxMs = 4000;

const skip =
  spawnSync('nft', ['-v']).error === undefined
    ? false
    : 'package: nft is missing; remedy: apt install nftables';

/** On the client's machine. */
function nft(words: string): void {
  execFileSync('ip', ['netns', 'exec', 'client', 'nft', words]);
}

function requireUntouched(outcome: Outcome, moment: string): void {
  const { seen, after } = outcome;
  assert.deepEqual(seen.lost, [], moment);
  assert.deepEqual(seen.wrong, [], moment);
  assert.equal(seen.finished, seen.opened, moment);
  assert.ok(seen.echoes > load.echo && seen.bulkBytes > 0, `${moment}: the clients worked`);
  assert.equal(after['diverged'], 0, moment);
}

async function crash(
  context: TestContext,
  family: keyof typeof services,
  kind: Fault['kind'],
): Promise<void> {
  const fault = { kind, crashMs: Math.random() * 800, detectMs: Math.random() * 30 };
  const outcome = await play(family, load, fault);
  const { seen, before, survivable, takeoverMs } = outcome;
  const stalls = seen.stallsMs.toSorted((one, other) => one - other);
  const moment = `${family}, ${kind} after ${fault.crashMs.toFixed(1)} ms, ${fault.detectMs.toFixed(1)} ms to detect`;
  context.diagnostic(
    JSON.stringify({
      moment,
      before,
      survivable,
      opened: seen.opened,
      bulkBytes: seen.bulkBytes,
      stalls,
      takeoverMs,
    }),
  );
  requireUntouched(outcome, moment);
  assert.ok(before >= load.echo + load.idle, `${moment}: ${before} connections before`);
  assert.ok(survivable >= load.echo + load.idle, `${moment}: ${survivable} replicas`);
  assert.ok((stalls.at(-1) ?? 0) < stallMaxMs, `${moment}: a stall of ${stalls.at(-1)} ms`);
}

test('while both machines live, every connection has its replica and ends in order', async () => {
  requireUntouched(await play('ipv4', load), 'undisturbed');
});

test('a standby that joins later has the new connections; the old ones are told apart and go on', async () => {
  const { seen, sessions, survivable } = await playLate(load);
  assert.deepEqual([seen.lost, seen.wrong], [[], []]);
  assert.equal(seen.finished, seen.opened);
  assert.ok(survivable > 0 && survivable <= sessions - load.echo - load.idle, `${survivable} of ${sessions}`);
});

test('the standby loses its power: the service goes on, with no connection survivable', async () => {
  const { seen, before, after } = await playAbandoned(load);
  assert.deepEqual([seen.lost, seen.wrong], [[], []]);
  assert.equal(seen.finished, seen.opened);
  assert.ok(before >= load.echo + load.idle, `${before} survivable before`);
  assert.equal(after, 0);
  assert.ok(Math.max(...seen.stallsMs) < stallMaxMs, `a stall of ${Math.max(...seen.stallsMs)} ms`);
});

test('the role goes there and back, twice: every connection goes with it each time', async () => {
  const { seen, taken, after } = await playSwitchovers(load, 2);
  assert.deepEqual([seen.lost, seen.wrong], [[], []], JSON.stringify(after));
  assert.equal(seen.finished, seen.opened);
  for (const sessions of taken) assert.ok(sessions >= load.echo + load.idle, `${sessions} of them`);
  assert.deepEqual(
    after.map(({ reset, diverged }) => ({ reset, diverged })),
    Array(2).fill({ reset: 0, diverged: 0 }),
  );
});

test('a machine that leads while the cable is broken has its standby again when that is whole', async () => {
  const { seen, counts } = await playBroken({ echo: 6, get: 1, put: 1, idle: 6, bytes: 500_000 });
  assert.deepEqual([seen.lost, seen.wrong], [[], []]);
  const { role, mirroring, sessions, survivable } = counts;
  assert.deepEqual([role, mirroring, survivable], ['active', 'mirrored', sessions]);
});

const [yields, leads] = [
  ['active', 'yield'],
  ['active', 'takeover'],
] as const;
const [otherYields, otherLeads] = [
  ['standby', 'yield'],
  ['standby', 'takeover'],
] as const;

test('relays hear late of roles that change fast: every connection goes on', async () => {
  const light: Load = { echo: 6, get: 1, put: 1, idle: 6, bytes: 500_000 };
  const seen = await playOrders(light, [
    // The other one has not led at all.
    [yields, leads],
    // It was told to yield as soon as it led.
    [yields, otherLeads, otherYields, leads],
    [yields, otherLeads, otherYields, otherLeads],
    [otherYields, leads, yields, leads],
  ]);
  assert.deepEqual([seen.lost, seen.wrong], [[], []]);
  assert.equal(seen.finished, seen.opened);
});

/** A client's SYN is all that leaves it. */
const onlySyns =
  'add table ip silent; add chain ip silent output { type filter hook output priority 0; }; ' +
  'add rule ip silent output tcp dport 7000 tcp flags & syn == 0 drop';

test('a connection in the middle of its handshake when the role goes and comes back goes on', {
  skip,
}, async (context) => {
  const scene = await Scene.open('');
  context.after(() => scene.close());
  // The answer to its SYN is all that passes.
  nft(onlySyns);
  const client = await scene.client();
  client.tell(JSON.stringify({ send: 'ECHO\nstill here\n' }));
  await scene.active.ask('yield');
  await scene.active.ask('takeover');
  nft('delete table ip silent');
  assert.deepEqual(await client.report(), { data: '1 still here\n' });
  await scene.until('active', 'survivable', 1);
});

/** Hosts hear of the new active later. */
function towards(machine: string): void {
  const mac = /link\/ether (\S+)/.exec(ip(`-n ${machine} -o link show lan0`))?.[1];
  ip(`-n client neigh replace 192.0.2.10 lladdr ${mac} dev lan0 nud permanent`);
}

test('what the old active still delivers, before it hears that it is none, is not lost to the new one', {
  skip,
}, async (context) => {
  const scene = await Scene.open('');
  context.after(() => scene.close());
  context.after(() => ip('-n client neigh del 192.0.2.10 dev lan0'));
  const heard = async (): Promise<unknown> => (await scene.standby.ask('counts'))['committed'];
  const old = await scene.client();
  towards('active');
  await scene.standby.ask('takeover');
  old.tell(JSON.stringify({ send: 'ECHO\nfirst\n' }));
  assert.deepEqual(await old.report(), { data: '1 first\n' });
  nft(onlySyns);
  const fresh = await scene.client();
  towards('standby');
  nft('delete table ip silent');
  // The new one knows neither: it has the SYN, and the line whose answer this acknowledges, when the old one is gone.
  fresh.tell(JSON.stringify({ send: 'ECHO\nlate\n' }));
  const before = await heard();
  old.tell(JSON.stringify({ send: 'second\n' }));
  while ((await heard()) === before);
  await scene.active.ask('leave');
  assert.deepEqual(await old.report(), { data: '2 second\n' });
  assert.deepEqual(await fresh.report(), { data: '1 late\n' });
});

test('who asks for what a machine without power alone had is told, also when nobody else says anything', async (context) => {
  const scene = await Scene.open('', 1);
  context.after(() => scene.close());
  const [client] = scene.older;
  await scene.takeOver();
  client?.tell(JSON.stringify({ send: 'ECHO\nanybody?\n' }));
  assert.deepEqual(await client?.report(), { error: 'ECONNRESET' });
});

/** Nothing leaves a client that only acknowledges (IPv4, timestamps). */
const noAcknowledgments =
  'add table ip terse; add chain ip terse output { type filter hook output priority 0; }; ' +
  'add rule ip terse output tcp dport 7000 tcp flags == ack meta length 52 drop';

test('what is acknowledged in steps does not make look old what the old active still delivers', {
  skip,
}, async (context) => {
  const scene = await Scene.open('');
  context.after(() => scene.close());
  context.after(() => ip('-n client neigh del 192.0.2.10 dev lan0'));
  const client = await scene.client();
  const say = async (text: string, answer: string): Promise<void> => {
    client.tell(JSON.stringify({ send: text }));
    assert.deepEqual(await client.report(), { data: answer });
  };
  towards('active');
  nft(noAcknowledgments);
  context.after(() => nft('delete table ip terse'));
  await say('ECHO\nfirst\n', '1 first\n');
  await scene.standby.ask('takeover');
  // The old one alone has this line, and with it the acknowledgment of the answer before.
  await say('second\n', '2 second\n');
  towards('standby');
  const before = (await scene.standby.ask('counts'))['partials'];
  client.tell(JSON.stringify({ send: 'third\n' }));
  while ((await scene.standby.ask('counts'))['partials'] === before);
  await scene.active.ask('leave');
  assert.deepEqual(await client.report(), { data: '3 third\n' });
});

test('who takes over while the two have lost each other for a moment goes on with all of the other one', async () => {
  const light: Load = { echo: 6, get: 1, put: 1, idle: 6, bytes: 500_000 };
  const seen = await playParted(light, ['active', 'standby']);
  assert.deepEqual([seen.lost, seen.wrong], [[], []]);
  assert.equal(seen.finished, seen.opened);
});

test('the active loses its power: 0 connections lost, 0 bytes wrong', async (context) => {
  for (let trial = 0; trial < trials; trial++) await crash(context, 'ipv4', 'power');
});

test('only the process dies: its kernel says goodbye to nobody', async (context) => {
  await crash(context, 'ipv4', 'process');
});

test('IPv6', async (context) => {
  await crash(context, 'ipv6', 'power');
  await crash(context, 'ipv6', 'process');
});
