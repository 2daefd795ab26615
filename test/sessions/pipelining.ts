/** A client of redis: counts three keys up, many commands at a time without waiting, and checks every answer. */
import { once } from 'node:events';
import { connect } from 'node:net';

const [host = ''] = process.argv.slice(2);
const keys = ['a', 'b', 'c'];
const batch = 50;
const openMax = 1000;
const socket = connect({ host, port: 7000, noDelay: true });
await once(socket, 'connect');
process.stdout.write('{"connected":true}\n');
const counters = [0, 0, 0];
const expected: number[] = [];
const wrong: string[] = [];
let commands = 0;
let answers = 0;
let stopping = false;
let text = '';

function send(): void {
  while (!stopping && expected.length + batch <= openMax) {
    let bytes = '';
    for (let index = 0; index < batch; index++) {
      const key = commands++ % keys.length;
      counters[key] = (counters[key] ?? 0) + 1;
      expected.push(counters[key] ?? 0);
      bytes += `*2\r\n$4\r\nINCR\r\n$1\r\n${keys[key]}\r\n`;
    }
    socket.write(bytes);
  }
}

process.stdin.resume().on('end', () => {
  stopping = true;
  if (expected.length === 0) finish();
});

function finish(): void {
  process.stdout.write(`${JSON.stringify({ commands, answers, counters, wrong })}\n`);
  socket.destroy();
}

socket.setTimeout(8000, () => socket.destroy(new Error('silent')));
socket.on('error', (error) => {
  wrong.push(String(error));
  finish();
});
socket.on('data', (bytes) => {
  text += bytes.toString('latin1');
  let from = 0;
  for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n', from)) {
    answers++;
    const want = `:${expected.shift()}`;
    if (text.slice(from, end) !== want && wrong.length < 10)
      wrong.push(`${text.slice(from, end)}, not ${want}`);
    from = end + 2;
  }
  text = text.slice(from);
  if (stopping && expected.length === 0) finish();
  else setImmediate(send);
});
send();
