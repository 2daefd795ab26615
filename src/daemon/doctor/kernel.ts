/**
 * What the kernel offers, tried out in a network namespace that is made for it and ends with it: nothing of the
 * machine's own network or firewall is touched. A process of its own, because only one with a single thread may make a
 * user namespace.
 */
import { execFile } from 'node:child_process';
import type { Finding } from '../../api/finding.ts';
import { reduced } from './finding.ts';

/** Longer than everything in there may take, milliseconds. */
const timeoutMs = 30_000;

/** `mirrors`: the configuration asks for a relay. */
export async function examineKernel(mirrors: boolean): Promise<Finding[]> {
  const entry = import.meta.url.endsWith('.ts') ? './enclosed/main.ts' : './enclosed/main.js';
  const script = new URL(entry, import.meta.url).pathname;
  const root = process.getuid?.() === 0;
  const ways = [...(root ? [['--net']] : []), ['--user', '--map-root-user', '--net']];
  let why = '';
  for (const way of ways) {
    const { output, failure } = await enclosed(way, [script, ...(mirrors ? ['mirrors'] : [])]);
    if (failure === undefined) return JSON.parse(output) as Finding[];
    why = failure;
  }
  return [
    reduced(
      'kernel',
      `no namespace to try it in: ${why}`,
      'a daemon says at its start what it misses',
      'install util-linux, and run as root or allow user namespaces',
    ),
  ];
}

function enclosed(
  way: readonly string[],
  script: readonly string[],
): Promise<{ readonly output: string; readonly failure?: string }> {
  const words = [...way, process.execPath, ...process.execArgv, ...script];
  return new Promise((resolve) => {
    execFile('unshare', words, { timeout: timeoutMs }, (error, output, complaint) => {
      if (error === null) return resolve({ output });
      const failure = complaint.trim().split('\n').at(-1) || error.message;
      resolve({ output, failure });
    });
  });
}
