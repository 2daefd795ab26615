/**
 * The exchange as a program of its own on a member, an ordinary server that knows nothing of redundancy: it binds as soon as
 * the address exists. Its state is its own: whoever takes over with another one of these begins anew.
 */
import { createServer } from 'node:net';
import { attach } from './attachment.ts';
import { Exchange } from './exchange.ts';

export interface ServerOptions {
  /** Where it is asked for connections. */
  readonly places: readonly { readonly address: string; readonly port: number }[];
  /** It has a clock; without one all its calls take 0 ms. */
  readonly clock: boolean;
}

/** How often binding is tried while the address does not exist yet, milliseconds. */
const bindRetryMs = 10;

const { places, clock } = JSON.parse(process.argv[2] ?? '{}') as ServerOptions;
const exchange = new Exchange();

function listen({ address, port }: ServerOptions['places'][number]): void {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
    attach(exchange, socket, () => (clock ? Math.floor(performance.now()) : 0)),
  );
  server.on('error', () => setTimeout(() => listen({ address, port }), bindRetryMs));
  server.listen(port, address);
}

for (const place of places) listen(place);
process.stdin.resume().on('end', () => process.exit(0));
