/** A daemon under test as a process of its own group in a member's namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';

export interface DaemonProcess {
  /** `ip netns exec` and `setpriv` replace themselves by the command: this is the daemon's own id and its group's. */
  readonly pid: number;
  readonly ended: () => boolean;
  /** Ends the group at once. */
  readonly kill: () => void;
}

/**
 * It ends with this process, however that ends. Output goes to the open file `logFd`, which is closed here. `environment`
 * is added to ours. Throws when the process cannot be made.
 */
export function spawnDaemon(
  namespace: string,
  command: readonly string[],
  logFd: number,
  environment: Readonly<Record<string, string>> = {},
): DaemonProcess {
  const mortal = ['setpriv', '--pdeathsig', 'KILL', ...command];
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace, ...mortal], {
    stdio: ['ignore', logFd, logFd],
    detached: true,
    env: { ...process.env, ...environment },
  });
  closeSync(logFd);
  // A missing `ip` shows as an ended process.
  child.on('error', () => undefined);
  const { pid = 0 } = child;
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const kill = (): void => {
    if (pid !== 0 && !ended()) process.kill(-pid, 'SIGKILL');
  };
  return { pid, ended, kill };
}
