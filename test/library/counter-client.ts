/**
 * An ordinary client on a host: it increments counters, over a connection for each, waits for each answer, connects again when its
 * connection breaks, and remembers what it was told. It knows nothing of mirroring. Answers to `{"do": "report"}`.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

export interface ClientOptions {
  readonly address: string;
  readonly port: number;
  readonly keys: readonly string[];
}

export interface ClientReport {
  /** Of each counter: how often it was asked for, how often answered, and the last answer. */
  readonly counters: Readonly<Record<string, { asked: number; answered: number; last: number }>>;
  /** Answers that were not higher than the one before: an acknowledged increment was lost. */
  readonly wentBack: readonly string[];
  readonly connections: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as ClientOptions;
const counters: Record<string, { asked: number; answered: number; last: number }> = {};
for (const key of options.keys) counters[key] = { asked: 0, answered: 0, last: 0 };
const wentBack: string[] = [];
let connections = 0;

/** A connection from which nothing comes is given up, and when one may be tried again, milliseconds. */
const patienceMs = 500;
const againMs = 20;

/** One connection for each counter: the next question follows the answer. */
function open(key: string, counter: { asked: number; answered: number; last: number }): void {
  const socket = connect(options.port, options.address);
  const ask = (): void => {
    counter.asked++;
    socket.write(`${key}\n`);
  };
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('connect', () => {
    connections++;
    ask();
  });
  socket.on('close', () => setTimeout(() => open(key, counter), againMs));
  createInterface({ input: socket })
    .on('error', () => undefined)
    .on('line', (line) => {
      const value = Number(line.split(' ')[1]);
      if (value <= counter.last) wentBack.push(`${key}: ${value} after ${counter.last}`);
      counter.answered++;
      counter.last = value;
      ask();
    });
}
for (const [key, counter] of Object.entries(counters)) open(key, counter);

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id } = JSON.parse(line) as { id: number };
    const done: ClientReport = { counters, wentBack, connections };
    process.stdout.write(`${JSON.stringify({ id, done })}\n`);
  })
  .on('close', () => process.exit(0));
