/** Runs tests of one file in a tree, in a process group of its own that ends with us or at the limit. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { NamedTest } from './mutation.ts';
import type { Outcome } from './reporter.ts';

export interface TestRun {
  readonly outcomes: readonly Outcome[];
  /** The last words on standard error. */
  readonly complaint: string;
  readonly seconds: number;
}

/** No test file takes so long, seconds. */
const limitSeconds = 180;
/** Kept of what a run says on standard error, characters. */
const complaintMax = 2000;

const running = new Set<number>();

/** Ends every run at once. */
export function endRuns(): void {
  for (const pid of running) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

/** `tree`: a copy of the project. Without a pattern, the whole file. */
export async function runTest(tree: string, { file, pattern }: Partial<NamedTest>): Promise<TestRun> {
  const began = performance.now();
  const reporter = join(import.meta.dirname, 'reporter.ts');
  const names = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`];
  const node = [process.execPath, `--test-reporter=${reporter}`, ...names, file ?? ''];
  // Should this process be killed, the file's process is, too, and what it enclosed goes with it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...node], {
    cwd: tree,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  let said = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-complaintMax);
  });
  const limit = setTimeout(() => pid !== undefined && process.kill(-pid, 'SIGKILL'), limitSeconds * 1000);
  await new Promise<void>((resolve) => {
    child.on('error', (error) => {
      complaint += error.message;
      resolve();
    });
    child.on('close', () => resolve());
  });
  clearTimeout(limit);
  if (pid !== undefined) running.delete(pid);
  const outcomes = said
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Outcome] : []));
  return { outcomes, complaint: complaint.trim(), seconds: (performance.now() - began) / 1000 };
}
