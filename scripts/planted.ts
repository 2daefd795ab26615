/**
 * Whether the simulator would find a bug: each of scripts/mutations/planted.ts is planted in a copy of the working tree, and
 * simulated worlds must break there. Exit 1 when one survives, or a patch does not apply.
 *
 *   npm run planted                           all, two at a time, up to 10,000 worlds each, half of them brisk
 *   npm run planted -- --only promise         those whose name has this text
 *   npm run planted -- --seeds 300 --jobs 1
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Planted } from './mutations/planted.ts';
import { planted } from './mutations/planted.ts';
import { applyPatches, copyTree, copyWorkingTree } from './mutations/tree.ts';

interface Row {
  readonly name: string;
  readonly found: boolean;
  /** The first world that broke, and how; or why nothing can be said. */
  readonly why: string;
  readonly seconds: number;
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seeds: { type: 'string', default: '10000' },
    jobs: { type: 'string', default: '2' },
  },
});
const root = join(import.meta.dirname, '..');
/** Characters of a reason in the table. */
const reasonMax = 120;
const exitInterrupted = 130;

/** Plays slow worlds in a tree, then brisk ones, until one breaks; resolves to what was said of it, or undefined. */
async function simulate(tree: string): Promise<string | undefined> {
  const half = String(Math.ceil(Number(options.seeds) / 2));
  return (await playWorlds(tree, '--seeds', half)) ?? (await playWorlds(tree, '--seeds', half, '--brisk'));
}

function playWorlds(tree: string, ...how: readonly string[]): Promise<string | undefined> {
  const simulator = [process.execPath, join(tree, 'src/sim/main.ts'), ...how];
  // Should this process be killed, the simulator is, too.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...simulator], {
    cwd: tree,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const violation = said.split('\n').find((line) => line.startsWith('seed '));
      if (code !== 0 && violation === undefined)
        reject(new Error(`the simulator ended with ${code}: ${said}`));
      else resolve(violation);
    });
  });
}

async function plant({ name, patches }: Planted, unmutated: string, tree: string): Promise<Row> {
  const began = performance.now();
  const row = (found: boolean, why: string): Row => ({
    name,
    found,
    why,
    seconds: (performance.now() - began) / 1000,
  });
  try {
    copyTree(unmutated, tree);
    applyPatches(tree, patches);
    const violation = await simulate(tree);
    return row(violation !== undefined, violation ?? `no world of ${options.seeds} broke`);
  } catch (error) {
    return row(false, error instanceof Error ? error.message : String(error));
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function line({ name, found, why, seconds }: Row): string {
  const verdict = (found ? 'found' : 'SURVIVED').padEnd(8);
  return `${verdict} ${seconds.toFixed(1).padStart(6)} s  ${name}\n${''.padEnd(19)}${found ? why.slice(0, reasonMax) : why}`;
}

async function main(directory: string): Promise<boolean> {
  const tried = planted.filter(({ name }) => name.includes(options.only));
  const unmutated = join(directory, 'unmutated');
  copyWorkingTree(root, unmutated);
  const waiting = tried.entries();
  let found = 0;
  const worker = async (): Promise<void> => {
    for (const [index, bug] of waiting) {
      const row = await plant(bug, unmutated, join(directory, String(index)));
      if (row.found) found++;
      process.stdout.write(`${line(row)}\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(options.jobs)) }, worker));
  process.stdout.write(`\n${found} of ${tried.length} planted bugs found\n`);
  return tried.length > 0 && found === tried.length;
}

const directory = mkdtempSync(join(tmpdir(), 'understudy-planted-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.exit(exitInterrupted));
process.exitCode = (await main(directory)) ? 0 : 1;
