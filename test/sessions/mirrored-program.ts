/** A mirrored program whose connections share a counter: lines `add`, answered with counter, time, random number and ticks. */
import { createInterface } from 'node:readline';
import { mirroredServer } from '../../src/library/index.ts';

const [relay = ''] = process.argv.slice(2);
let counter = 0;
let ticks = 0;
const open = new Set<{ write(text: string): boolean }>();
const server = mirroredServer({ relay }, (socket) => {
  if (open.size === 0 && ticks === 0) tick();
  open.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
  let text = '';
  socket.on('data', async (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      // A turn of promises belongs to what caused it.
      await Promise.resolve();
      if (line.startsWith('big ')) socket.write(server.randomBytes(Number(line.slice(4))));
      else socket.write(`${++counter} ${server.now()} ${server.random()} ${ticks}\n`);
      if (counter % 50 === 0) for (const each of open) each.write(`* ${counter}\n`);
    }
  });
});

function tick(): void {
  ticks++;
  server.setTimeout(tick, 7);
}

server.ended.catch(() => process.exit(0));
process.stdout.write('{"ready":true}\n');
for await (const _ of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify({ counter, ticks, connections: server.connections })}\n`);
process.exit(0);
