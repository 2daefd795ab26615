/** The control plane's failures: each a `CodedError` with its code and remedy filled in where they never differ. */
import { CodedError } from '../api/errors.ts';

/** A request or command that makes no sense as it stands. */
export class UsageError extends CodedError {
  override readonly name: string = 'UsageError';
  constructor(message: string, remedy: string) {
    super('usage', message, remedy);
  }
}

/** One thing wrong in a configuration file. Line and column count from 1. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What is wrong, the value, what would be right. */
  readonly message: string;
}

export function formatProblem(problem: ConfigProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** The configuration was read but says something impossible; `problems` has all of it. */
export class ConfigError extends CodedError {
  override readonly name: string = 'ConfigError';
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super('configInvalid', problems.map(formatProblem).join('\n'), 'correct the lines named above');
    this.problems = problems;
  }
}

/** The configuration file cannot be read at all. */
export class ConfigUnreadableError extends CodedError {
  override readonly name: string = 'ConfigUnreadableError';
  constructor(file: string, why: string) {
    super(
      'configUnreadable',
      `cannot read the configuration ${file}: ${why}`,
      'name a file that exists and that you may read',
    );
  }
}

/** The state directory cannot be used; without it no term can be reserved. */
export class StateError extends CodedError {
  override readonly name: string = 'StateError';
  constructor(message: string, remedy: string) {
    super('stateUnusable', message, remedy);
  }
}

/** The same in words, where the word is common. */
export function systemWords(thrown: unknown): string {
  const reason = systemReason(thrown);
  return words[reason] ?? reason;
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
  EDQUOT: 'the quota is used up',
  EIO: 'the disk does not answer',
  ELOOP: 'too many symbolic links',
};

/** The errno name of a failed system call of Node (`ENOENT`), or the message. */
export function systemReason(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
