/** The unix socket itself: only root may open it, and one that a dead daemon left is removed. */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type Server as StreamServer } from 'node:net';
import { dirname } from 'node:path';
import { CodedError } from '../../api/errors.ts';
import { systemReason, systemWords } from '../errors.ts';

/** How long a connection may take to get the daemon's last words, milliseconds. */
const lastWordsMs = 200;

/**
 * Makes way for a socket at `path`: its directory is made, and a socket on which nobody answers is removed.
 * Rejects with alreadyRunning when somebody answers, controlUnusable when something else is there.
 */
export async function clearSocketPath(path: string): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw unusable(path, 'something that is not a socket is there', `remove ${path}`);
    const answer = await probe(path);
    if (answer === 'answers') {
      throw new CodedError('alreadyRunning', `another daemon answers on ${path}`, 'stop it first');
    }
    if (answer !== 'ECONNREFUSED' && answer !== 'ENOENT') throw unusable(path, answer);
    rmSync(path, { force: true });
  } catch (error) {
    throw error instanceof CodedError ? error : unusable(path, systemWords(error));
  }
}

/** Resolves when the server listens on `path`, mode 0600 from its first moment. */
export function listenOn(server: StreamServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: Error): void => reject(unusable(path, systemWords(error)));
    server.once('error', refused);
    // The socket is made during this call, under this mask.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.removeListener('error', refused);
        chmodSync(path, 0o600);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

/** Resolves when every connection is closed: those under way may finish, but not for long. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setTimeout(() => server.closeAllConnections(), lastWordsMs);
  server.closeIdleConnections();
  await closed;
  clearTimeout(timer);
}

function probe(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('answers');
    });
    socket.once('error', (error) => resolve(systemReason(error)));
  });
}

function unusable(path: string, why: string, remedy: string = remedyFor(why)): CodedError {
  return new CodedError('controlUnusable', `the control socket ${path} cannot be made: ${why}`, remedy);
}

function remedyFor(why: string): string {
  return why === 'permission denied'
    ? 'run as root, or name a path in control that this user may write to'
    : 'name another path in control';
}
