/** Runs `understudy lab` as a user does, in a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LabResult } from '../../src/lab/result.ts';

const { CI: ci } = process.env;
const cli = join(import.meta.dirname, '../../src/cli/main.ts');
/** The longest any of these runs may take, milliseconds. */
const timeoutMs = 60_000;

export interface LabRun {
  readonly result: LabResult | undefined;
  readonly exitCode: number | null;
  readonly stderr: string;
}

export const fig1aCommand: readonly string[] = [process.execPath, cli, 'lab', 'fig1a', '--json'];

/** `user`: a user id to run as (needs root), for a rootless lab. */
export async function runFig1a(options: readonly string[], user?: number): Promise<LabRun> {
  const [command = '', ...args] =
    user === undefined
      ? [...fig1aCommand, ...options]
      : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...fig1aCommand, ...options];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { result: stdout === '' ? undefined : (JSON.parse(stdout) as LabResult), exitCode, stderr };
}

/** Skips the test, with the remedy, where the kernel forbids namespaces; in CI that is a failure. */
export function namespacesMissing(context: TestContext): boolean {
  const flags = process.getuid?.() === 0 ? ['-nm'] : ['-Urnm'];
  if (spawnSync('unshare', [...flags, 'true']).status === 0) return false;
  if (ci !== undefined) throw new Error('namespaces are not permitted here');
  context.skip(
    'namespaces are not permitted; remedy: sysctl kernel.unprivileged_userns_clone=1, or run as root',
  );
  return true;
}

/** Skips the test when a program is missing; in CI that is a failure. */
export function programMissing(context: TestContext, program: string, packageName: string): boolean {
  if (spawnSync('which', [program]).status === 0) return false;
  const remedy = `apt install ${packageName}`;
  if (ci !== undefined) throw new Error(`${program} is missing; ${remedy}`);
  context.skip(`${program} is missing; remedy: ${remedy}`);
  return true;
}
