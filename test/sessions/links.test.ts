/**
 * The link between the two machines is cut, slow or lossy, and an active dies soon after its standby came back: what the
 * policy says holds, what is lost was reported as not survivable, and no byte is wrong. The daemons hear each other throughout.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RelayStatus } from '../../src/api/relay.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { inNamespace, ip } from '../namespace.ts';
import { type Name, Pair, type Settings } from './pair.ts';
import { build, type Load, links, Process, type Seen, services } from './trial.ts';

inNamespace(import.meta.filename);
build();

const load: Load = { echo: 6, get: 2, put: 2, idle: 6, bytes: 1_000_000 };
const longLived = load.echo + load.idle;
const mirrorPort = 7190;
const timeout = 60_000;
const skip =
  spawnSync('nft', ['-v']).error === undefined
    ? false
    : 'package: nft is missing; remedy: apt install nftables';

/** Nothing of the mirror passes on any path; heartbeats and clients do. */
function severed(yes: boolean): void {
  const rule = (chain: string): string =>
    `add chain inet severed ${chain} { type filter hook ${chain} priority 0; }; ` +
    `add rule inet severed ${chain} tcp dport ${mirrorPort} drop; ` +
    `add rule inet severed ${chain} tcp sport ${mirrorPort} drop`;
  const words = yes
    ? `add table inet severed; ${rule('input')}; ${rule('output')}`
    : 'delete table inet severed';
  execFileSync('ip', ['netns', 'exec', 'active', 'nft', words]);
}

/** Both run, and clients work, with every connection on both machines. */
async function working(context: TestContext, settings: Settings, work = load): Promise<[Pair, Name]> {
  const pair = new Pair(settings);
  context.after(() => pair.close());
  return [pair, await begun(pair, work)];
}

/** Returns who is active. */
async function begun(pair: Pair, work: Load): Promise<Name> {
  await pair.start();
  await pair.load('ipv4', work);
  return await activeOf(pair);
}

async function activeOf(pair: Pair): Promise<Name> {
  const name = await pair.active();
  assert.ok(name !== undefined);
  return name;
}

async function countsOf(pair: Pair, name: Name): Promise<RelayStatus> {
  const { sessions } = await pair.machines[name].group();
  assert.ok(sessions !== null, `${name} has a relay`);
  return sessions;
}

/** A connection that says nothing; `open` resolves when it is there. */
function talker(context: TestContext): { readonly open: Promise<unknown> } {
  const client = new Process('client', 'talk.ts', services.ipv4);
  context.after(() => client.kill());
  return { open: client.report() };
}

function requireUntouched({ lost, wrong, finished, opened, echoes }: Seen, pair: Pair): void {
  assert.deepEqual([lost, wrong], [[], []], told(pair));
  assert.equal(finished, opened);
  assert.ok(echoes > load.echo, 'the clients worked');
}

function told(pair: Pair): string {
  const machines = Object.values(pair.machines);
  return machines.map((machine) => machine.told()).join('\n');
}

test('degrade: a link that is cut costs degradeAfterMs, is reported, and counts again when it is back', {
  skip,
}, async (context) => {
  const degradeAfterMs = 1000;
  const cutMs = 3000;
  const [pair, name] = await working(context, { degradeAfterMs });
  const { events } = pair.machines[name];
  const cutUs = monotonicUs();
  severed(true);
  await pair.until('degraded', async () => events.some(({ code }) => code === 'sessionsDegraded'));
  const lateMs = ((events.find(({ code }) => code === 'sessionsDegraded')?.atUs ?? 0) - cutUs) / 1000;
  assert.ok(lateMs > degradeAfterMs / 2 && lateMs < degradeAfterMs + 1000, `degraded after ${lateMs} ms`);
  await pair.until('the status says so', async () => (await countsOf(pair, name)).mirroring === 'alone');
  const alone = await countsOf(pair, name);
  assert.deepEqual([alone.survivable, alone.sessions >= longLived], [0, true], JSON.stringify(alone));
  await sleep(cutMs - (monotonicUs() - cutUs) / 1000);
  severed(false);
  await pair.until('mirrored again', async () => (await countsOf(pair, name)).mirroring === 'mirrored');
  await talker(context).open;
  await pair.until('the new one is survivable, and the old ones are not', async () => {
    const { sessions, survivable } = await countsOf(pair, name);
    return survivable >= 1 && sessions - survivable >= longLived;
  });
  const seen = await pair.finish();
  requireUntouched(seen, pair);
  const longest = Math.max(...seen.stallsMs);
  context.diagnostic(`degraded after ${Math.round(lateMs)} ms; longest wait ${longest} ms`);
  assert.ok(longest < degradeAfterMs + 1500, `${longest} ms`);
  assert.equal(await pair.active(), name, 'the role has stayed');
});

