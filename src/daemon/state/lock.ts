/**
 * One daemon per state directory. The lock is the kernel's and ends with the process, so that nothing stale is left, and
 * a disk that takes no more writes does not keep a machine from serving. The file `lock` only names the process.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../../api/errors.ts';
import { OperationError } from '../../linux/errors.ts';
import { lockDirectory } from '../../linux/file-lock.ts';
import { StateError, systemReason, systemWords } from '../errors.ts';

export interface StateLock {
  /** Whether an earlier daemon left its name or its mark: this directory has been used before. */
  readonly lived: boolean;
  /** Gives the directory up. */
  release(): void;
}

/** Stays when the lock is released: the directory has been used by a daemon. */
const mark = 'used';

/** A disk that is out of order: time changes that, not an operator's hand on this machine's configuration. */
const diskTrouble: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/**
 * In a directory that has been used before, a disk that takes no writes is passed over: terms that cannot be reserved are
 * told elsewhere. In one that never was, it is a mistake to be told at once.
 * @throws CodedError alreadyRunning (names the process), StateError
 */
export function lockState(directory: string): StateLock {
  const path = join(directory, 'lock');
  const unlock = lockKernel(directory, path);
  const lived = existsSync(path) || existsSync(join(directory, mark));
  try {
    writeFileSync(path, identityOf(process.pid), { mode: 0o600 });
    writeFileSync(join(directory, mark), '', { mode: 0o600 });
  } catch (error) {
    if (!lived || !diskTrouble.has(systemReason(error))) {
      unlock();
      throw unusable(directory, error);
    }
  }
  return { lived, release: () => release(path, unlock) };
}

/** The id of the living process that has the directory; undefined: none has, as far as can be seen. */
export function ownerOf(directory: string): number | undefined {
  return holderOf(join(directory, 'lock'));
}

function lockKernel(directory: string, path: string): () => void {
  let unlock: (() => void) | undefined;
  try {
    unlock = lockDirectory(directory);
  } catch (error) {
    throw error instanceof OperationError
      ? new StateError(error.message.replace(`; ${error.remedy}`, ''), error.remedy)
      : unusable(directory, error);
  }
  if (unlock !== undefined) return unlock;
  const pid = holderOf(path);
  if (pid === undefined)
    throw new CodedError('alreadyRunning', `another process has ${path}`, `fuser ${directory} names it`);
  throw new CodedError('alreadyRunning', `process ${pid} has ${path}`, `stop it first: kill ${pid}`);
}

/** Undefined where the disk did not take the name of the process that has the lock now. */
function holderOf(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    const pid = Number(text.split(' ')[0]);
    return text !== '' && identityOf(pid) === text ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * "<pid> <start time in clock ticks> <boot id>", or empty when there is no such process: a reused id must not be named to
 * somebody who is about to kill it.
 */
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

function release(path: string, unlock: () => void): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Left behind, it names a process that is gone, and nobody believes it.
  } finally {
    unlock();
  }
}

function unusable(directory: string, error: unknown): StateError {
  return new StateError(
    `the state directory ${directory} cannot be locked (${systemWords(error)})`,
    'check its disk, owner and mode, or name another in stateDir',
  );
}
