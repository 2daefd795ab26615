/** A server for each way in which a backend can be awkward: on port 8081, chosen by a connection's first line. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Bytes } from './programs.ts';

const [self = '', host = '127.0.0.1'] = process.argv.slice(2);
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

/** The rest of the client's stream: its length and SHA-256. */
async function rest(socket: Socket, first: Buffer): Promise<string> {
  const hash = createHash('sha256').update(first);
  let length = first.length;
  socket.on('data', (chunk) => {
    length += chunk.length;
    hash.update(chunk);
  });
  await once(socket.resume(), 'end');
  return `${length} ${hash.digest('hex')}\n`;
}

const acts: Record<string, (socket: Socket, first: Buffer, argument: string) => unknown> = {
  /** Answers when the client has ended. */
  count: async (socket, first) => socket.end(await rest(socket, first)),
  /** Ends first, and reads on. */
  bye: async (socket, first) => {
    socket.end('bye\n');
    say({ rest: await rest(socket, first) });
  },
  /** Never the same twice. */
  random: (socket) => {
    const line = (): boolean => socket.write(`${randomUUID()}\n`);
    line();
    socket.on('data', line);
  },
  echo: (socket, first) => {
    socket.write(first);
    socket.pipe(socket);
  },
  reset: (socket) => socket.resetAndDestroy(),
  big: (socket, _first, length) => {
    const bytes = new Bytes(Number(length), 7);
    const more = (): void => {
      while (bytes.left > 0 && socket.write(bytes.next(1 << 16)));
      if (bytes.left === 0) socket.end();
    };
    socket.on('drain', more).resume();
    more();
  },
  /** One of the two machines answers, the other never does. */
  only: (socket, _first, name) => {
    socket.resume();
    if (name === self) socket.end('done\n');
  },
  /** Ends where it is not `name`. */
  quits: (socket, _first, name) => {
    socket.write('hello\n');
    if (name === self) socket.end();
    else socket.pipe(socket);
  },
  /** Reads nothing for a while. */
  slow: (socket, first) => {
    socket.pause();
    setTimeout(async () => socket.end(await rest(socket, first)), 500);
  },
};

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.on('close', () => say({ closed: true }));
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0) return;
    socket.off('data', onData);
    const [act = '', argument = ''] = head.subarray(0, end).toString().split(' ');
    acts[act]?.(socket, head.subarray(end + 1), argument);
  };
  socket.on('data', onData);
});
server.listen(8081, host, () => say({ ready: true }));
