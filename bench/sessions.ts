/**
 * Connections across faults, between two real daemons with an ordinary server behind each relay: `node bench/sessions.ts
 * [--times 10] [--connections 20] [--fault power,silent,kill,relay,application,switchover] [--idle] [--settled]`. Plain
 * clients work (echo with running counters, idle, downloads and uploads compared by SHA-256, short ones opened all the time),
 * the active is hurt up to 1.5 s after the first connection, also while others are being opened, and the clients end in order.
 * The machines live on: what was hurt comes back as the standby. Fails when a connection is lost or a byte is wrong.
 * `--idle`: all but a few connections are idle. `--settled`: no fault before all connections are there.
 *
 * Of each wait that the fault fell into: `detection` until the other machine's fence was open, `takeover` until its relay had
 * taken over, `tcp` from there on. SIGINT prints what was played so far.
 */
import { parseArgs } from 'node:util';
import { inNamespace } from '../test/namespace.ts';
import { Pair } from '../test/sessions/pair.ts';
import { build, type Load } from '../test/sessions/trial.ts';
import { harms, play, type Stall, type Trial } from './session-trial.ts';
import { formatSpread, markdownTable } from './statistics.ts';

// The process outside waits for the one inside, which prints.
process.on('SIGINT', () => undefined);
inNamespace(import.meta.filename);

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '10' },
    connections: { type: 'string', default: '20' },
    fault: { type: 'string', default: Object.keys(harms).join(',') },
    idle: { type: 'boolean', default: false },
    settled: { type: 'boolean', default: false },
  },
});

/** All echo connections together say so many lines a second at most; all transfers carry so much: the machine has other things to do. */
const linesPerMs = 1;
const bulkBytesPerMs = 6000;
/** How long a transfer takes that is not interrupted. */
const bulkMs = 2000;

function loadOf(many: number, idle: boolean): Load {
  const bulk = idle ? 0 : Math.max(1, Math.round(many / 10));
  const brief = idle ? 0 : Math.max(1, Math.round(many / 20));
  const echo = idle ? Math.min(10, many) : Math.max(1, Math.round(many / 2) - bulk);
  const bytesPerMs = Math.round(bulkBytesPerMs / Math.max(1, 2 * bulk));
  return {
    echo,
    get: bulk,
    put: bulk,
    brief,
    idle: Math.max(0, many - echo - 2 * bulk - brief),
    bytes: (bytesPerMs * bulkMs) & ~3,
    bytesPerMs,
    pauseMs: Math.max(1, Math.round(echo / linesPerMs)),
  };
}

const faults = values.fault.split(',');
for (const name of faults)
  if (harms[name] === undefined) throw new Error(`no fault ${name}: ${Object.keys(harms).join(', ')}`);
const played = new Map<string, Trial[]>(faults.map((name) => [name, []]));
/** What went wrong, said at once and in the report again, which is what is kept. */
const complaints: string[] = [];
/** Trials that could not be played to their end; and how often machines were not ready for one. */
let broken = 0;
let unready = 0;

function complain(what: string): void {
  complaints.push(what);
  process.stderr.write(`${what}\n`);
}

function report(): void {
  const head = [
    ...['fault', 'times', 'connections', 'lost', 'known', 'wrong', 'detection ms', 'takeover ms'],
    ...['stalls', 'stall ms', 'its detection', 'its takeover', 'its tcp'],
  ];
  const rows = [...played].map(([name, trials]) => {
    const sum = (of: (one: Trial) => number): string =>
      String(trials.reduce((total, one) => total + of(one), 0));
    const stalls = trials.flatMap((one) => one.stalls);
    const of = (part: (stall: Stall) => number): string => formatSpread(stalls.map(part), 0);
    return [
      ...[name, String(trials.length), sum(({ opened }) => opened)],
      ...[sum(({ lost }) => lost.length), sum(({ known }) => known.length), sum(({ wrong }) => wrong.length)],
      formatSpread(
        trials.map(({ detectionMs }) => detectionMs),
        0,
      ),
      formatSpread(
        trials.map(({ takeoverMs }) => takeoverMs),
        1,
      ),
      ...[String(stalls.length), of(({ wholeMs }) => wholeMs), of(({ detectionMs }) => detectionMs)],
      ...[of(({ takeoverMs }) => takeoverMs), of(({ tcpMs }) => tcpMs)],
    ];
  });
  process.stdout.write(`${markdownTable(head, rows)}\nmin / median / p99 / max\n`);
  if (broken > 0) process.stdout.write(`${broken} trials could not be played to their end\n`);
  if (unready > 0) process.stdout.write(`${unready} times the machines were not ready for a trial\n`);
  for (const what of complaints) process.stdout.write(`${what}\n`);
}

function verdict(): number {
  const trials = [...played.values()].flat();
  return broken + unready > 0 || trials.some(({ lost, wrong }) => lost.length + wrong.length > 0) ? 1 : 0;
}

process.removeAllListeners('SIGINT').on('SIGINT', () => {
  report();
  process.exit(verdict());
});

build();
const load = loadOf(Number(values.connections), values.idle);
process.stderr.write(`${JSON.stringify(load)}\n`);
let pair: Pair | undefined;

/** On the machines of the trial before, where that went well. */
async function ready(name: string): Promise<Pair | undefined> {
  try {
    if (pair === undefined) {
      pair = new Pair({ server: true });
      await pair.start();
    } else for (const machine of Object.values(pair.machines)) await pair.mend(machine.name);
    return pair;
  } catch (error) {
    unready++;
    await giveUp(`not ready for ${name}`, error);
    return undefined;
  }
}

async function giveUp(what: string, error: unknown): Promise<void> {
  complain(`${what}: ${error instanceof Error ? error.message : error}`);
  if (pair !== undefined) complain(told(pair, [0, 0]));
  await pair?.close();
  pair = undefined;
}

/** What the machines said since each had said so much. */
function told({ machines }: Pair, before: readonly number[]): string {
  return Object.values(machines)
    .flatMap(({ name, events }, index) =>
      events.slice(before[index]).map(({ atUs, code, message }) => `  ${name} ${atUs} ${code}: ${message}`),
    )
    .join('\n');
}

async function trial(name: string, on: Pair): Promise<void> {
  const harm = harms[name];
  if (harm === undefined) return;
  const beganMs = performance.now();
  const before = Object.values(on.machines).map(({ events }) => events.length);
  const one = await play(on, harm, load, values.settled);
  played.get(name)?.push(one);
  const number = `${name} ${played.get(name)?.length}`;
  const ended = [...one.lost, ...one.wrong, ...one.known];
  for (const what of ended) complain(`${number}: ${what}`);
  if (ended.length > 0) complain(told(on, before));
  process.stderr.write(
    `${number}: ${one.opened} opened, ${one.sessions} went over, ${one.lost.length} lost, ` +
      `${one.known.length} known, ${one.wrong.length} wrong; detection ${one.detectionMs.toFixed(0)} ms, takeover ` +
      `${one.takeoverMs.toFixed(1)} ms, ${one.stalls.length} stalls; ${((performance.now() - beganMs) / 1000).toFixed(1)} s\n`,
  );
}

for (let time = 0; time < Number(values.times); time++)
  for (const name of faults) {
    const on = await ready(name);
    if (on === undefined) continue;
    try {
      await trial(name, on);
    } catch (error) {
      broken++;
      await giveUp(name, error);
    }
  }
await pair?.close();
report();
process.exit(verdict());
