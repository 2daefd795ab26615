/** Client, active and standby in namespaces of their own around a switch; the active loses its power in the middle. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ip } from '../namespace.ts';

const hosts = { client: 1, active: 2, standby: 3 } as const;
export const services = { ipv4: '192.0.2.10', ipv6: '2001:db8::10' } as const;
export const links = { active: '198.51.100.2', standby: '198.51.100.3' } as const;

const settledMs = 20_000;

export interface Load {
  readonly echo: number;
  readonly get: number;
  readonly put: number;
  readonly idle: number;
  /** Of each bulk transfer. */
  readonly bytes: number;
  /** So many open a connection, say little on it, end it, and begin again. */
  readonly brief?: number;
  /** Between an answer and the next line of an echo connection; 1 where it is not said. */
  readonly pauseMs?: number;
  /** Each bulk transfer is so slow until the clients are told to end; absent: as fast as it goes. */
  readonly bytesPerMs?: number;
}

/** A connection that did not come to its end. */
export interface Loss {
  readonly kind: string;
  /** The client's; 0: it was never open. */
  readonly port: number;
  /** CLOCK_MONOTONIC. */
  readonly begunUs: number;
  readonly why: string;
}

/** A client waited: for a connection, an answer, more of a download, or room for more of an upload. CLOCK_MONOTONIC. */
export interface Wait {
  readonly kind: string;
  readonly port: number;
  readonly fromUs: number;
  readonly toUs: number;
}

export interface Seen {
  readonly opened: number;
  readonly finished: number;
  readonly lost: readonly Loss[];
  readonly wrong: readonly string[];
  readonly echoes: number;
  readonly bulkBytes: number;
  /** The longest wait of each echo and idle connection. */
  readonly stallsMs: readonly number[];
  /** All that were long. */
  readonly waits: readonly Wait[];
}

/** A switch here, three hosts on it, and a cable between the two machines. */
export function build(): void {
  ip('link add lan type bridge stp_state 0 forward_delay 0 mcast_snooping 0');
  ip('link set lan up');
  for (const [host, number] of Object.entries(hosts)) {
    ip(`netns add ${host}`);
    ip(`-n ${host} link set lo up`);
    ip(`link add to-${host} type veth peer name lan0 netns ${host}`);
    ip(`link set to-${host} master lan up`);
    ip(`-n ${host} addr add 192.0.2.${number}/24 dev lan0`);
    ip(`-n ${host} addr add 2001:db8::${number}/64 dev lan0 nodad`);
    ip(`-n ${host} link set lan0 up`);
  }
  // Thousands of connections soon after thousands: the kernel would look through those that are over, one after the other.
  const range = '/proc/sys/net/ipv4/ip_local_port_range';
  execFileSync('ip', ['netns', 'exec', 'client', 'sh', '-c', `echo 1024 65535 >${range}`]);
  ip('-n active link add link0 type veth peer name link0 netns standby');
  ip(`-n active addr add ${links.active}/24 dev link0`);
  ip(`-n standby addr add ${links.standby}/24 dev link0`);
  power(true);
}

/** The ports of a machine: without power none has a carrier. */
export function power(on: boolean, host: 'active' | 'standby' = 'active'): void {
  const state = on ? 'up' : 'down';
  ip(`link set to-${host} ${state}`);
  ip(`-n active link set link0 ${state}`);
  ip(`-n standby link set link0 ${state}`);
}

/**
 * A machine that is mute, and deaf: nothing of what it or anybody says to it arrives, while its processes and its carrier
 * stay.
 */
