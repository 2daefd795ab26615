/** A daemon stops in the middle of its takeover: its voice ends with its lease, and what it says when it goes on is new. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { inNamespace } from '../namespace.ts';
import { type Daemon, Ear, laySwitch, leaseMs, machine, macOf, pair, shared } from './lan.ts';
import { Mouth, sentUs } from './mouth.ts';

inNamespace(import.meta.filename);

const preload = join(import.meta.dirname, 'stopping.ts');
const stopFile = '/run/stop';
/** A tick of a slow kernel, and of the frame's way to the host, microseconds. */
const marginUs = 12_000;

let daemons: { readonly primary: Daemon; readonly redundant: Daemon };

before(async () => {
  laySwitch();
  machine('primary', 1);
  machine('redundant', 2);
  daemons = await pair({ primary: preload, redundant: preload });
});

/** `T`: stopped. */
function stateOf({ process: { pid } }: Daemon): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

async function roleOf(daemon: Daemon): Promise<string | undefined> {
  return (await daemon.status()).groups[0]?.role;
}

/** Who is to take over, and from whom: each daemon in turn. */
async function cast(): Promise<{ readonly active: Daemon; readonly standby: Daemon; readonly last: number }> {
  const { primary, redundant } = daemons;
  const inTurn = async (): Promise<boolean> => {
    const roles = await Promise.all([roleOf(primary), roleOf(redundant)]);
    return roles.toSorted().join() === 'active,standby';
  };
  await until('one is active, the other one stands by', inTurn);
  return (await roleOf(primary)) === 'active'
    ? { active: primary, standby: redundant, last: 2 }
    : { active: redundant, standby: primary, last: 1 };
}

// The two transactions of a takeover: a measure begins, and the fence opens if that still runs.
for (const [at, side] of [
  [1, 'before'],
  [1, 'after'],
  [2, 'before'],
  [2, 'after'],
] as const) {
  test(`it stops ${side} the ${at === 1 ? 'first' : 'second'} transaction of its takeover`, async (context) => {
    const { active, standby, last } = await cast();
    const where = standby.name;
    const mouth = Mouth.open({ machine: where, device: 'lan0', mac: macOf(last), address: shared });
    await until('a program there says the address', () => mouth.said > 100);
    const since = standby.events.length;
    active.process.kill('SIGSTOP');
    writeFileSync(stopFile, `${at} ${side}`);
    await until('it has stopped', () => stateOf(standby) === 'T');
    const stoppedUs = monotonicUs();
    const ear = new Ear();
    await until('a lease has passed', () => monotonicUs() - stoppedUs > 1.5 * leaseMs * 1000);
    const before: number[] = [];
    ear.hear((frame) => before.push(sentUs(frame)));
    // While it stood still: with a lease that it had got, for as long as that lasted.
    const lastUs = Math.max(stoppedUs, ...before) - stoppedUs;
    context.diagnostic(`${before.length} frames, the last ${lastUs} µs after it had stopped`);
    if (at === 2 && side === 'after') assert.ok(before.length > 0, 'it had its voice');
    else assert.deepEqual(before, []);
    assert.ok(lastUs < leaseMs * 1000 + marginUs, `${lastUs} µs`);

    standby.process.kill('SIGCONT');
    await standby.becomes('active');
    // What is heard is heard by a new lease: what had been decided before was void, and was decided again.
    const steps = (): string[] =>
      standby.said('transition', since).map(({ detail: { from, to } }) => `${from} ${to}`);
    if (at === 1 || side === 'before')
      await until(
        'it is told',
        () => steps().includes('acquiring standby'),
        5000,
        () => steps().join(),
      );
    await until('the host hears it', () => ear.hear().length > 0);
    const { term } = (await standby.status()).groups[0] ?? assert.fail();
    assert.equal(term.member, where);
    if (at === 2 && side === 'after') await standby.untilSaid('leaseLost', since);
    ear.close();
    await mouth.close();
    active.process.kill('SIGCONT');
  });
}
