/**
 * One witness for hundreds of strict groups: pairs of members, each with as many groups as its heartbeats carry, real
 * daemons in a network of their own. What the witness needs while all is well; then one member of every pair dies at the
 * same moment, and all its groups are to be taken over at once.
 *
 *   node bench/witness.ts [--pairs 5] [--groups 60] [--promiseMs 600] [--intervalMs 50] [--seconds 10] [--trials 3] [--built]
 *
 * `--built`: the witness is the package's (`npm run build`); run from its sources it needs memory for stripping their types.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Occurrence, Status } from '../src/api/types.ts';
import { followEvents, readStatus } from '../src/lab/control-client.ts';
import { enter, runEnclosed } from '../src/lab/enclosure.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { inNamespace, ip } from '../src/lab/topology.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { progress } from './rehearsal.ts';
import { formatSpread } from './statistics.ts';

const sources = join(import.meta.dirname, '../src/cli/main.ts');
const built = join(import.meta.dirname, '../dist/cli/main.js');
const settleMs = 120_000;
const takeoverMs = 30_000;
/** USER_HZ: the unit of /proc/PID/stat. */
const ticksPerSecond = 100;

interface Options {
  readonly pairs: number;
  readonly groups: number;
  readonly promiseMs: number;
  readonly intervalMs: number;
  readonly seconds: number;
  readonly trials: number;
  readonly built: boolean;
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '5' },
      groups: { type: 'string', default: '60' },
      promiseMs: { type: 'string', default: '600' },
      intervalMs: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '10' },
      trials: { type: 'string', default: '3' },
      built: { type: 'boolean', default: false },
    },
  });
  if (values.built && !existsSync(built))
    throw new Error(`--built: there is no ${built}; run npm run build first`);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === 'boolean' ? value : Number(value)]),
  ) as unknown as Options;
}

/** Of documentation networks (RFC 5737, RFC 3849). */
function sharedAddress(index: number): string {
  return index < 250 ? `198.51.100.${index + 1}` : `2001:db8:1::${(index + 1).toString(16)}`;
}

function nodesOf({ pairs }: Options): string[] {
  return ['witness', ...Array.from({ length: pairs }, (_, pair) => [`a${pair}`, `b${pair}`]).flat()];
}

function configuration(o: Options, node: string): string {
  const nodes = nodesOf(o);
  const places = nodes.map(
    (name, index) => `      ${name}: { interface: lan0, address: 192.0.2.${index + 1} }`,
  );
  const groups = Array.from({ length: o.pairs * o.groups }, (_, index) => {
    const pair = Math.floor(index / o.groups);
    const members = `{ a${pair}: { priority: 200 }, b${pair}: { priority: 100 } }`;
    const addresses = `addresses: [${sharedAddress(index)}]`;
    return `  g${index}: { policy: strict, witness: witness, interface: lan0, ${addresses}, members: ${members} }`;
  });
  return `cluster: crowd
node: ${node}
key: "${'ab'.repeat(32)}"
stateDir: /run/understudy/${node}
control: /run/understudy/${node}.sock
heartbeat: { intervalMs: ${o.intervalMs}, misses: 4 }
lease: { leaseMs: 200, renewMs: 20 }
strict: { promiseMs: ${o.promiseMs} }
startup: { silentPortMs: 0 }
damping: { firstMs: 0 }
members:
${nodes.map((name, index) => `  ${name}: { id: ${index + 1} }`).join('\n')}
paths:
  lan:
    id: 1
    kind: lan
    port: 7170
    members:
${places.join('\n')}
groups:
${groups.join('\n')}
`;
}

class Machine {
  readonly name: string;
  readonly events: Occurrence[] = [];
  #daemon: ChildProcess | undefined;