export function mute(on: boolean, host: 'active' | 'standby'): void {
  const other = host === 'active' ? 'standby' : 'active';
  const ends = [`-n ${host} link0`, `-n ${host} lan0`, `-n ${other} link0`, `to-${host}`];
  const change = (end: string): string => {
    const [device = '', ...namespace] = end.split(' ').reverse();
    const words = ['tc', ...namespace.reverse(), 'qdisc', on ? 'replace' : 'del', 'dev', device, 'root'];
    return [...words, ...(on ? ['blackhole'] : ['2>/dev/null'])].join(' ');
  };
  // Together: one after the other they would take a while.
  const script = `${ends.map((end) => `${change(end)} &`).join(' ')} wait`;
  execFileSync('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
}

export class Process {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(host: string, script: string, ...args: readonly string[]) {
    const command = ['netns', 'exec', host, process.execPath, join(import.meta.dirname, script), ...args];
    this.#child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin?.on('error', () => undefined);
    if (this.#child.stdout === null) throw new Error('no output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async report(): Promise<Record<string, unknown>> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the process ended without a report');
    return JSON.parse(line.value) as Record<string, unknown>;
  }

  tell(command: string): void {
    this.#child.stdin?.write(`${command}\n`);
  }

  ask(command: string): Promise<Record<string, unknown>> {
    this.tell(command);
    return this.report();
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

export interface Fault {
  /** `power`: the machine goes, with all its links. `process`: only the relay is killed; its kernel lives. */
  readonly kind: 'power' | 'process';
  /** After every connection of the load has been opened. */
  readonly crashMs: number;
  /** From the crash to the takeover: what detection takes. */
  readonly detectMs: number;
}

export interface Outcome {
  readonly seen: Seen;
  /** Connections that the active had just before. */
  readonly before: number;
  /** Replicas that the standby had when it took over. */
  readonly survivable: number;
  readonly takeoverMs: number;
  /** What the machine says in the end that served to the end. */
  readonly after: Record<string, unknown>;
}

/** Until the counts of a machine say so; returns them. */
export async function until(
  machine: Process,
  what: string,
  holds: (counts: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  const since = performance.now();
  for (;;) {
    const counts = await machine.ask('counts');
    if (holds(counts)) return counts;
    if (performance.now() - since > settledMs) throw new Error(`not ${what}: ${JSON.stringify(counts)}`);
    await sleep(5);
  }
}

/** Both machines and the client, with every long-lived connection open and mirrored. */
export async function start(
  family: keyof typeof services,
  load: Load,
  patienceMs = 1000,
): Promise<Record<keyof typeof hosts, Process>> {
  const service = services[family];
  const relay = (name: 'active' | 'standby', other: 'active' | 'standby'): Process =>
    new Process(name, 'relay.ts', name, service, links[name], links[other], '', String(patienceMs));
  const started: Process[] = [];
  const begin = (process: Process): Process => {
    started.push(process);
    return process;
  };
  try {
    const active = begin(relay('active', 'standby'));
    await active.report();
    const standby = begin(relay('standby', 'active'));
    await standby.report();
    // What the client opens is mirrored from its beginning.
    await until(active, 'mirrored', ({ mirroring }) => mirroring === 'mirrored');
    // Of the last trial: the other machine has the address now.
    ip('-n client neigh flush all');
    const client = begin(new Process('client', 'client.ts', service, JSON.stringify(load)));
    // The standby's first: it has a connection before the active's kernel knows of it.
    const least = load.echo + load.idle;
    for (const machine of [standby, active])
      await until(machine, `${least} survivable`, ({ survivable }) => Number(survivable) >= least);
    return { active, standby, client };
  } catch (error) {
    // Nobody else could.
    await Promise.all(started.map((each) => each.kill()));
    throw error;
  }
}

/** The standby loses its power, and nothing tells the active. */
export async function playAbandoned(load: Load): Promise<{ seen: Seen; before: number; after: number }> {
  const { active, standby, client } = await start('ipv4', load);
  try {
    const before = Number((await active.ask('counts'))['survivable']);
    ip('-n standby link set link0 down');
    await standby.kill();
    let counts = await active.ask('counts');
    while (counts['survivable'] !== 0) {
      await sleep(10);
      counts = await active.ask('counts');
    }
    await sleep(500);
    client.endInput();
    const seen = (await client.report()) as unknown as Seen;
    return { seen, before, after: Number((await active.ask('counts'))['survivable']) };
  } finally {
    await Promise.all([client.kill(), active.kill(), standby.kill()]);
    power(true);
  }
}

/** The standby joins when connections live already. Returns what the active counted after new ones had joined them. */
export async function playLate(load: Load): Promise<{ seen: Seen; sessions: number; survivable: number }> {
  const service = services.ipv4;
  const active = new Process('active', 'relay.ts', 'active', service, links.active, links.standby);
  await active.report();
  ip('-n client neigh flush all');
  const client = new Process('client', 'client.ts', service, JSON.stringify(load));
  const old = load.echo + load.idle;
  let standby: Process | undefined;
  try {
    while (Number((await active.ask('counts'))['sessions']) < old) await sleep(5);
    standby = new Process('standby', 'relay.ts', 'standby', service, links.standby, links.active);
    await standby.report();
    let counts = await active.ask('counts');
    while (counts['survivable'] === 0) counts = await active.ask('counts');
    client.endInput();
    const seen = (await client.report()) as unknown as Seen;
    return { seen, sessions: Number(counts['sessions']), survivable: Number(counts['survivable']) };
  } finally {
    await Promise.all([client.kill(), active.kill(), standby?.kill()]);
  }
}

/** The role goes there and back, `times` times each way; nobody fails. Returns what each machine says in the end. */
export async function playSwitchovers(
  load: Load,
  times: number,
): Promise<{ seen: Seen; taken: readonly number[]; after: readonly Record<string, unknown>[] }> {
  const { active, standby, client } = await start('ipv4', load);
  const taken: number[] = [];
  try {
    for (let turn = 0; turn < 2 * times; turn++) {
      const [from, to] = turn % 2 === 0 ? [active, standby] : [standby, active];
      await sleep(200 + Math.random() * 300);
      await from.ask('yield');
      const took = await to.ask('takeover');
      taken.push(Number(took['replicas']));
      // The next one is as good only when the new standby has what the new active has.
      const mirrored = async (): Promise<boolean> => {
        const { sessions, survivable, partner } = await to.ask('counts');
        return partner === 'standby' && sessions === survivable;
      };
      const since = performance.now();
      while (!(await mirrored())) {
        await sleep(5);
        if (performance.now() - since < 8000) continue;
        const told = [await from.ask('counts'), await to.ask('counts')];
        throw new Error(`not mirrored after switchover ${turn + 1}: ${JSON.stringify(told)}`);
      }
    }
    client.endInput();
    const seen = (await client.report()) as unknown as Seen;
    return { seen, taken, after: [await active.ask('counts'), await standby.ask('counts')] };
  } finally {
    await Promise.all([client.kill(), active.kill(), standby.kill()]);
  }
}

/** The cable breaks when the old active has yielded, and the new one leads before it is whole again. */
export async function playBroken(load: Load): Promise<{ seen: Seen; counts: Record<string, unknown> }> {
  const { active, standby, client } = await start('ipv4', load, 10_000);
  const until = async (holds: (counts: Record<string, unknown>) => boolean): Promise<void> => {
    while (!holds(await standby.ask('counts'))) await sleep(5);
  };
  try {
    await active.ask('yield');
    await until(({ partner }) => partner === 'standby');
    ip('-n active link set link0 down');
    await until(({ partner }) => partner === 'absent');
    await standby.ask('takeover');
    ip('-n active link set link0 up');
    await until(({ partner }) => partner === 'standby');
    await sleep(500);
    const counts = await standby.ask('counts');
    client.endInput();
    return { seen: (await client.report()) as unknown as Seen, counts };
  } finally {
    await Promise.all([client.kill(), active.kill(), standby.kill()]);
  }
}

/** Without a fault nothing happens for a second. */
export async function play(family: keyof typeof services, load: Load, fault?: Fault): Promise<Outcome> {
  const { active, standby, client } = await start(family, load);
  try {
    await sleep(fault?.crashMs ?? 1000);
    const before = Number((await active.ask('counts'))['sessions']);
    let survivable = 0;
    let takeoverMs = 0;
    if (fault !== undefined) {
      const dead = active.kill();
      if (fault.kind === 'power') power(false);
      await dead;
      await sleep(fault.detectMs);
      const took = await standby.ask('takeover');
      survivable = Number(took['replicas']);
      takeoverMs = Number(took['ms']);
      await sleep(1000);
    }
    client.endInput();
    const seen = (await client.report()) as unknown as Seen;
    return {
      seen,
      before,
      survivable,
      takeoverMs,
      after: await (fault === undefined ? active : standby).ask('counts'),
    };
  } finally {
    await Promise.all([client.kill(), active.kill(), standby.kill()]);
    power(true);
  }
}
