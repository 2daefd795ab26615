/**
 * Whether the tests of the claims (test/claims) would notice a step that is left out: each mutation of
 * scripts/mutations/list.ts is applied to a copy of the working tree, and the claim's test must fail there. Not in its
 * set-up: by what it says of the claim. Exit 1 when a mutation survives, a patch does not apply, a test fails without any
 * mutation, or a claim has none.
 *
 *   npm run mutate                            all, two at a time
 *   npm run mutate -- --only 'claim 12:'      those whose line in the table has this text
 *   npm run mutate -- --jobs 1
 *   npm run mutate -- --tested                where `npm test` has just passed: not without any mutation once more
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutations } from './mutations/list.ts';
import type { Mutation } from './mutations/mutation.ts';
import { endRuns, runTest, type TestRun } from './mutations/run-test.ts';
import { applyPatches, copyTree, copyWorkingTree } from './mutations/tree.ts';

type Verdict = 'caught' | 'SURVIVED' | 'NOT TRIED';

interface Row {
  readonly claim: number;
  readonly name: string;
  readonly verdict: Verdict;
  /** How the test failed, or why nothing can be said. */
  readonly why: string;
  readonly seconds: number;
}

const root = join(import.meta.dirname, '..');
/** What stage.ts says first when a test did not come to its stimulus. */
const setUp = 'set-up:';
const exitInterrupted = 130;
/** Characters of a reason in the table. */
const reasonMax = 110;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
    tested: { type: 'boolean', default: false },
  },
});

/** What the test of a mutation came to. */
function judge(mutation: Mutation, { outcomes, complaint, seconds }: TestRun): Row {
  const { claim, name } = mutation;
  const row = (verdict: Verdict, why: string): Row => ({ claim, name, verdict, why, seconds });
  const [outcome] = outcomes;
  if (outcome === undefined) return row('NOT TRIED', `no test ran: ${complaint}`);
  if (outcome.skipped) return row('NOT TRIED', 'the test was skipped');
  if (outcome.passed) return row('SURVIVED', 'the test passed');
  return row(outcome.why.startsWith(setUp) ? 'NOT TRIED' : 'caught', outcome.why);
}

async function tryMutation(mutation: Mutation, unmutated: string, tree: string): Promise<Row> {
  try {
    copyTree(unmutated, tree);
    applyPatches(tree, mutation.patches);
    return judge(mutation, await runTest(tree, mutation.test));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ...mutation, verdict: 'NOT TRIED', why, seconds: 0 };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** Every test of the files without a mutation; returns what is wrong with them. */
async function tryUnmutated(tree: string, files: readonly string[]): Promise<string[]> {
  const troubles: string[] = [];
  await inTurn(files, async (file) => {
    const { outcomes, complaint, seconds } = await runTest(tree, { file });
    process.stdout.write(`unmutated  ${seconds.toFixed(1).padStart(6)} s  ${file}\n`);
    if (outcomes.length === 0) troubles.push(`${file}: no test ran: ${complaint}`);
    for (const { name, passed, skipped, why } of outcomes) {
      if (!passed || skipped)
        troubles.push(`${name}: ${skipped ? 'skipped' : `fails without a mutation: ${why}`}`);
    }
  });
  return troubles;
}

/** The claims whose tests are in the files, and that no mutation is tried for. */
function unmutatedClaims(tree: string, files: readonly string[], tried: readonly Mutation[]): string[] {
  const text = files.map((file) => readFileSync(join(tree, file), 'utf8')).join('\n');
  const claims = [...text.matchAll(/'claim (\d+):/g)].map(([, number]) => Number(number));
  return claims
    .filter((claim) => !tried.some((mutation) => mutation.claim === claim))
    .map((claim) => `claim ${claim} has no mutation`);
}

/** `jobs` at a time, in order. */
async function inTurn<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(options.jobs)) }, worker));
}

function line({ claim, name, verdict, seconds }: Row): string {
  return `claim ${String(claim).padEnd(3)} ${verdict.padEnd(9)} ${seconds.toFixed(1).padStart(6)} s  ${name}`;
}

/** In the order of the claims, each with how the test failed: shortened where that is as it must be. */
function table(rows: readonly Row[]): string {
  const lines = rows
    .toSorted((one, other) => one.claim - other.claim)
    .flatMap((row) => {
      const [reason = ''] = row.why.split('\n');
      return [
        line(row),
        `${''.padEnd(14)}${row.verdict === 'caught' ? reason.slice(0, reasonMax) : row.why}`,
      ];
    });
  return lines.join('\n');
}

async function main(directory: string): Promise<boolean> {
  const began = performance.now();
  const tried = mutations.filter(({ claim, name }) => `claim ${claim}: ${name}`.includes(options.only));
  const unmutated = join(directory, 'unmutated');
  copyWorkingTree(root, unmutated);
  const files = [...new Set(tried.map(({ test }) => test.file))];
  const troubles = options.tested ? [] : await tryUnmutated(unmutated, files);
  if (options.only === '') troubles.push(...unmutatedClaims(unmutated, files, tried));
  const rows: Row[] = [];
  await inTurn(tried, async (mutation) => {
    const row = await tryMutation(mutation, unmutated, join(directory, String(mutations.indexOf(mutation))));
    rows.push(row);
    process.stdout.write(`${line(row)}\n`);
  });
  const caught = rows.filter(({ verdict }) => verdict === 'caught').length;
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(`\n${table(rows)}\n\n${caught} of ${rows.length} mutations caught, in ${seconds} s\n`);
  for (const trouble of troubles) process.stdout.write(`${trouble}\n`);
  return rows.length > 0 && caught === rows.length && troubles.length === 0;
}

const directory = mkdtempSync(join(tmpdir(), 'understudy-mutate-'));
process.on('exit', () => {
  endRuns();
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.exit(exitInterrupted));
process.exitCode = (await main(directory)) ? 0 : 1;
