/** The whole way from a path to what the two planes need, or to every problem on that way. */
import { readFileSync } from 'node:fs';
import { ConfigError, type ConfigProblem, ConfigUnreadableError, systemWords } from '../errors.ts';
import { crosscheck } from './crosscheck/crosscheck.ts';
import { ConfigDocument } from './document.ts';
import { readKeys } from './keys.ts';
import { type ResolvedConfig, resolve } from './resolve.ts';
import { validate } from './validate.ts';
import { warningsOf } from './warnings.ts';

export interface LoadedConfig extends ResolvedConfig {
  /** Nothing wrong, but worth a look. */
  readonly warnings: readonly string[];
}

/** @throws ConfigUnreadableError, ConfigError (all problems, in the order of the file) */
export function loadConfig(path: string): LoadedConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigUnreadableError(path, systemWords(error));
  }
  return parseConfig(path, text);
}

/** As `loadConfig`, from text. `file` names it in problems, and is where a relative `keyFile` starts. */
export function parseConfig(file: string, text: string): LoadedConfig {
  const document = new ConfigDocument(file, text);
  refuse(document.syntaxProblems());
  const values = valuesOf(document);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ConfigError([
      document.problem([], 'the file must be a mapping: cluster, node, members, paths, groups'),
    ]);
  }
  const validation = validate(document, values);
  if (!validation.ok) throw new ConfigError(inOrder(validation.problems));
  refuse(crosscheck(validation.file, document));
  const keys = readKeys(validation.file, document);
  if (!keys.ok) throw new ConfigError(keys.problems);
  const resolved = resolve(validation.file, keys.keys);
  return { ...resolved, warnings: [...keys.warnings, ...warningsOf(validation.file)] };
}

function valuesOf(document: ConfigDocument): unknown {
  try {
    return document.values();
  } catch (error) {
    throw new ConfigError([document.problem([], error instanceof Error ? error.message : String(error))]);
  }
}

function refuse(problems: readonly ConfigProblem[]): void {
  if (problems.length > 0) throw new ConfigError(inOrder(problems));
}

function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
