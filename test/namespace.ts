/**
 * Network tests run in namespaces of their own, never on the machine's network. A test file begins with
 * `inNamespace(import.meta.filename)`: outside, that runs the file once more inside a new network and mount
 * namespace (as root, or as an ordinary user in a user namespace) with an empty /run, and ends this process with the
 * result. Everything made inside ends with the process, also after a failure.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { lastErrno, native } from '../src/linux/ffi.ts';

const inside = 'UNDERSTUDY_TEST_NAMESPACE';
const prepare = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec setpriv --pdeathsig KILL "$@"';
const cloneNewNet = 0x4000_0000;
const setns = native<[fd: number, kind: number]>('int setns(int, int)');

/** Returns inside a private namespace only. Where none can be made the file counts as one skipped test. */
export function inNamespace(file: string): void {
  if (process.env[inside] === 'yes') return;
  const refusal = obstacle();
  const [command, args] =
    refusal === undefined
      ? [
          'unshare',
          [
            ...flags(),
            'sh',
            '-c',
            prepare,
            'sh',
            process.execPath,
            ...process.execArgv,
            file,
            ...process.argv.slice(2),
          ],
        ]
      : [process.execPath, [...process.execArgv, import.meta.filename]];
  const environment = { ...process.env, [inside]: refusal === undefined ? 'yes' : refusal };
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: environment });
  process.exit(status ?? 1);
}

/** `ip` with these words: `ip('link add a type veth peer name b')`. Throws with its output when it fails. */
export function ip(words: string): string {
  return execFileSync('ip', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Two ends of a cable, up: `near` here, `far` in the new network namespace `peer` (also its name for `ip netns exec`).
 */
export function cable(near: string, far: string, peer: string): void {
  ip(`netns add ${peer}`);
  ip(`link add ${near} type veth peer name ${far} netns ${peer}`);
  ip(`link set ${near} up`);
  ip(`-n ${peer} link set lo up`);
  ip(`-n ${peer} link set ${far} up`);
}

/** Runs `work` with this thread in the network namespace `peer`; what it opens stays there. Synchronous work only. */
export function inPeer<Result>(peer: string, work: () => Result): Result {
  const here = openSync('/proc/thread-self/ns/net', 'r');
  try {
    enter(`/run/netns/${peer}`);
    return work();
  } finally {
    if (setns(here, cloneNewNet) !== 0) process.abort();
    closeSync(here);
  }
}

function enter(path: string): void {
  const fd = openSync(path, 'r');
  const result = setns(fd, cloneNewNet);
  const errno = lastErrno();
  closeSync(fd);
  if (result !== 0) throw new Error(`setns ${path}: errno ${errno}`);
}

function flags(): readonly string[] {
  return process.getuid?.() === 0 ? ['-nm'] : ['-Urnm'];
}

/** Why no namespace can be made here; undefined when one can. A missing package is a failure where CI is set. */
function obstacle(): string | undefined {
  for (const [tool, name] of [
    ['unshare', 'util-linux'],
    ['setpriv', 'util-linux'],
    ['ip', 'iproute2'],
  ] as const) {
    if (spawnSync(tool, ['-V']).error !== undefined)
      return `package: ${tool} is missing; remedy: apt install ${name}`;
  }
  const attempt = spawnSync('unshare', [...flags(), 'true'], { encoding: 'utf8' });
  if (attempt.status === 0) return undefined;
  return `kernel: ${attempt.stderr.trim()}; remedy: run as root or allow user namespaces`;
}

if (import.meta.main) {
  test('a private namespace', (context) => {
    const { CI, [inside]: reason = '' } = process.env;
    if (CI !== undefined && reason.startsWith('package:')) throw new Error(reason);
    context.skip(reason);
  });
}
