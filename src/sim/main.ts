/**
 * `npm run sim -- --seeds N [--seed S] [--keepGoing]`: plays worlds; stops at the first that broke, or keeps going.
 * `--seed S [--omit 0,3] --trace`: one of them, line by line, without some of its faults.
 */
import { parseArgs } from 'node:util';
import { proxyTransitions, type Transition, transitions } from '../engine/transitions.ts';
import { shrink } from './shrink.ts';
import { World } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    keepGoing: { type: 'boolean', default: false },
    omit: { type: 'string', default: '' },
  },
});

const first = Number(values.seed);
const count = values.trace ? 1 : Number(values.seeds);
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  process.stderr.write('--seed and --seeds take whole numbers\n');
  process.exit(2);
}

const omitted = new Set(values.omit === '' ? [] : values.omit.split(',').map(Number));
const faults: Record<string, number> = {};
const reached: Record<string, number> = {};
let activations = 0;
let datagrams = 0;
let failures = 0;
let runs = 0;
const log = values.trace ? (line: string): boolean => process.stdout.write(`${line}\n`) : undefined;
for (let seed = first; seed < first + count; seed++) {
  const outcome = new World(seed, log, omitted).run();
  runs++;
  add(faults, outcome.faults);
  add(reached, outcome.transitions);
  activations += outcome.activations;
  datagrams += outcome.datagrams;
  for (const violation of outcome.violations) process.stdout.write(`seed ${seed}: ${violation}\n`);
  if (outcome.violations.length === 0) continue;
  failures++;
  const omit = [...omitted, ...(values.omit === '' ? shrink(seed, outcome.drawn) : [])];
  const less = omit.length === 0 ? '' : ` --omit ${omit.sort((a, b) => a - b).join()}`;
  const left = `${outcome.drawn - omit.length} of ${outcome.drawn} faults`;
  process.stdout.write(`replay, with ${left}: npm run sim -- --seed ${seed}${less} --trace\n`);
  if (!values.keepGoing) break;
}
const injected = Object.entries(faults).map(([name, times]) => `${name} ${times}`);
process.stdout.write(
  `${runs} runs, ${activations} activations, ${datagrams} datagrams, ${failures} failed\n`,
);
process.stdout.write(`faults: ${injected.join(', ') || 'none'}\n`);
process.stdout.write(`members: ${timesOf('member', transitions)}\n`);
process.stdout.write(`proxies: ${timesOf('proxy', proxyTransitions)}\n`);
process.exitCode = failures === 0 ? 0 : 1;

function add(to: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, times] of Object.entries(more)) to[name] = (to[name] ?? 0) + times;
}

/** Every change of state there is, and how often it was made. */
function timesOf(who: string, table: readonly Transition<string>[]): string {
  return table.map(({ from, to }) => `${from}>${to} ${reached[`${who} ${from}>${to}`] ?? 0}`).join(', ');
}
