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

before(() => {
  laySwitch();
  machine('primary', 1);
  machine('redundant', 2);
});

/** `T`: stopped. */
function stateOf({ process: { pid } }: Daemon): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

// The two transactions of a takeover: a measure begins, and the fence opens if that still runs.
for (const [at, side] of [
  [1, 'before'],
  [1, 'after'],
  [2, 'before'],
  [2, 'after'],
] as const) {
  test(`it stops ${side} the ${at === 1 ? 'first' : 'second'} transaction of its takeover`, async (context) => {
    const { primary, redundant } = await pair(preload);
    const mouth = Mouth.open({ machine: 'redundant', device: 'lan0', mac: macOf(2), address: shared });
    await until('a program there says the address', () => mouth.said > 100);
    const since = redundant.events.length;
    writeFileSync(stopFile, `${at} ${side}`);
    await primary.kill();
    await until('it has stopped', () => stateOf(redundant) === 'T');
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

    redundant.process.kill('SIGCONT');
    await redundant.becomes('active');
    // What is heard is heard by a new lease: it had to be acquired again.
    assert.equal(
      redundant.said('transition', since).filter(({ detail }) => detail['to'] === 'active').length > 0,
      true,
    );
    await until('the host hears it', () => ear.hear().length > 0);
    const { term } = (await redundant.status()).groups[0] ?? assert.fail();
    assert.equal(term.member, 'redundant');
    if (at === 2 && side === 'after') await redundant.untilSaid('leaseLost', since);
    ear.close();
    await mouth.close();
    await redundant.kill();
  });
}