  constructor(name: string, index: number) {
    this.name = name;
    ip(['netns', 'add', name]);
    ip(['-n', name, 'link', 'set', 'lo', 'up']);
    ip(['-n', 'switch', 'link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'lan0', 'netns', name]);
    ip(['-n', 'switch', 'link', 'set', `to-${name}`, 'master', 'br0', 'up']);
    ip(['-n', name, 'address', 'add', `192.0.2.${index + 1}/24`, 'dev', 'lan0']);
    ip(['-n', name, 'link', 'set', 'lan0', 'up']);
  }

  get socket(): string {
    return `/run/understudy/${this.name}.sock`;
  }

  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  /** `cli`: the program, as its sources or built. */
  async start(text: string, cli = sources): Promise<void> {
    const file = `/run/understudy/${this.name}.yaml`;
    writeFileSync(file, text, { mode: 0o600 });
    const command = this.name === 'witness' ? 'witness' : 'run';
    const words = ['netns', 'exec', this.name, process.execPath, cli, command, '-c', file];
    this.#daemon = spawn('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
    const answers = async (): Promise<boolean> => (await this.status()) !== undefined;
    await until(`${this.name} answers`, answers, settleMs);
    this.events.length = 0;
    followEvents(this.socket, (event) => this.events.push(event)).catch(() => undefined);
  }

  kill(): void {
    this.#daemon?.kill('SIGKILL');
  }

  async status(): Promise<Status | undefined> {
    return await readStatus(this.socket).catch(() => undefined);
  }

  async isAll(role: string): Promise<boolean> {
    return (await this.status())?.groups.every((group) => group.role === role) === true;
  }
}

/** What a process and its interface have done so far. */
function usage({ name, pid }: Machine): { cpuS: number; received: number; sent: number; rssMiB: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuS = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  const rssMiB = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  const [received = 0, sent = 0] = ['rx', 'tx'].map((way) =>
    Number(inNamespace(name, ['cat', `/sys/class/net/lan0/statistics/${way}_packets`])),
  );
  return { cpuS, received, sent, rssMiB };
}

async function quiet(witness: Machine, members: readonly Machine[], seconds: number): Promise<string> {
  const counts = members.map(({ events }) => events.length);
  const [before, beganUs] = [usage(witness), monotonicUs()];
  await delay(seconds * 1000);
  const [after, tookS] = [usage(witness), (monotonicUs() - beganUs) / 1e6];
  const moved = members.flatMap(({ events }, index) =>
    events.slice(counts[index]).filter(({ code }) => code === 'transition'),
  );
  const rate = (key: 'received' | 'sent'): string => ((after[key] - before[key]) / tookS).toFixed(0);
  const cpu = (((after.cpuS - before.cpuS) / tookS) * 100).toFixed(1);
  return (
    `${tookS.toFixed(0)} s without a fault: ${cpu} % of a processor, ${after.rssMiB.toFixed(0)} MiB resident, ` +
    `${rate('received')} datagrams/s in and ${rate('sent')} out, ${moved.length} changes of role`
  );
}

/** One member of each pair dies, all at once; milliseconds from then on until each group has another active one. */
async function takeover(
  dying: readonly Machine[],
  heirs: readonly Machine[],
  groups: number,
): Promise<number[]> {
  const sinceUs = monotonicUs();
  for (const machine of dying) machine.kill();
  const taken = (): number[] =>
    heirs.flatMap(({ events }) =>
      events
        .filter(
          ({ code, atUs, detail }) => code === 'transition' && atUs > sinceUs && detail['to'] === 'active',
        )
        .map(({ atUs }) => (atUs - sinceUs) / 1000),
    );
  await until(
    'every group is active again',
    () => taken().length >= groups,
    takeoverMs,
    () => `${taken().length} are`,
  );
  return taken();
}

async function play(o: Options): Promise<void> {
  mkdirSync('/run/understudy', { recursive: true });
  ip(['netns', 'add', 'switch']);
  ip(['-n', 'switch', 'link', 'add', 'br0', 'up', 'type', 'bridge', 'mcast_snooping', '0']);
  const machines = nodesOf(o).map((name, index) => new Machine(name, index));
  const [witness, ...members] = machines as [Machine, ...Machine[]];
  for (const machine of machines) {
    await machine.start(configuration(o, machine.name), o.built && machine === witness ? built : sources);
    progress(`${machine.name} runs`);
  }
  let [active, standby] = [0, 1].map((side) => members.filter((_, index) => index % 2 === side)) as [
    Machine[],
    Machine[],
  ];
  const settled = async (): Promise<boolean> => {
    const all = [...active.map((one) => one.isAll('active')), ...standby.map((one) => one.isAll('standby'))];
    return (await Promise.all(all)).every((one) => one);
  };
  const count = o.pairs * o.groups;
  await until('all have settled', settled, settleMs);
  process.stdout.write(
    `witness of ${count} strict groups of ${o.pairs} pairs, promises of ${o.promiseMs} ms, heartbeats of ${o.intervalMs} ms\n` +
      `- ${await quiet(witness, members, o.seconds)}\n`,
  );
  for (let trial = 1; trial <= o.trials; trial++) {
    const metronome = new Metronome();
    const before = usage(witness);
    const tookMs = await takeover(active, standby, count);
    const cpuMs = (usage(witness).cpuS - before.cpuS) * 1000;
    metronome.stop();
    process.stdout.write(
      `- ${o.pairs} members killed at once: ${count} takeovers after ${formatSpread(tookMs, 0)} ms (min / median / p99 / ` +
        `max), ${cpuMs.toFixed(0)} ms of processor at the witness, stalls of the machine: ${metronome.stalls.length}\n`,
    );
    for (const machine of active) await machine.start(configuration(o, machine.name));
    [active, standby] = [standby, active];
    await until('all have settled', settled, settleMs);
  }
}

if (process.argv[2]?.startsWith('{') !== true)
  process.exit(await runEnclosed(import.meta.filename, options()));
const { argument } = enter<Options>();
try {
  await play(argument);
  process.exit(0);
} catch (error) {
  progress(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
