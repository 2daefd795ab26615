/** Somebody else's firewall is loaded anew, on the machine of the active member and on that of a standby. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
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

/** A program on the standby's machine says the address all the time; how long, and how often, it was heard. */
async function leak(work: () => Promise<void>): Promise<{ frames: number; us: number }> {
  const ear = new Ear();
  const mouth = Mouth.open({ machine: 'redundant', device: 'lan0', mac: macOf(2), address: shared });
  await until('it speaks', () => mouth.said > 100);
  await work();
  await pause(lookMs);
  await mouth.close();
  const times: number[] = [];
  ear.hear((frame) => {
    if (Buffer.from(frame).subarray(6, 12).toString('hex') === macOf(2).replaceAll(':', ''))
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

test('before Linux 6.9 it is noticed at once and mended, and no role moves', async (context) => {
  if (!present(context)) return;
  const { primary, redundant } = await pair(oldKernel);
  assert.deepEqual(
    await leak(async () => undefined),
    { frames: 0, us: 0 },
    'the fence is closed on a standby',
  );
  await undisturbed([primary, redundant], async () => {
    const since = redundant.events.length;
    const heard = await leak(async () => {
      flush('redundant');
      const { message } = await redundant.untilSaid('restored', since);
      assert.match(message, /^put back the fence, which nft \(process \d+\) changed$/);
    });
    context.diagnostic(`standby: ${heard.frames} frames in ${heard.us} µs passed`);
    assert.ok(heard.us < windowUsMax, `${heard.us} µs`);
    assert.deepEqual(await leak(async () => undefined), { frames: 0, us: 0 }, 'it is closed again');
  });
  await undisturbed([primary, redundant], async () => {
    const since = primary.events.length;
    flush('primary');
    await primary.untilSaid('restored', since);
    const { renewals } = (await primary.status()).lease;
    await until('the lease is renewed', async () => (await primary.status()).lease.renewals > renewals);
  });
  // Whoever does it again and again costs it the role; it comes back when there is quiet.
  const since = primary.events.length;
  flush('primary');
  flush('primary');
  await primary.untilSaid('leaseLost', since);
  await until(
    'one of them is active',
    async () =>
      (await primary.status()).groups[0]?.role === 'active' ||
      (await redundant.status()).groups[0]?.role === 'active',
  );
  await Promise.all([primary.kill(), redundant.kill()]);
});

test('from Linux 6.9 on it does not touch the fence', async (context) => {
  if (!present(context)) return;
  const probe = Fence.arm({ instance: 'probe', leaseMs: 100, groups: [], ownDevices: [] });
  const { own } = probe.offer;
  probe.remove();
  if (!own) return context.skip('kernel: tables with an owner that stay; remedy: Linux 6.9');
  const { primary, redundant } = await pair();
  await undisturbed([primary, redundant], async () => {
    const counts = [primary, redundant].map((daemon) => daemon.events.length);
    const heard = await leak(async () => {
      for (let round = 0; round < 5; round++) for (const where of ['primary', 'redundant']) flush(where);
    });
    assert.deepEqual(heard, { frames: 0, us: 0 });
    for (const [index, daemon] of [primary, redundant].entries())
      assert.deepEqual(daemon.said('restored', counts[index]), []);
  });
});
