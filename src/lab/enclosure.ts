/**
 * Runs a script in network, mount and process namespaces of its own (and, without root, a user namespace around
 * them). The process outside only starts the one inside and waits. When the lab ends, in whatever way, the kernel ends
 * every process in it and with them the last reference to every network namespace. Nothing outside is ever touched.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { setFifo, setOther } from '../linux/sched.ts';

/** Exit codes: of an interruption, as a shell gives it; of a machine that has not what is needed (sysexits.h). */
const interrupted = 130;
const unavailable = 69;
/** Descriptor of the lifeline inside: it ends when the process outside does. */
const lifelineFd = 3;

const remedy = [
  'The lab needs util-linux and iproute2 (apt install util-linux iproute2) and, without root, user namespaces',
  '(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0).',
].join('\n');

/** Runs `script` enclosed, with `argument` for `enter`; resolves to its exit code, or 69 with the remedy printed. */
export async function runEnclosed(script: string, argument: object): Promise<number> {
  const rootless = process.getuid?.() !== 0;
  const child = spawn(
    'unshare',
    [
      ...(rootless ? ['--user', '--map-root-user'] : []),
      ...['--net', '--mount', '--pid', '--fork', '--kill-child', '--'],
      ...[process.execPath, ...process.execArgv, script, JSON.stringify({ rootless, argument })],
    ],
    { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] },
  );
  const leave = (): void => {
    child.stdio[lifelineFd]?.destroy();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, leave);
  try {
    return await new Promise<number>((resolve) => {
      child.on('error', (error) => resolve(complain(error.message)));
      child.on('exit', (code, signal) => resolve(code ?? complain(`ended by ${signal}`)));
    });
  } finally {
    for (const signal of signals) process.off(signal, leave);
    leave();
  }
}

function complain(why: string): number {
  process.stderr.write(`cannot make namespaces (unshare): ${why}\n${remedy}\n`);
  return unavailable;
}

/** What the process inside learns on entering. */
export interface Enclosure<Argument> {
  readonly argument: Argument;
  readonly rootless: boolean;
  /** SCHED_FIFO is permitted. */
  readonly fifo: boolean;
  /** This process's id as the machine outside sees it. */
  readonly outsidePid: string;
}

/**
 * To be called first by the script inside: gives it a /run of its own (namespace names, sockets, state) and a /proc
 * that shows its processes, and ends it with the process outside. Throws, with the remedy, when a tool is missing.
 */
export function enter<Argument>(): Enclosure<Argument> {
  const { argument, rootless } = JSON.parse(process.argv[2] ?? '{}') as {
    readonly argument: Argument;
    readonly rootless: boolean;
  };
  endWithOutside();
  const outsidePid = readlinkSync('/proc/self');
  for (const tool of ['ip', 'mount']) {
    if (spawnSync(tool, ['-V']).error === undefined) continue;
    throw new Error(`${tool} is missing; apt install iproute2 util-linux`);
  }
  execFileSync('mount', ['-t', 'tmpfs', 'understudy-lab', '/run']);
  // Killed processes leave their shared memory here (libfaketime's do); where it is missing, nothing can be left.
  spawnSync('mount', ['-t', 'tmpfs', 'understudy-lab', '/dev/shm']);
  // Some containers forbid a new /proc. The old one serves too; it only shows other process ids.
  spawnSync('mount', ['-t', 'proc', 'proc', '/proc']);
  return { argument, rootless, fifo: fifoPermitted(), outsidePid };
}

function endWithOutside(): void {
  const end = (): void => process.exit(interrupted);
  // The first process of a namespace gets no default actions: without these it could not be interrupted.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
  const lifeline = new Socket({ fd: lifelineFd, readable: true, writable: false });
  lifeline.on('error', end).on('close', end);
  lifeline.resume().unref();
}

function fifoPermitted(): boolean {
  if (setFifo(1) !== null) return false;
  setOther();
  return true;
}
