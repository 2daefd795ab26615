/** Somebody else's firewall is loaded anew, on the machine of the active member and on that of a standby. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { askSwitchover } from '../../src/lab/control-client.ts';
import { until } from '../../src/lab/until.ts';
import { Fence } from '../../src/linux/fence/fence.ts';
import { inNamespace } from '../namespace.ts';
import { type Daemon, Ear, laySwitch, machine, macOf, pair, shared } from './lan.ts';
import { Mouth, sentUs } from './mouth.ts';

inNamespace(import.meta.filename);

const oldKernel = join(import.meta.dirname, 'old-kernel.ts');
/** A busy machine may not let a daemon without SCHED_FIFO run for so long, microseconds. */
const windowUsMax = 200_000;
/** Long enough to be heard if anything is let through, milliseconds. */
const lookMs = 300;

const nft = spawnSync('nft', ['--version']).error === undefined;

before(() => {
  laySwitch();
  machine('primary', 1);
  machine('redundant', 2);
});

function present(context: TestContext): boolean {
  if (nft) return true;
  assert.equal(process.env['CI'], undefined, 'package: nft is missing; remedy: apt install nftables');
  context.skip('nft is missing; remedy: apt install nftables');
  return false;
}

function flush(where: string): void {
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', where, 'nft', 'flush', 'ruleset'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
}

/** A program on a machine says the address all the time; how long, and how often, it was heard. */
async function leak({ name }: Daemon, work: () => Promise<void>): Promise<{ frames: number; us: number }> {
  const mac = macOf(name === 'primary' ? 1 : 2);
  const ear = new Ear();
  const mouth = Mouth.open({ machine: name, device: 'lan0', mac, address: shared });
  await until('it speaks', () => mouth.said > 100);
  await work();
  await pause(lookMs);
  await mouth.close();
  const times: number[] = [];
  ear.hear((frame) => {
    if (Buffer.from(frame).subarray(6, 12).toString('hex') === mac.replaceAll(':', ''))
      times.push(sentUs(frame));
  });
  ear.close();
  return { frames: times.length, us: times.length === 0 ? 0 : Math.max(...times) - Math.min(...times) };
}

/** What both said about their roles meanwhile. */
async function undisturbed(daemons: readonly Daemon[], work: () => Promise<void>): Promise<void> {
  const counts = daemons.map((daemon) => daemon.events.length);
  await work();
  for (const [index, daemon] of daemons.entries()) {
    for (const code of ['transition', 'leaseLost', 'lapse', 'trouble', 'peerDown'])
      assert.deepEqual(daemon.said(code, counts[index]), [], code);
  }
}

let daemons: { readonly primary: Daemon; readonly redundant: Daemon };

/** To the primary, the kernel is one before Linux 6.9. */
before(async () => {
  if (nft) daemons = await pair({ primary: oldKernel });
});

/** Its machine's firewall is loaded anew, and it has noticed. */
async function flushed(daemon: Daemon): Promise<void> {
  const since = daemon.events.length;
  flush(daemon.name);
  const { message } = await daemon.untilSaid('restored', since);
  assert.match(message, /^put back the fence, which nft \(process \d+\) changed$/);
}

async function renewed(daemon: Daemon): Promise<void> {
  const { renewals } = (await daemon.status()).lease;
  await until('the lease is renewed', async () => (await daemon.status()).lease.renewals > renewals);
}

/** What both say of it is heard: it is not taken for something that comes later. */
async function moveTo(daemon: Daemon): Promise<void> {
  const other = daemon === daemons.primary ? daemons.redundant : daemons.primary;
  const [since, otherSince] = [daemon.events.length, other.events.length];
  await askSwitchover(daemon.socket, 'web', daemon.name);
  await daemon.becomes('active');
  const said = (who: Daemon, from: number, to: string): boolean =>
    who.said('transition', from).some(({ detail }) => detail['to'] === to);
  await until('both have said so', () => said(daemon, since, 'active') && said(other, otherSince, 'standby'));
}

test('before Linux 6.9 an active member notices it at once and mends it, and no role moves', async (context) => {
  if (!present(context)) return;
  const { primary, redundant } = daemons;
  await undisturbed([primary, redundant], async () => {
    await flushed(primary);
    await renewed(primary);
  });
});

test('from Linux 6.9 on it does not touch the fence', async (context) => {
  if (!present(context)) return;
  const probe = Fence.arm({ instance: 'probe', leaseMs: 100, groups: [], ownDevices: [] });
  const { own } = probe.offer;
  probe.remove();
  if (!own) return context.skip('kernel: tables with an owner that stay; remedy: Linux 6.9');
  const { primary, redundant } = daemons;
  const since = redundant.events.length;
  const untouched = async (): Promise<void> => {
    for (let round = 0; round < 5; round++) flush('redundant');
  };
  await undisturbed([primary, redundant], async () => {
    assert.deepEqual(await leak(redundant, untouched), { frames: 0, us: 0 }, 'a standby stays silent');
  });
  await moveTo(redundant);
  await undisturbed([primary, redundant], async () => {
    await untouched();
    await renewed(redundant);
  });
  assert.deepEqual(redundant.said('restored', since), []);
});

test('before Linux 6.9 a standby is silent again as soon as it has noticed', async (context) => {
  if (!present(context)) return;
  const { primary, redundant } = daemons;
  if ((await primary.status()).groups[0]?.role === 'active') await moveTo(redundant);
  const idle = (): Promise<{ frames: number; us: number }> => leak(primary, async () => undefined);
  assert.deepEqual(await idle(), { frames: 0, us: 0 }, 'the fence is closed on a standby');
  await undisturbed([primary, redundant], async () => {
    const heard = await leak(primary, () => flushed(primary));
    context.diagnostic(`standby: ${heard.frames} frames in ${heard.us} µs passed`);
    assert.ok(heard.us < windowUsMax, `${heard.us} µs`);
    assert.deepEqual(await idle(), { frames: 0, us: 0 }, 'it is closed again');
  });
});

test('whoever does it again and again costs it the role, which comes back when there is quiet', async (context) => {
  if (!present(context)) return;
  const { primary, redundant } = daemons;
  await moveTo(primary);
  const since = primary.events.length;
  flush('primary');
  flush('primary');
  await primary.untilSaid('leaseLost', since);
  const roles = async (): Promise<(string | undefined)[]> => {
    const all = await Promise.all([primary, redundant].map((daemon) => daemon.status()));
    return all.map(({ groups }) => groups[0]?.role);
  };
  await until('one of them is active', async () => (await roles()).includes('active'));
});
