/** Where the daemon of a configuration file listens, also when the file has problems: `status` must work then, too. */
import { readFileSync } from 'node:fs';
import { ConfigDocument } from './config/document.ts';
import { defaultSocket } from './config/resolve.ts';
import { ConfigUnreadableError, systemWords, UsageError } from './errors.ts';

/** @throws ConfigUnreadableError, UsageError (the file names neither a socket nor a node) */
export function controlSocketOf(configPath: string): string {
  let values: unknown;
  try {
    values = new ConfigDocument(configPath, readFileSync(configPath, 'utf8')).values();
  } catch (error) {
    throw new ConfigUnreadableError(configPath, systemWords(error));
  }
  const { control, node } = (values ?? {}) as { control?: unknown; node?: unknown };
  if (typeof control === 'string') return control;
  if (typeof node === 'string') return defaultSocket(node);
  throw new UsageError(
    `${configPath} names neither control nor node`,
    'give the socket itself with --socket PATH',
  );
}
