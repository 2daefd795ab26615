/**
 * Connections across faults, between two real daemons: `node bench/sessions.ts [--times 10] [--connections 20]
 * [--fault power,kill,relay,switchover]`. Each time both machines start anew, plain clients work (echo, idle, downloads and
 * uploads compared by SHA-256), the active is hurt after up to a second, and the clients end in order. Fails when a connection
 * is lost or a byte is wrong. `stall`: the longest wait of each echo and idle connection; `relay`: from the opening of the fence until
 * the relay had taken over.
 */
import { parseArgs } from 'node:util';
import { inNamespace } from '../test/namespace.ts';
import { type Name, Pair } from '../test/sessions/pair.ts';
import { build, type Load } from '../test/sessions/trial.ts';
import { formatSpread, markdownTable } from './statistics.ts';

inNamespace(import.meta.filename);
build();

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '10' },
    connections: { type: 'string', default: '20' },
    fault: { type: 'string', default: 'power,kill,relay,switchover' },
  },
});

type Harm = (pair: Pair, active: Name) => Promise<void>;

const harms: Readonly<Record<string, Harm>> = {
  power: (pair, active) => pair.cut(active),
  kill: (pair, active) => pair.machines[active].kill('daemon'),
  relay: (pair, active) => pair.machines[active].kill('relay'),
  switchover: (pair, active) => pair.machines[active].switchover(),
};

const many = Number(values.connections);
const bulk = Math.max(1, Math.round(many / 10));
const load: Load = {
  echo: Math.max(1, Math.round(many / 2) - bulk),
  idle: Math.max(1, Math.floor(many / 2) - bulk),
  get: bulk,
  put: bulk,
  bytes: 1_000_000,
};

interface Trial {
  readonly opened: number;
  readonly lost: readonly string[];
  readonly wrong: readonly string[];
  readonly stallsMs: readonly number[];
  readonly relayMs: readonly number[];
}

async function trial(harm: Harm): Promise<Trial> {
  const pair = new Pair();
  try {
    await pair.start();
    await pair.load('ipv4', load);
    const active = await pair.active();
    if (active === undefined) throw new Error('nobody is active');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1000));
    await harm(pair, active);
    const next = pair.other(active);
    await pair.until('the role has moved', async () => (await pair.active()) === next);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const seen = await pair.finish();
    if (seen.lost.length + seen.wrong.length > 0)
      for (const machine of Object.values(pair.machines)) process.stderr.write(`${machine.told()}\n`);
    const taken = pair.machines[next].events.filter(({ code }) => code === 'sessionsTaken');
    return { ...seen, relayMs: taken.map(({ detail }) => Number(detail['lateUs']) / 1000) };
  } finally {
    await pair.close();
  }
}

const rows: string[][] = [];
let failed = false;
for (const name of values.fault.split(',')) {
  const harm = harms[name];
  if (harm === undefined) throw new Error(`no fault ${name}: ${Object.keys(harms).join(', ')}`);
  const trials: Trial[] = [];
  for (let time = 0; time < Number(values.times); time++) trials.push(await trial(harm));
  const sum = (of: (one: Trial) => number): number => trials.reduce((total, one) => total + of(one), 0);
  const [lost, wrong] = [sum((one) => one.lost.length), sum((one) => one.wrong.length)];
  for (const what of trials.flatMap((one) => [...one.lost, ...one.wrong]))
    process.stderr.write(`${name}: ${what}\n`);
  failed ||= lost + wrong > 0;
  rows.push([
    name,
    String(trials.length),
    String(sum((one) => one.opened)),
    String(lost),
    String(wrong),
    formatSpread(
      trials.flatMap(({ stallsMs }) => stallsMs),
      0,
    ),
    formatSpread(
      trials.flatMap(({ relayMs }) => relayMs),
      1,
    ),
  ]);
}
const head = ['fault', 'times', 'connections', 'lost', 'wrong', 'stall ms', 'relay ms'];
process.stdout.write(`${markdownTable(head, rows)}\nmin / median / p99 / max\n`);
process.exit(failed ? 1 : 0);
