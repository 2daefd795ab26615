/** Runs `understudy lab` as a user does, in a process of its own. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LabResult } from '../../src/lab/result.ts';
import { fakeClockLibrary } from '../../src/lab/wall-clock.ts';

const { CI: ci } = process.env;
const cli = join(import.meta.dirname, '../../src/cli/main.ts');
/** The longest a lab of one trial may take, milliseconds. */
const trialTimeoutMs = 120_000;

export interface LabRun {
  readonly result: LabResult | undefined;
  readonly exitCode: number | null;
  readonly stderr: string;
}

/** A heartbeat that a test machine with other things to do can hold; bench/ measures with the fast one. */
export const calm: readonly string[] = ['--interval', '10'];

export function labCommand(scenario: string): readonly string[] {
  return [process.execPath, cli, 'lab', scenario, '--json'];
}

/** What a machine of a usual distribution has: a TUN device that everybody may open. In a mount namespace of its own. */
const usualTun = 'mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200';
const nobody = 65_534;
/** As an ordinary user; from root, as `nobody`. */
const asUser: readonly string[] =
  process.getuid?.() !== 0
    ? []
    : [
        ...['unshare', '-m', 'sh', '-c', `${usualTun} && exec "$@"`, 'sh'],
        ...['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'],
      ];

/** `trials`: so many times the patience of one. */
export async function runLab(
  scenario: string,
  options: readonly string[],
  { rootless = false, trials = 1 }: { readonly rootless?: boolean; readonly trials?: number } = {},
): Promise<LabRun> {
  const timeoutMs = trials * trialTimeoutMs;
  const [command = '', ...args] = [...(rootless ? asUser : []), ...labCommand(scenario), ...options];
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

/** The result, or a failure that shows what the lab said. */
export function resultOf(run: LabRun): LabResult {
  assert.ok(run.result, `the lab printed no result:\n${run.stderr}`);
  const { result } = run;
  const why = [result.failure, ...result.trials.flatMap((trial) => trial.why)].join('\n');
  assert.ok(result.ok, `${why}\n${run.stderr}`);
  assert.equal(run.exitCode, 0);
  return result;
}

/** What a host's table had for the service address, before and after. */
export function entriesOf(
  result: LabResult,
  { before, after }: LabResult['trials'][number]['hosts'][string],
): readonly [before: string | null | undefined, after: string | null | undefined] {
  const mac = (table: typeof after): string | null | undefined =>
    table.find((entry) => entry.address === result.plan.service4)?.mac;
  return [mac(before), mac(after)];
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

/** Skips the test when daemons cannot be given wall clocks of their own; in CI that is a failure. */
export function falseClocksMissing(context: TestContext): boolean {
  if (fakeClockLibrary() !== undefined) return false;
  const remedy = 'libfaketime is missing; apt install libfaketime';
  if (ci !== undefined) throw new Error(remedy);
  context.skip(remedy);
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
