/** Healthy when a command exits with 0. It runs in a process group of its own, which is killed as a whole. */
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { systemWords } from '../errors.ts';
import type { CheckKind, CheckOutcome } from './check.ts';

/** So much of what the command says is kept, bytes; the rest is read and thrown away. */
const outputMax = 4096;

export const execCheck: CheckKind<'exec'> = (entry) => (signal) =>
  new Promise<CheckOutcome>((resolve) => {
    const [program = '', ...args] = entry.command;
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    // The daemon's threads run ahead of the machine's other work; what it runs for a check must not.
    if (child.pid !== undefined) attemptPriority(child.pid);
    let output = '';
    const keep = (bytes: Buffer): void => {
      if (output.length < outputMax) output += bytes.toString('utf8').slice(0, outputMax - output.length);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const end = (ok: boolean, detail: string): void => {
      signal.removeEventListener('abort', onAbort);
      killGroup(child.pid);
      // A descendant that left the group could hold the pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ ok, detail: lastLine(output) === '' ? detail : `${detail}: ${lastLine(output)}` });
    };
    const onAbort = (): void => end(false, `${program} did not end in time and was killed`);
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('error', (error) => end(false, `${program} cannot be run (${systemWords(error)})`));
    child.once('exit', (code, signalName) => {
      // What was written before the exit may still be in the pipes: they are drained first, but not waited for.
      setImmediate(() => end(code === 0, `${program} ended with ${code ?? signalName}`));
    });
  });

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The whole group has ended already.
  }
}

function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1)?.trim().slice(0, 200) ?? '';
}

function attemptPriority(pid: number): void {
  try {
    setPriority(pid, 0);
  } catch {
    // It ended already, or was never started: 'error' or 'exit' tells.
  }
}
