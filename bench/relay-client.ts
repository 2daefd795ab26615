/**
 * Measures one way to a server that echoes: round trips of 64 bytes, one at a time, and two uploads, one after the other: the
 * first one meets processes whose code is not compiled yet. Prints one line.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const [host = '', port = '', trips = '2000', uploadBytes = '0'] = process.argv.slice(2);

async function open(): Promise<Socket> {
  const socket = connect({ host, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  return socket;
}

async function roundTrips(): Promise<number[]> {
  const socket = await open();
  socket.write('echo\n');
  const line = Buffer.alloc(64, 0x61);
  const microseconds: number[] = [];
  for (let trip = 0; trip < Number(trips); trip++) {
    const sent = process.hrtime.bigint();
    socket.write(line);
    for (let length = 0; length < line.length; ) length += ((await once(socket, 'data'))[0] as Buffer).length;
    microseconds.push(Number(process.hrtime.bigint() - sent) / 1000);
  }
  socket.destroy();
  return microseconds.sort((one, other) => one - other);
}

async function upload(): Promise<number> {
  const socket = await open();
  socket.write('count\n');
  const chunk = Buffer.alloc(1 << 16, 0x62);
  const began = performance.now();
  for (let left = Number(uploadBytes); left > 0; left -= chunk.length)
    if (!socket.write(chunk)) await once(socket, 'drain');
  socket.end();
  await once(socket, 'data');
  return Number(uploadBytes) / 1e3 / (performance.now() - began);
}

const times = await roundTrips();
const at = (share: number): number => Math.round(times[Math.floor(share * (times.length - 1))] ?? 0);
const uploads = Number(uploadBytes) > 0 ? [await upload(), await upload()] : [];
const [firstMBs, nextMBs] = uploads.map(Math.round);
process.stdout.write(`${JSON.stringify({ medianUs: at(0.5), p99Us: at(0.99), firstMBs, nextMBs })}\n`);
process.exit(0);
