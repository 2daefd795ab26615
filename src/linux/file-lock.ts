/**
 * A lock on a file or directory that ends with the process, however that ends (flock(2)). It writes nothing, so that a
 * disk that is full or read-only does not refuse it.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { EAGAIN } from './errno.ts';
import { OperationError } from './errors.ts';
import { lastErrno, native } from './ffi.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

const flock = native<[fd: number, operation: number]>('int flock(int, int)');

/**
 * Locks the directory; returns what lets go of it, or undefined while another process (or an earlier call) has it.
 * Throws what `open` throws, or OperationError where the file system has no such locks.
 */
export function lockDirectory(path: string): (() => void) | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return () => closeSync(fd);
  const errno = lastErrno();
  closeSync(fd);
  if (errno === EAGAIN) return undefined;
  const remedy = 'name a directory on a local file system';
  throw new OperationError({ operation: 'lock directory', subject: path, errno, remedy });
}
