/**
 * Machines on one switch, each a network namespace of its own with `lan0` and the address 192.0.2.N, and real daemons on
 * them. `host` (192.0.2.9) only listens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Occurrence, Status } from '../../src/api/types.ts';
import { followEvents, readStatus } from '../../src/lab/control-client.ts';
import { until } from '../../src/lab/until.ts';
import { neighbourFilter } from '../../src/linux/bpf.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { formatIp, formatMac } from '../../src/wire/address.ts';
import { decodeNeighbourFrame } from '../../src/wire/frame.ts';
import { inPeer, ip } from '../namespace.ts';

const cli = join(import.meta.dirname, '../../src/cli/main.ts');
/** Daemons start, compile and settle, milliseconds. */
const settleMs = 30_000;

export const leaseMs = 400;
export const shared = '192.0.2.10';

export function macOf(last: number): string {
  return `02:00:5e:00:53:0${last}`;
}

export function laySwitch(): void {
  ip('netns add switch');
  ip('-n switch link add br0 type bridge mcast_snooping 0');
  ip('-n switch link set br0 up');
  machine('host', 9);
}

/** A machine that is plugged in. */
export function machine(name: string, last: number): void {
  ip(`netns add ${name}`);
  ip(`-n ${name} link set lo up`);
  plug(name, last);
}

/** Its interface, which may have been unplugged before. */
export function plug(name: string, last: number): void {
  const device = `address ${macOf(last)} type veth peer name port${last} netns switch`;
  ip(`-n ${name} link add lan0 ${device}`);
  ip(`-n switch link set port${last} master br0 up`);
  ip(`-n ${name} address add 192.0.2.${last}/24 dev lan0`);
  ip(`-n ${name} link set lan0 up`);
}

/** `primaryAt`: the last byte of the primary's address. `name`: of the state directory and the socket. */
export function configuration(o: { node: string; name: string; primaryAt?: number }): string {
  return `cluster: attacked
node: ${o.node}
key: "${'ab'.repeat(32)}"
stateDir: /run/${o.name}
control: /run/${o.name}.sock
heartbeat: { intervalMs: 20, misses: 5 }
lease: { leaseMs: ${leaseMs}, renewMs: 20 }
startup: { graceMs: 300 }
damping: { firstMs: 0 }
announce: { scheduleMs: [100, 200] }
realtime: false
members: { primary: { id: 1 }, redundant: { id: 2 } }
paths:
  lan: { id: 1, kind: lan, port: 7170, members: { primary: { interface: lan0, address: 192.0.2.${o.primaryAt ?? 1} }, redundant: { interface: lan0, address: 192.0.2.2 } } }
groups:
  web:
    interface: lan0
    addresses: [${shared}]
    members: { primary: { priority: 200 }, redundant: { priority: 100 } }
`;
}

export interface DaemonOptions {
  readonly machine: string;
  readonly text: string;
  /** As in `text`. */
  readonly name: string;
  /** Loaded into its threads before anything else. */
  readonly preload?: string;
}

const started: Daemon[] = [];

after(() => Promise.all(started.map((daemon) => daemon.kill())));

/** Ends with the test file. */
export class Daemon {
  readonly events: Occurrence[] = [];
  readonly name: string;
  readonly socket: string;
  readonly process: ChildProcess;
  /** The exit status. */
  readonly ended: Promise<number | null>;
  #complaints = '';

  static start({ machine: where, text, name, preload }: DaemonOptions): Daemon {
    mkdirSync('/run/files', { recursive: true });
    const file = `/run/files/${name}.yaml`;
    writeFileSync(file, text, { mode: 0o600 });
    const flags = preload === undefined ? [] : ['--import', preload];
    const words = ['netns', 'exec', where, process.execPath, ...flags, cli, 'run', '-c', file];
    return new Daemon(name, spawn('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  private constructor(name: string, child: ChildProcess) {
    started.push(this);
    this.name = name;
    this.socket = `/run/${name}.sock`;
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (words: string) => {
        this.#complaints = (this.#complaints + words).slice(-4000);
      });
    }
    this.ended = once(child, 'exit').then(([code]) => code as number | null);
  }

  /** Everything it said. */
  get words(): string {
    return this.#complaints;
  }

  status(): Promise<Status> {
    return readStatus(this.socket);
  }

  /** Resolves when it has this role, and follows its events from then on. */
  async becomes(role: string): Promise<void> {
    await until(
      `${this.socket} is ${role}`,
      async () => (await this.status().catch(() => undefined))?.groups[0]?.role === role,
      settleMs,
      () => this.#complaints,
    );
    await this.answers();
  }

  /** Resolves when it answers, and follows its events from then on. */
  async answers(): Promise<void> {
    const asked = async (): Promise<boolean> => (await this.status().catch(() => undefined)) !== undefined;
    await until(`${this.socket} answers`, asked, settleMs, () => this.#complaints);
    if (this.events.length === 0) this.#follow();
    await until('its events are here', () => this.events.length > 0);
  }

  /** Until it ends, in whatever way. */
  #follow(): void {
    followEvents(this.socket, (event) => this.events.push(event)).catch(() => undefined);
  }

  /** The events with this code since `since` (a number of events). */
  said(code: string, since = 0): Occurrence[] {
    return this.events.slice(since).filter((event) => event.code === code);
  }

  async untilSaid(code: string, since = 0): Promise<Occurrence> {
    await until(
      `it says ${code}`,
      () => this.said(code, since).length > 0,
      settleMs,
      () => JSON.stringify(this.events.slice(since)),
    );
    return this.said(code, since)[0] as Occurrence;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}

/** Two machines with their daemons, the primary active. By machine: what is loaded before anything else. */
export async function pair(
  preloads: { readonly primary?: string; readonly redundant?: string } = {},
): Promise<{ primary: Daemon; redundant: Daemon }> {
  const start = (node: 'primary' | 'redundant'): Daemon => {
    const { [node]: preload } = preloads;
    const text = configuration({ node, name: node });
    return Daemon.start({ machine: node, name: node, text, ...(preload === undefined ? {} : { preload }) });
  };
  const primary = start('primary');
  await primary.becomes('active');
  const redundant = start('redundant');
  await redundant.becomes('standby');
  await until('they hear each other', async () => (await primary.status()).peers.every(({ up }) => up));
  return { primary, redundant };
}

/** Listens on the host for ARP that says the shared address, and from which MAC. */
export class Ear {
  readonly macs: string[] = [];
  readonly #socket: PacketSocket = inPeer('host', () =>
    PacketSocket.open({ interface: 'lan0', filter: neighbourFilter() }),
  );

  /** What has come since it was asked last; each frame, too. */
  hear(each: (frame: Uint8Array) => void = () => undefined): readonly string[] {
    this.macs.length = 0;
    while (
      this.#socket.receive((bytes) => {
        const frame = decodeNeighbourFrame(bytes);
        if (!frame.ok || frame.value.kind !== 'arp' || formatIp(frame.value.senderIp) !== shared) return;
        this.macs.push(formatMac(frame.value.senderMac));
        each(bytes);
      }) > 0
    );
    return this.macs;
  }

  close(): void {
    this.#socket.close();
  }
}
