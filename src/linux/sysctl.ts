/**
 * Kernel settings under /proc/sys, of the calling thread's network namespace. A journal remembers what each was
 * before its first change, so that a clean stop leaves the machine as it was.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { EACCES, ENOENT, EPERM, EROFS } from './errno.ts';
import { OperationError } from './errors.ts';

/**
 * `net.ipv4.ip_forward`, or its words one by one where one contains a dot:
 * `['net', 'ipv4', 'conf', 'eth0.100', 'arp_ignore']`.
 */
export type SysctlPath = string | readonly string[];

/** The value without its line end. Throws OperationError. */
export function readSysctl(path: SysctlPath): string {
  return attempt('read sysctl', path, (file) => readFileSync(file, 'utf8').trimEnd());
}

/** Throws OperationError: ENOENT where this kernel or interface has no such setting. */
export function writeSysctl(path: SysctlPath, value: string | number): void {
  attempt('write sysctl', path, (file) => writeFileSync(file, `${value}\n`));
}

export class SysctlJournal {
  readonly #originals: Map<string, { readonly path: SysctlPath; readonly value: string }> = new Map();

  /** Sets it, remembering what it was before this journal first touched it. Throws OperationError. */
  set(path: SysctlPath, value: string | number): void {
    const before = readSysctl(path);
    if (before === String(value)) return;
    writeSysctl(path, value);
    const key = fileOf(path);
    if (!this.#originals.has(key)) this.#originals.set(key, { path, value: before });
  }

  /** Puts every original back, the last changed first. Goes on after a failure; returns the failures. */
  restore(): readonly OperationError[] {
    const failures: OperationError[] = [];
    for (const { path, value } of [...this.#originals.values()].reverse()) {
      try {
        writeSysctl(path, value);
      } catch (error) {
        if (!(error instanceof OperationError)) throw error;
        failures.push(error);
      }
    }
    this.#originals.clear();
    return failures;
  }
}

function fileOf(path: SysctlPath): string {
  const words = typeof path === 'string' ? path.split('.') : path;
  return `/proc/sys/${words.join('/')}`;
}

function attempt<Result>(operation: string, path: SysctlPath, work: (file: string) => Result): Result {
  try {
    return work(fileOf(path));
  } catch (error) {
    if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number')) throw error;
    const errno = -error.errno;
    const subject = typeof path === 'string' ? path : path.join('.');
    const remedy = remedies.get(errno);
    throw new OperationError({ operation, subject, errno, ...(remedy === undefined ? {} : { remedy }) });
  }
}

const remedies: ReadonlyMap<number, string> = new Map([
  [ENOENT, 'this kernel has no such setting, or the interface in its name does not exist'],
  [EACCES, 'run as root: kernel settings are files of root'],
  [EPERM, 'run as root: kernel settings are files of root'],
  [EROFS, 'mount /proc/sys writable: a container needs --privileged or its own --sysctl settings'],
]);
