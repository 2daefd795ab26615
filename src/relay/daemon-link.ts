/** The relay's end of its daemon's socket (`api/relay.ts`): lines in, lines out, in the relay's own loop. */
import type { FromRelay, ToRelay } from '../api/relay.ts';
import { UnixSocket } from '../linux/unix-socket.ts';

const into = Buffer.alloc(1 << 16);

export class DaemonLink {
  readonly #socket: UnixSocket;
  #rest = '';

  /** Throws OperationError: nobody listens there. */
  constructor(path: string) {
    this.#socket = UnixSocket.connect(path);
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** What the daemon said; undefined: it is gone. */
  receive(): readonly ToRelay[] | undefined {
    const lines: string[] = [];
    for (;;) {
      const count = this.#socket.read(into);
      if (count === 0) return undefined;
      if (count < 0) break;
      const parts = (this.#rest + into.toString('utf8', 0, count)).split('\n');
      this.#rest = parts.pop() ?? '';
      lines.push(...parts);
    }
    return lines.map((line) => JSON.parse(line) as ToRelay);
  }

  /** A daemon that does not read is behind by what its socket holds: the rest it does not get. */
  say(message: FromRelay): boolean {
    return this.#socket.write(Buffer.from(`${JSON.stringify(message)}\n`));
  }
}
