/** Which daemon is meant: --socket, else the configuration's, else the only one on this machine. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../api/errors.ts';

export interface SocketOptions {
  readonly socket?: string;
  readonly config?: string;
}

const usualDirectory = '/run/understudy';

/** @throws CodedError usage, when it is not clear which one */
export async function chooseSocket(
  options: SocketOptions,
  directory: string = usualDirectory,
): Promise<string> {
  if (options.socket !== undefined) return options.socket;
  if (options.config !== undefined) {
    const { controlSocketOf } = await import('../daemon/control-address.ts');
    return controlSocketOf(options.config);
  }
  const found = socketsIn(directory);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (only === undefined) {
    throw new CodedError(
      'daemonUnreachable',
      `no daemon runs here: no socket is in ${directory}`,
      'start it: understudy run -c FILE; if its socket is elsewhere, name it with --socket PATH or -c FILE',
    );
  }
  throw new CodedError(
    'usage',
    `several daemons have a socket here: ${found.join(', ')}`,
    'say which one with --socket PATH or -c FILE',
  );
}

function socketsIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.sock'))
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}
