/**
 * The service that the hosts use: a UDP and TCP echo on the service addresses which adds the name of the machine it
 * runs on. A separate process, as any server would be, and no part of the daemon. It binds as soon as the address exists.
 * SIGUSR1 makes it unhealthy (its health port closes), SIGUSR2 healthy again.
 *
 * A server that waits for a CPU loses requests that the network delivered: its socket is full after 64 of them (32 ms of the
 * main stream), and an answer that comes later than a planned switchover lets replies drain is stopped by the fence. So
 * that a lost request tells of the daemons, it is scheduled like the probes, where that is permitted.
 */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { setFifo } from '../linux/sched.ts';

export interface ServiceOptions {
  readonly member: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly healthPort: number;
  /** SCHED_FIFO priority, 0 for none. */
  readonly fifoPriority: number;
}

/** How often binding is tried while the address does not exist yet, milliseconds. */
const bindRetryMs = 10;

const options = JSON.parse(process.argv[2] ?? '{}') as ServiceOptions;
const name = Buffer.from(options.member, 'latin1');

function echoSocket(address: string): Socket {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
  socket.on('message', (request, from) => {
    socket.send(Buffer.concat([request, name]), from.port, from.address, () => undefined);
  });
  return socket;
}

function echoDatagrams(address: string): void {
  const socket = echoSocket(address);
  socket.once('error', () => {
    socket.close();
    setTimeout(() => echoDatagrams(address), bindRetryMs);
  });
  socket.bind(options.port, address, () => {
    socket.removeAllListeners('error').on('error', () => undefined);
  });
}

/** A server that has run for a while has been compiled: some echoes to itself, before anyone asks, and then `after`. */
function warmUp(echoes: number, after: () => void): void {
  const server = echoSocket('127.0.0.1').bind(0, '127.0.0.1', () => {
    const client = createSocket('udp4');
    let left = echoes;
    const ask = (): void => client.send(name, server.address().port, '127.0.0.1');
    client.on('message', () => {
      if (--left > 0) return ask();
      client.close();
      server.close();
      after();
    });
    ask();
  });
}

function echoStreams(address: string): void {
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.write(`${options.member}\n`);
    connection.pipe(connection);
  });
  server.on('error', () => setTimeout(() => echoStreams(address), bindRetryMs));
  server.listen(options.port, address);
}

function healthServer(): Server {
  return createServer((connection) => connection.on('error', () => undefined).end()).listen(
    options.healthPort,
    '127.0.0.1',
  );
}

for (const address of options.addresses) {
  echoDatagrams(address);
  echoStreams(address);
}
warmUp(2000, () => {
  if (options.fifoPriority > 0) setFifo(options.fifoPriority);
});
let health = healthServer();
process.on('SIGUSR1', () => health.close());
process.on('SIGUSR2', () => {
  if (!health.listening) health = healthServer();
});
process.stdin.resume().on('end', () => process.exit(0));
