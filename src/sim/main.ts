/**
 * `npm run sim -- --seeds N [--seed S] [--brisk] [--jobs J] [--keepGoing]`: plays N worlds from seed S on, J at a time;
 * stops at the first that broke, or keeps going. Where 100,000 slow ones were played, each change of state must have been
 * made, too.
 * `--seed S [--brisk] [--omit 0,3] --trace`: one of them, line by line, without some of its faults.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type Play, play } from './play.ts';
import { addUp, describe, emptyTally, neverMade, type Tally } from './tally.ts';
import type { Word } from './worker.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    brisk: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    keepGoing: { type: 'boolean', default: false },
    omit: { type: 'string' },
  },
});
const [first, count, jobs] = [values.seed, values.trace ? '1' : values.seeds, values.jobs].map(Number);
if (
  ![first, count, jobs].every((each) => Number.isSafeInteger(each)) ||
  !count ||
  !jobs ||
  jobs < 1 ||
  count < 1
) {
  process.stderr.write('--seed, --seeds and --jobs take whole numbers\n');
  process.exit(2);
}
/** Between two lines of progress, milliseconds. */
const progressMs = 30_000;

const tally = emptyTally();
let failures = 0;
let saidAt = performance.now();

function broke(said: string): void {
  failures++;
  process.stdout.write(`${said}\n`);
}

function progress(since: Tally): void {
  addUp(tally, since);
  if (performance.now() - saidAt < progressMs) return;
  saidAt = performance.now();
  process.stderr.write(`${tally.worlds} worlds, ${failures} broke\n`);
}

/** Resolves when the share is played. */
function playInThread(share: Play, stop: AbortController): Promise<void> {
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: share });
  stop.signal.addEventListener('abort', () => void worker.terminate());
  return new Promise((resolve, reject) => {
    worker.on('message', (word: Word) => {
      if ('since' in word) progress(word.since);
      else {
        broke(word.broke);
        if (!share.keepGoing) stop.abort();
      }
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

const whole: Play = {
  pace: values.brisk ? 'brisk' : 'slow',
  first: first ?? 1,
  step: jobs,
  end: (first ?? 1) + count,
  keepGoing: values.keepGoing,
  omit: values.omit?.split(',').map(Number),
};
if (jobs === 1) {
  play(whole, broke, progress, values.trace ? (line) => process.stdout.write(`${line}\n`) : undefined);
} else {
  const stop = new AbortController();
  const shares = Array.from({ length: jobs }, (_, index) => ({ ...whole, first: whole.first + index }));
  await Promise.all(shares.map((share) => playInThread(share, stop)));
}
// Brisk worlds have no kernel that answers late, without which some changes are not made.
const missing = values.brisk ? [] : neverMade(tally);
process.stdout.write(`${describe(tally)}\n${failures} broke\n`);
if (missing.length > 0) process.stdout.write(`never made, and they must be: ${missing.join(', ')}\n`);
process.exitCode = failures === 0 && missing.length === 0 ? 0 : 1;
