/**
 * One large download across a fault, between two real daemons: `node bench/download.ts [--mib 1024]
 * [--fault power,power,power,kill] [--directory /run]`. nginx serves a file of pseudo-random bytes on both machines, curl fetches
 * it, and the active loses its power, or its daemon gets SIGKILL, at a random byte between a fifth and four fifths. Fails when a
 * byte is missing or wrong. `stall`: the longest wait for bytes that ended after the fault; `before`: before it. The file is
 * in memory, unless `--directory` says where, and goes in the end.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { inNamespace } from '../test/namespace.ts';
import { middleOfSecond, nginx } from '../test/sessions/nginx.ts';
import { backendPort, type Name, Pair } from '../test/sessions/pair.ts';
import { Bytes } from '../test/sessions/programs.ts';
import { build, services } from '../test/sessions/trial.ts';
import { markdownTable } from './statistics.ts';

inNamespace(import.meta.filename);

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    fault: { type: 'string', default: 'power,power,power,kill' },
    directory: { type: 'string', default: '/run' },
  },
});
const fileBytes = Number(values.mib) * 2 ** 20;
const seed = 3;
const machines = ['active', 'standby'] as const;
/** Of curl, s. */
const patience = 600;

type Harm = (pair: Pair, active: Name) => Promise<unknown>;

const harms: Readonly<Record<string, Harm>> = {
  power: (pair, active) => pair.cut(active),
  kill: (pair, active) => pair.machines[active].kill('daemon'),
};

/** Returns its SHA-256. */
function writeImage(path: string): string {
  const hash = createHash('sha256');
  const file = openSync(path, 'wx');
  for (const bytes = new Bytes(fileBytes, seed); bytes.left > 0; ) {
    const piece = bytes.next(1 << 20);
    hash.update(piece);
    assert.equal(writeSync(file, piece), piece.length);
  }
  closeSync(file);
  return hash.digest('hex');
}

/** What curl got, as it comes. */
class Download {
  readonly #curl: ChildProcess;
  readonly #hash = createHash('sha256');
  readonly #began = performance.now();
  /** Waits of some length: when they began and ended. */
  readonly #waits: { readonly from: number; readonly to: number }[] = [];
  #last = performance.now();
  readonly #over: Promise<unknown>;
  bytes = 0;

  constructor() {
    const url = `http://${services.ipv4}:7000/image`;
    const words = ['netns', 'exec', 'client', 'curl', '-sS', '--fail', '-m', String(patience), url];
    this.#curl = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#curl.stdout?.on('data', (piece: Buffer) => {
      const now = performance.now();
      if (now - this.#last >= 1) this.#waits.push({ from: this.#last, to: now });
      this.#last = now;
      this.#hash.update(piece);
      this.bytes += piece.length;
    });
    this.#over = once(this.#curl, 'close');
  }

  get ended(): boolean {
    return this.#curl.exitCode !== null;
  }

  /** Seconds since it began. */
  get age(): number {
    return (performance.now() - this.#began) / 1000;
  }

  async end(): Promise<{ status: number | null; sha256: string; seconds: number }> {
    await this.#over;
    return {
      status: this.#curl.exitCode,
      sha256: this.#hash.digest('hex'),
      seconds: (this.#last - this.#began) / 1000,
    };
  }

  /** The longest wait that ended since `fault`, and before it, ms. */
  waits(fault: number): { since: number; before: number } {
    const lengths = (ended: readonly { from: number; to: number }[]): number[] =>
      ended.map(({ from, to }) => to - from);
    return {
      since: Math.max(0, ...lengths(this.#waits.filter(({ to }) => to >= fault))),
      before: Math.max(0, ...lengths(this.#waits.filter(({ to }) => to < fault))),
    };
  }
}

async function trial(name: string, expected: string): Promise<{ row: string[]; right: boolean }> {
  const harm = harms[name];
  if (harm === undefined) throw new Error(`no fault ${name}: ${Object.keys(harms).join(', ')}`);
  const pair = new Pair({ backend: true });
  try {
    await pair.start();
    const active = await pair.active();
    if (active === undefined) throw new Error('nobody is active');
    await middleOfSecond();
    const download = new Download();
    const moment = (0.2 + Math.random() * 0.6) * fileBytes;
    while (download.bytes < moment && !download.ended) await sleep(1);
    const [at, bytes, fault] = [download.age, download.bytes, performance.now()];
    await harm(pair, active);
    const { status, sha256, seconds } = await download.end();
    const right = status === 0 && download.bytes === fileBytes && sha256 === expected;
    if (!right) for (const name of machines) process.stderr.write(`${pair.machines[name].told()}\n`);
    const { since, before } = download.waits(fault);
    const row = [
      name,
      String(download.bytes),
      sha256 === expected ? 'right' : `wrong (curl ${status})`,
      `${(bytes / 2 ** 20).toFixed(0)} MiB, ${at.toFixed(1)} s`,
      since.toFixed(0),
      before.toFixed(0),
      seconds.toFixed(1),
    ];
    return { row, right };
  } finally {
    await pair.close();
  }
}

const directory = mkdtempSync(join(values.directory, 'understudy-download-'));
const servers: ChildProcess[] = [];
let isRight = true;
try {
  build();
  const files = join(directory, 'files');
  mkdirSync(files);
  const expected = writeImage(join(files, 'image'));
  for (const machine of machines) {
    const { command } = nginx(join(directory, machine), files, backendPort);
    servers.push(
      spawn('ip', ['netns', 'exec', machine, ...command], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    const asked = ['netns', 'exec', machine, 'curl', '-sI', `http://127.0.0.1:${backendPort}/image`];
    while (spawnSync('ip', asked).status !== 0) await sleep(20);
  }
  // Each row when it is there: a trial takes its time.
  const head = ['fault', 'bytes', 'SHA-256', 'fault at', 'stall ms', 'before ms', 'all s'];
  process.stdout.write(`${markdownTable(head, [])}\n`);
  for (const name of values.fault.split(',')) {
    const { row, right } = await trial(name, expected);
    isRight &&= right;
    process.stdout.write(`| ${row.join(' | ')} |\n`);
  }
} finally {
  for (const child of servers) child.kill('SIGTERM');
  rmSync(directory, { recursive: true, force: true });
}
process.exit(isRight ? 0 : 1);
