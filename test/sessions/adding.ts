/**
 * Many clients of the mirrored program, each one line at a time until its input ends, and some lines at least; prints all answers
 * in the order of their counters.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const [host = '', clients = '20'] = process.argv.slice(2);
const linesLeast = 6;
const answers: [counter: number, time: number, random: number, ticks: number][] = [];
const wrong: string[] = [];
let sent = 0;
let stopping = false;
process.stdin.resume().on('end', () => {
  stopping = true;
});

async function client(): Promise<void> {
  const socket = connect({ host, port: 7000, noDelay: true });
  await once(socket, 'connect');
  socket.setTimeout(8000, () => socket.destroy(new Error('silent for 8 s')));
  let text = '';
  let last = 0;
  const line = async (): Promise<string> => {
    for (;;) {
      const end = text.indexOf('\n');
      if (end < 0) {
        text += String((await once(socket, 'data'))[0]);
        continue;
      }
      const found = text.slice(0, end);
      text = text.slice(end + 1);
      if (!found.startsWith('*')) return found;
    }
  };
  for (let lines = 0; !stopping || lines < linesLeast; lines++) {
    socket.write('add\n');
    sent++;
    const numbers = (await line()).split(' ').map(Number);
    const [counter = 0, time = 0, random = 0, ticks = 0] = numbers;
    if (numbers.length !== 4 || !(counter > last)) wrong.push(`${numbers} after ${last}`);
    last = counter;
    answers.push([counter, time, random, ticks]);
  }
  socket.end();
  await once(socket.resume(), 'close');
}

const all = Array.from({ length: Number(clients) }, () =>
  client().catch((error: unknown) => wrong.push(String(error))),
);
process.stdout.write('{"started":true}\n');
await Promise.all(all);
answers.sort(([one], [other]) => one - other);
for (const [index, [counter, time, random, ticks]] of answers.entries()) {
  const [, before = 0, , ticksBefore = 0] = answers[index - 1] ?? [];
  if (counter !== index + 1) wrong.push(`${counter} is the answer number ${index + 1}`);
  if (time < before || ticks < ticksBefore)
    wrong.push(`${counter}: time ${time} after ${before}, ticks ${ticks} after ${ticksBefore}`);
  if (!(random >= 0 && random < 1)) wrong.push(`${random}`);
}
if (new Set(answers.map(([, , random]) => random)).size !== answers.length)
  wrong.push('a random number twice');
const spanMs = (answers.at(-1)?.[1] ?? 0) - (answers[0]?.[1] ?? 0);
process.stdout.write(
  `${JSON.stringify({ sent, answers: answers.length, spanMs, ticks: answers.at(-1)?.[3], wrong: wrong.slice(0, 10) })}\n`,
);