test('wait: nothing is delivered while the link is cut, and all goes on when it is back', {
  skip,
}, async (context) => {
  const cutMs = 2500;
  const [pair, name] = await working(context, { policy: 'wait', degradeAfterMs: 500 });
  severed(true);
  const cutUs = monotonicUs();
  // The relay says its numbers five times a second.
  await sleep(500);
  const before = await countsOf(pair, name);
  let isOpen = false;
  const { open } = talker(context);
  const opened = open.then(() => {
    isOpen = true;
  });
  await sleep(cutMs - (monotonicUs() - cutUs) / 1000);
  const after = await countsOf(pair, name);
  assert.equal(after.latency.count, before.latency.count, 'no packet was delivered');
  assert.deepEqual([after.bytesBehind > 0, isOpen], [true, false], JSON.stringify(after));
  severed(false);
  await pair.mirrored(longLived);
  await opened;
  const seen = await pair.finish();
  requireUntouched(seen, pair);
  const stalls = seen.stallsMs.toSorted((a, b) => b - a);
  context.diagnostic(`waits, ms: ${stalls.join(' ')}`);
  assert.ok((stalls[load.echo - 1] ?? 0) > cutMs - 300, 'every connection that had something to say waited');
  const codes = pair.machines[name].events.map(({ code }) => code);
  assert.deepEqual(
    codes.filter((code) => code === 'sessionsDegraded' || code === 'sessionAlone'),
    [],
  );
});

test('an active that dies soon after its standby came back loses only what it had reported', {
  timeout,
}, async (context) => {
  const [pair, name] = await working(context, {}, { ...load, get: 0, put: 0 });
  const other = pair.other(name);
  await pair.machines[other].kill('all');
  await pair.until('degraded', async () => (await countsOf(pair, name)).survivable === 0);
  await pair.machines[other].start();
  await pair.until('mirrored again', async () => (await countsOf(pair, name)).mirroring === 'mirrored');
  const fresh: Load = { echo: 4, get: 0, put: 0, idle: 4, bytes: 1 };
  const client = new Process('client', 'client.ts', services.ipv4, JSON.stringify(fresh));
  context.after(() => client.kill());
  await pair.until('the new ones are survivable', async () => {
    const { survivable } = await countsOf(pair, name);
    return survivable >= fresh.echo + fresh.idle;
  });
  const last = await countsOf(pair, name);
  assert.equal(last.sessions - last.survivable, longLived, JSON.stringify(last));
  await pair.cut(name);
  await pair.until('the role has moved', async () => (await pair.active()) === other);
  await sleep(500);
  client.endInput();
  const [young, old] = [(await client.report()) as unknown as Seen, await pair.finish()];
  requireUntouched(young, pair);
  context.diagnostic(`of ${last.sessions} connections ${old.lost.length} ended`);
  assert.deepEqual([old.wrong, old.lost.length, old.opened], [[], longLived, longLived], told(pair));
});

