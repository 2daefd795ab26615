/** One connection of an ordinary client, led by its stdin: a line of JSON for each thing to do, one for each that happened. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Bytes } from './programs.ts';

const [host = ''] = process.argv.slice(2);
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
const socket = connect({ host, port: 7000, noDelay: true, allowHalfOpen: true });
const heard = createHash('sha256');
let length = 0;
let quiet = false;
socket.on('connect', () => say({ connected: true }));
socket.on('data', (bytes) => {
  heard.update(bytes);
  length += bytes.length;
  if (!quiet) say({ data: bytes.toString('latin1') });
});
socket.on('end', () => say({ end: true, length, sha256: heard.copy().digest('hex') }));
socket.on('error', (error: NodeJS.ErrnoException) => say({ error: error.code }));
socket.on('close', () => say({ closed: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as {
    send?: string;
    bytes?: number;
    end?: boolean;
    pause?: boolean;
    quiet?: boolean;
  };
  if (command.quiet !== undefined) quiet = command.quiet;
  if (command.send !== undefined) socket.write(command.send);
  if (command.bytes !== undefined) {
    const bytes = new Bytes(command.bytes, 7);
    while (bytes.left > 0) socket.write(bytes.next(1 << 16));
  }
  if (command.pause === true) socket.pause();
  if (command.pause === false) socket.resume();
  if (command.end === true) socket.end();
}
process.exit(0);
