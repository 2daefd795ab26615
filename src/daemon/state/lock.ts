/**
 * One daemon per state directory: a file that names the process which has it, made by link(2) so that only one can win.
 * A dead owner's lock is taken over, never two at once: whoever takes over first links a claim named after the lock
 * it saw, then looks again. A process is known by its id and its start time, so that a reused id is not mistaken for it.
 */
import { createHash } from 'node:crypto';
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../../api/errors.ts';
import { StateError, systemReason, systemWords } from '../errors.ts';

export interface StateLock {
  /** Whether an earlier daemon left its lock or its mark: this directory has been used before. */
  readonly lived: boolean;
  /** Gives the directory up. */
  release(): void;
}

/** Stays when the lock is released: the directory has been used by a daemon. */
const mark = 'used';

/** @throws CodedError alreadyRunning (names the process), StateError */
export function lockState(directory: string): StateLock {
  const path = join(directory, 'lock');
  const own = join(directory, `lock.${process.pid}`);
  const identity = identityOf(process.pid);
  try {
    const lived = existsSync(path) || existsSync(join(directory, mark));
    writeFileSync(own, identity, { mode: 0o600 });
    take(path, own, identity);
    writeFileSync(join(directory, mark), '', { mode: 0o600 });
    return { lived, release: () => release(path, identity) };
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new StateError(
      `the state directory ${directory} cannot be locked (${systemWords(error)})`,
      'check its disk, owner and mode, or name another in stateDir',
    );
  } finally {
    rmSync(own, { force: true });
  }
}

/** The id of the living process that has the directory; undefined: none has, as far as can be seen. */
export function ownerOf(directory: string): number | undefined {
  try {
    const holder = readHolder(join(directory, 'lock'));
    return isAlive(holder) ? Number(holder.split(' ')[0]) : undefined;
  } catch {
    return undefined;
  }
}

function take(path: string, own: string, identity: string): void {
  if (linked(own, path)) return;
  const holder = readHolder(path);
  if (isAlive(holder)) throw held(path, holder);
  const claim = `${path}.claim-${createHash('sha256').update(holder).digest('hex').slice(0, 8)}`;
  if (!linked(own, claim)) throw held(claim, readHolder(claim));
  try {
    if (readHolder(path) !== holder) throw held(path, readHolder(path));
    // A rename onto a hard link of the same file does nothing, so the new lock is a file of its own.
    const fresh = `${own}.fresh`;
    writeFileSync(fresh, identity, { mode: 0o600 });
    renameSync(fresh, path);
  } finally {
    rmSync(claim, { force: true });
  }
}

function held(path: string, holder: string): CodedError {
  const pid = holder.split(' ')[0] ?? '';
  return isAlive(holder)
    ? new CodedError('alreadyRunning', `process ${pid} has ${path}`, `stop it first: kill ${pid}`)
    : new CodedError(
        'alreadyRunning',
        `another start is taking over ${path}`,
        `try again; else remove ${path}`,
      );
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (systemReason(error) === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemReason(error) === 'ENOENT') return '';
    throw error;
  }
}

function isAlive(holder: string): boolean {
  const pid = Number(holder.split(' ')[0]);
  return Number.isInteger(pid) && pid > 0 && identityOf(pid) === holder;
}

/** "<pid> <start time in clock ticks> <boot id>", or empty when there is no such process. */
function identityOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in parentheses and may hold anything; the start time is the 20th field after it.
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${pid} ${startTicks} ${boot}\n`;
  } catch {
    return '';
  }
}

function release(path: string, identity: string): void {
  if (readHolder(path) === identity) rmSync(path, { force: true });
}