/** The address of this machine at which the mirror is connected. */
function mirrorsAt(name: Name): string | undefined {
  const words = `netns exec ${name} ss -Htn state established`.split(' ');
  const out = execFileSync('ip', [...words, `sport = :${mirrorPort} or dport = :${mirrorPort}`], {
    encoding: 'utf8',
  });
  return /(\S+):\d+\s+\S+:\d+\s*$/m.exec(out)?.[1];
}

async function isHome(): Promise<boolean> {
  return mirrorsAt('active') === links.active;
}

test('a mirror that had to begin on the LAN, or to go there, comes back to the link', {
  timeout,
}, async (context) => {
  const pair = new Pair();
  context.after(() => pair.close());
  const plug = (how: 'up' | 'down'): unknown => ip(`-n active link set link0 ${how}`);
  plug('down');
  context.after(() => plug('up'));
  const name = await begun(pair, load);
  await pair.mirrored(longLived);
  assert.notEqual(mirrorsAt('active'), links.active);
  plug('up');
  await pair.until('the mirror uses the link', isHome);
  await pair.mirrored(longLived);
  plug('down');
  await pair.until(
    'the mirror is on the LAN',
    async () => (mirrorsAt('active') ?? links.active) !== links.active,
  );
  plug('up');
  await pair.until('the mirror uses the link again', isHome);
  await pair.mirrored(longLived);
  await pair.cut(name);
  await pair.until('the role has moved', async () => (await pair.active()) === pair.other(name));
  const seen = await pair.finish();
  requireUntouched(seen, pair);
  context.diagnostic(`longest wait ${Math.max(...seen.stallsMs)} ms`);
  const codes = Object.values(pair.machines).flatMap(({ events }) => events.map(({ code }) => code));
  assert.ok(codes.includes('sessionsTaken') && !codes.includes('sessionAlone'));
});

/** Another cable between the machines. Killed, it takes both devices with it. */
async function plugged(delayMs: number, lossPercent: number): Promise<Process> {
  if (ip('-n active -o link').includes('link0')) ip('-n active link del link0');
  const cable = new Process('client', 'cable.ts', String(delayMs), String(lossPercent));
  await cable.report();
  for (const host of ['active', 'standby'] as const) {
    ip(`-n ${host} addr add ${links[host]}/24 dev link0`);
    ip(`-n ${host} link set link0 up`);
  }
  return cable;
}

/** Of so many frames 1 % loss takes some. */
const lossyFrames = 1500;

for (const [what, delayMs, lossPercent] of [
  ['10 ms long', 10, 0],
  ['that loses 1 %', 0, 1],
] as const)
  test(`a link ${what}: sessions work, and a power loss takes none`, { timeout }, async (context) => {
    // Closed before its cable goes.
    const pair = new Pair();
    context.after(() => pair.close());
    const cable = await plugged(delayMs, lossPercent);
    context.after(() => cable.kill());
    await pair.start();
    await pair.until('the mirror uses this link', isHome);
    await pair.load('ipv4', load);
    const name = await activeOf(pair);
    const frames = async (): Promise<number> => Number((await cable.ask('count'))['frames']);
    if (lossPercent > 0) await pair.until('enough went over it', async () => (await frames()) > lossyFrames);
    await pair.mirrored(longLived);
    const { latency } = await countsOf(pair, name);
    const carried = await cable.ask('count');
    await pair.cut(name);
    await pair.until('the role has moved', async () => (await pair.active()) === pair.other(name));
    const seen = await pair.finish();
    requireUntouched(seen, pair);
    context.diagnostic(JSON.stringify({ ...carried, p50Us: latency.p50Us, p99Us: latency.p99Us }));
    assert.ok(latency.p50Us >= delayMs * 1000, 'packets waited for the slow link');
    assert.equal(Number(carried['lost']) > 0, lossPercent > 0);
    const codes = Object.values(pair.machines).flatMap(({ events }) => events.map(({ code }) => code));
    assert.ok(codes.includes('sessionsTaken') && !codes.includes('sessionAlone'));
  });
