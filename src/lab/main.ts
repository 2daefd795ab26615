/**
 * `understudy lab`: runs a scenario inside namespaces of its own. The process outside only starts the one inside and
 * waits. Everything inside is one process namespace: when the lab ends, in whatever way, the kernel ends every process
 * in it and with them the last reference to every network namespace. Nothing outside is ever touched.
 */
import { spawn } from 'node:child_process';
import { type LabOptions, parseLabArguments, UsageError, usage } from './arguments.ts';
import { scriptPath } from './station.ts';

const exitCodes = { ok: 0, failed: 1, usage: 2, cannot: 69 };

/** The arguments after `lab`; resolves to the exit code. Prints to standard output, progress to standard error. */
export async function runLab(argv: readonly string[]): Promise<number> {
  let options: LabOptions | undefined;
  try {
    options = parseLabArguments(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`understudy lab: ${error.message}\n\n${usage}`);
    return exitCodes.usage;
  }
  if (options === undefined) {
    process.stdout.write(usage);
    return exitCodes.ok;
  }
  return await runInside(options);
}

/** Runs stage.ts in new network, mount and process namespaces, and, without root, a user namespace around them. */
async function runInside(options: LabOptions): Promise<number> {
  const rootless = process.getuid?.() !== 0;
  const child = spawn(
    'unshare',
    [
      ...(rootless ? ['--user', '--map-root-user'] : []),
      ...['--net', '--mount', '--pid', '--fork', '--kill-child', '--'],
      ...[process.execPath, ...process.execArgv, scriptPath('stage'), JSON.stringify({ options, rootless })],
    ],
    // The fourth descriptor is a lifeline: when this process dies, it ends, and so does the lab.
    { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] },
  );
  const leave = (): void => {
    child.stdio[3]?.destroy();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, leave);
  try {
    return await new Promise<number>((resolve) => {
      child.on('error', (error) => resolve(cannot(error.message)));
      child.on('exit', (code, signal) => {
        if (code === null) resolve(cannot(`ended by ${signal}`));
        else resolve(code);
      });
    });
  } finally {
    for (const signal of signals) process.off(signal, leave);
    leave();
  }
}

function cannot(why: string): number {
  process.stderr.write(`understudy lab: cannot make namespaces (unshare): ${why}\n${remedy}\n`);
  return exitCodes.cannot;
}

const remedy = [
  'The lab needs util-linux and iproute2 (apt install util-linux iproute2) and, without root, user namespaces',
  '(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0).',
].join('\n');
