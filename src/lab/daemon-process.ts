/** A daemon under test as a process of its own group in a member's namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';

export interface DaemonProcess {
  /** `ip netns exec` replaces itself by the command: this is the daemon's own id and its group's. */
  readonly pid: number;
  readonly ended: () => boolean;
}

/** Output goes to the open file `logFd`, which is closed here. Throws when the process cannot be made. */
export function spawnDaemon(namespace: string, command: readonly string[], logFd: number): DaemonProcess {
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace, ...command], {
    stdio: ['ignore', logFd, logFd],
    detached: true,
  });
  closeSync(logFd);
  // A missing `ip` shows as an ended process.
  child.on('error', () => undefined);
  return { pid: child.pid ?? 0, ended: () => child.exitCode !== null || child.signalCode !== null };
}
