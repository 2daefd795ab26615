/**
 * A TCP stream beside the probes (iperf3): from a host to the active member's own address, so that its machine is busy
 * with traffic that is not the service's. It follows the role from trial to trial.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { monotonicUs } from '../linux/clock.ts';
import type { HostPlan, MemberPlan, NodePlan } from './plan.ts';
import { ip } from './topology.ts';
import { until } from './until.ts';

export interface StreamResult {
  /** What iperf3 was told to hold to (`-b`), or "unlimited". */
  readonly rate: string;
  /** What the host sent on average over the whole run, interruptions included, Mbit/s. */
  readonly meanMbps: number;
}

const port = 5201;
/** Longer than any run: it ends with the lab. Seconds. */
const forever = 86_400;
/** The stream flows when the host has sent so much since it began. */
const flowingBytes = 256 * 1024;

/** A program in a machine of the lab, in a process group of its own. */
interface Running {
  readonly child: ChildProcess;
  readonly complaint: () => string;
}

export class Stream {
  readonly #host: HostPlan;
  readonly #rate: string | undefined;
  #member: MemberPlan | undefined;
  #server: Running | undefined;
  #client: Running | undefined;
  #beganUs = 0;
  #beganBytes = 0;

  /** `rate`: as iperf3's `-b` takes it (200M); absent, as much as TCP gets through. Throws when iperf3 is missing. */
  constructor(host: HostPlan, rate?: string) {
    if (spawnSync('iperf3', ['--version']).error !== undefined) {
      throw new Error('a TCP stream needs iperf3, which is not installed; apt install iperf3');
    }
    this.#host = host;
    this.#rate = rate;
  }

  /** Resolves when the stream flows to `member`, which it already may. Rejects with iperf3's words. */
  async aim(member: MemberPlan): Promise<void> {
    if (this.#beganUs === 0) {
      this.#beganUs = monotonicUs();
      this.#beganBytes = this.#sentBytes();
    }
    if (this.#member === member && running(this.#client) && running(this.#server)) return;
    this.close();
    // A server that lost its client without a word believes it still there and refuses the next: always a new one.
    await until('the former stream has ended', () => !running(this.#client) && !running(this.#server));
    this.#member = member;
    this.#server = start(member.name, ['-s', '-B', member.address4, '-p', String(port)]);
    const limit = this.#rate === undefined ? [] : ['-b', this.#rate];
    const client = ['-c', member.address4, '-p', String(port), '-t', String(forever), ...limit];
    const before = this.#sentBytes();
    const flows = (): boolean => {
      // Refused while the server is not listening yet.
      if (!running(this.#client)) this.#client = start(this.#host.name, client);
      return this.#sentBytes() - before > flowingBytes;
    };
    const why = (): string => `${this.#client?.complaint() ?? ''} ${this.#server?.complaint() ?? ''}`.trim();
    await until(`the TCP stream flows to ${member.name}`, flows, undefined, why);
  }

  /** The server on `member`, which dies with its machine: its process group's id, or undefined when there is none. */
  serverOn(member: NodePlan): number | undefined {
    return this.#member === member && running(this.#server) ? this.#server?.child.pid : undefined;
  }

  result(): StreamResult {
    const bits = (this.#sentBytes() - this.#beganBytes) * 8;
    const meanMbps = Math.round(bits / Math.max(1, monotonicUs() - this.#beganUs));
    return { rate: this.#rate ?? 'unlimited', meanMbps };
  }

  close(): void {
    this.#client?.child.kill('SIGKILL');
    this.#server?.child.kill('SIGKILL');
  }

  #sentBytes(): number {
    const [link] = JSON.parse(ip(['-n', this.#host.name, '-j', '-s', 'link', 'show', 'eth0'])) as {
      readonly stats64: { readonly tx: { readonly bytes: number } };
    }[];
    return link?.stats64.tx.bytes ?? 0;
  }
}

function start(namespace: string, options: readonly string[]): Running {
  const child = spawn('ip', ['netns', 'exec', namespace, 'iperf3', ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-1000);
  });
  // A missing `ip` shows as an ended process.
  child.on('error', () => undefined);
  return { child, complaint: () => complaint.trim() };
}

function running(program: Running | undefined): boolean {
  return program !== undefined && program.child.exitCode === null && program.child.signalCode === null;
}
