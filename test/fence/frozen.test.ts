/**
 * The process is stopped at every boundary between its decision and the kernel's answer, for longer than a lease. While it
 * stands still the fence closes by itself; when it goes on, it opens nothing that was decided before.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, test } from 'node:test';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { Fence } from '../../src/linux/fence/fence.ts';
import { inNamespace } from '../namespace.ts';
import { type Deed, leaseMs, type Task } from './owner.ts';
import { assertSilent } from './pair.ts';
import { lay, shared4, shared6 } from './voices.ts';

inNamespace(import.meta.filename);
lay();

afterEach(() => {
  Fence.clean('understudy-');
});

/** How many transactions each deed takes. */
const deeds: Readonly<Record<Deed, number>> = {
  acquire: 2,
  acquireUntil: 2,
  join: 1,
  joinUntil: 2,
  renew: 1,
  extend: 2,
  yield: 1,
  mend: 3,
};

/** Longer than a lease, and two ticks of a slow kernel. */
const stoppedMs = leaseMs + 20;

for (const [deed, transactions] of Object.entries(deeds)) {
  for (let at = 1; at <= transactions; at++) {
    for (const side of ['before', 'after'] as const) {
      test(`${deed}, stopped ${side} transaction ${at} of ${transactions}`, async () => {
        const task = { deed: deed as Deed, own: deed !== 'mend', stop: { at, side } };
        const words = await stopped(task);
        // Only what the kernel had agreed to before was done; and by now it is over.
        const agreed = at === transactions && side === 'after';
        assert.deepEqual(words, [agreed || deed === 'yield' ? 'done' : 'refused', 'lost']);
      });
    }
  }
}

/** Stops it, looks whether it is silent, lets it go on, and looks again; returns what it said. */
async function stopped(task: Task): Promise<string[]> {
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'owner.ts'), JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(owner, 'exit');
  try {
    await until('it has stopped', () => stateOf(owner) === 'T');
    const stoppedUs = monotonicUs();
    await until('a lease has passed', () => monotonicUs() - stoppedUs > stoppedMs * 1000);
    assertSilent([shared4, shared6]);
    const words: string[] = [];
    const lines = createInterface({ input: owner.stdout ?? assert.fail() });
    lines.on('line', (line) => words.push(line));
    owner.kill('SIGCONT');
    await until('it has said what came of it', () => words.length === 2);
    assertSilent([shared4, shared6]);
    return words;
  } finally {
    owner.kill('SIGKILL');
    await ended;
  }
}

/** `T`: stopped. */
function stateOf({ pid }: ChildProcess): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}
