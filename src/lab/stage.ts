/** The process inside: first of its process namespace, so that its end is the end of everything in the lab. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { setFifo, setOther } from '../linux/sched.ts';
import type { LabOptions } from './arguments.ts';
import { formatResult } from './report.ts';
import { loadScenario } from './scenario/registry.ts';

/** Exit code after an interruption, as a shell would give it. */
const interrupted = 130;
const lifelineFd = 3;

const { options, rootless } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly options: LabOptions;
  readonly rootless: boolean;
};
const started = performance.now();

function progress(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(2).padStart(6);
  process.stderr.write(`${seconds} s  ${line}\n`);
}

/** A /run of our own (namespace names, sockets, state) and a /proc that shows our processes. Returns our id outside. */
function furnish(): string {
  const outside = readlinkSync('/proc/self');
  for (const tool of ['ip', 'mount']) {
    if (spawnSync(tool, ['-V']).error === undefined) continue;
    throw new Error(`${tool} is missing; apt install iproute2 util-linux`);
  }
  execFileSync('mount', ['-t', 'tmpfs', 'understudy-lab', '/run']);
  // Some containers forbid a new /proc. The old one serves too; it only shows other process ids.
  spawnSync('mount', ['-t', 'proc', 'proc', '/proc']);
  return outside;
}

function fifoPermitted(): boolean {
  if (setFifo(1) !== null) return false;
  setOther();
  return true;
}

/** `--keep`: a shell inside when there is a terminal, else directions until the lab is interrupted. */
async function stay(outside: string): Promise<void> {
  const enter = `nsenter ${rootless ? '-U --preserve-credentials ' : ''}-n -m -p -t ${outside}`;
  process.stderr.write(
    [
      '',
      'The lab stays. Machines: ip netns list; a look inside one: ip netns exec host-a ip neigh',
      `Sockets, configuration and logs of the daemons: /run/understudy. From another terminal: ${enter}`,
      process.stdin.isTTY ? 'This is a shell inside; leave it (exit) to end the lab.\n' : 'End it with ^C.\n',
    ].join('\n'),
  );
  const { SHELL: shell = 'sh' } = process.env;
  await new Promise<void>((resolve) => {
    if (!process.stdin.isTTY) return;
    spawn(shell, { stdio: 'inherit' }).on('exit', () => resolve());
  });
}

async function main(): Promise<number> {
  const outside = furnish();
  const fifo = fifoPermitted();
  if (!fifo) progress('no real-time scheduling here (needs root): the heartbeat is slower');
  const scenario = await loadScenario(options.scenario);
  const result = await scenario(options, { fifo, rootless, progress, stay: () => stay(outside) });
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : formatResult(result));
  return result.ok ? 0 : 1;
}

// The first process of a namespace gets no default actions: without these it could not be interrupted.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(interrupted));
const lifeline = new Socket({ fd: lifelineFd, readable: true, writable: false });
lifeline.on('error', () => process.exit(interrupted)).on('close', () => process.exit(interrupted));
lifeline.resume().unref();

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`understudy lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// Daemons and stations still run; the kernel ends them with us.
process.stdout.write('', () => process.exit());
