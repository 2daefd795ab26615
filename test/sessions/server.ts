/** The service of the test as an ordinary server that knows nothing of redundancy: node:net on the loopback. */
import { createServer, type Socket } from 'node:net';
import { program } from './programs.ts';

const [address = '', port = ''] = process.argv.slice(2);
const chunkBytes = 1 << 16;
/** A checker and every connection may come at once. */
const backlog = 4096;

function attach(socket: Socket): void {
  const service = program();
  let isFull = false;
  const speak = (): void => {
    while (!isFull && !socket.destroyed && !socket.writableEnded) {
      const bytes = service.produce(chunkBytes);
      if (bytes.length === 0) break;
      isFull = !socket.write(bytes);
    }
    if (service.finished && !isFull && !socket.writableEnded) socket.end();
  };
  socket.on('data', (bytes: Buffer) => {
    service.feed(bytes);
    speak();
  });
  socket.on('drain', () => {
    isFull = false;
    speak();
  });
  socket.on('end', () => {
    service.end();
    speak();
  });
  socket.on('error', () => undefined);
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, attach);
server.listen({ port: Number(port), host: address, backlog }, () => process.stdout.write('{"ready":true}\n'));
process.stdin.resume().on('end', () => process.exit(0));
