/** Joins a connection to the exchange: bytes in, bytes out, and no more in memory than the client takes. */
import type { Duplex } from 'node:stream';
import { Conversation } from './conversation.ts';
import type { Exchange } from './exchange.ts';

const chunkBytes = 1 << 16;

/** `nowMs`: the exchange's time, see `Exchange.execute`. */
export function attach(exchange: Exchange, socket: Duplex, nowMs: () => number): void {
  const conversation = new Conversation(exchange, () => speak());
  let blocked = false;
  const speak = (): void => {
    while (!blocked && !socket.destroyed) {
      const bytes = conversation.produce(chunkBytes);
      if (bytes.length === 0) break;
      blocked = !socket.write(bytes);
    }
    if (conversation.finished && !socket.writableEnded) socket.end();
  };
  socket.on('drain', () => {
    blocked = false;
    speak();
  });
  socket.on('data', (bytes: Buffer) => {
    conversation.feed(bytes, nowMs());
    speak();
  });
  socket.on('end', () => {
    conversation.end();
    speak();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => conversation.end());
}
