/** The hosts' probes: a station on each host, with a stream of requests to each service address. */
import { monotonicUs } from '../linux/clock.ts';
import type { HostPlan, LabPlan } from './plan.ts';
import type { ProbeCommand, ProbeEvent, ProbeOptions, ProbeTarget } from './probe.ts';
import type { ProbeSummary } from './probe-record.ts';
import { Station, scriptPath } from './station.ts';

/** The main stream's interval, and the others': microseconds. */
const mainIntervalUs = 500;
const sideIntervalUs = 10_000;
/** Requests of the last so many microseconds may still be answered. */
const inFlightUs = 20_000;
/** For so long a stream must have been answered to be called steady, microseconds. */
const steadyUs = 100_000;

export interface ProbesOptions {
  readonly fifoPriority: number;
  /** Between two requests of every stream, microseconds; absent: the main stream is fast, the others are slow. */
  readonly intervalUs?: number;
}

export class Probes {
  /** The stream that is reported first: host-a to the IPv4 address. Streams are named "HOST ADDRESS". */
  readonly mainStream: string;
  readonly #plan: LabPlan;
  readonly #options: ProbesOptions;
  readonly #stations: {
    readonly station: Station<ProbeCommand, ProbeEvent>;
    readonly streams: readonly string[];
  }[] = [];
  /** Who answered last, by stream. */
  readonly #answering = new Map<string, string>();

  constructor(plan: LabPlan, options: ProbesOptions) {
    this.#plan = plan;
    this.#options = options;
    this.mainStream = `${plan.hosts[0]?.name} ${plan.service4}`;
  }

  /** Every host begins to ask. */
  start(): void {
    for (const host of this.#plan.hosts) this.#start(host);
  }

  /** The member that answers every stream now, or undefined when they differ or none does. */
  get answering(): string | undefined {
    const names = new Set(this.#answering.values());
    const streams = this.#stations.reduce((sum, probe) => sum + probe.streams.length, 0);
    return names.size === 1 && this.#answering.size === streams ? [...names][0] : undefined;
  }

  /** Who answers what, for an error message. */
  get words(): string {
    return [...this.#answering].map((answer) => answer.join(': ')).join('; ');
  }

  /** By stream. */
  async judge(window: Omit<ProbeCommand, 'do'>): Promise<Readonly<Record<string, ProbeSummary>>> {
    const result: Record<string, ProbeSummary> = {};
    for (const { station, streams } of this.#stations) {
      const summaries = await station.ask<ProbeSummary[]>({ do: 'judge', ...window });
      summaries.forEach((summary, index) => {
        result[streams[index] ?? ''] = summary;
      });
    }
    return result;
  }

  /** What became of the requests since `fromUs`, up to those that may still be answered. */
  async since(
    fromUs: number,
  ): Promise<{ readonly toUs: number; readonly streams: Readonly<Record<string, ProbeSummary>> }> {
    const toUs = monotonicUs() - inFlightUs;
    return {
      toUs,
      streams: await this.judge({ fromUs, toUs, faultUs: fromUs, victim: '', fencedUs: fromUs }),
    };
  }

  /**
   * Since when the last of all streams has been answered by one member without a dark moment, counted from `fromUs`
   * (microseconds); null while some is not.
   */
  async steadySince(fromUs: number): Promise<number | null> {
    const { toUs, streams } = await this.since(fromUs);
    const last = Math.max(...Object.values(streams).map((each) => each.steadyUs ?? Number.POSITIVE_INFINITY));
    return toUs - last > steadyUs ? last : null;
  }

  close(): void {
    for (const { station } of this.#stations) station.close();
  }

  #start(host: HostPlan): void {
    const { service4, service6, servicePort: port, hosts } = this.#plan;
    const { fifoPriority, intervalUs } = this.#options;
    const slow = intervalUs ?? sideIntervalUs;
    const fast = host === hosts[0] ? (intervalUs ?? mainIntervalUs) : slow;
    const targets: ProbeTarget[] = [
      { localAddress: host.address4, address: service4, port, intervalUs: fast },
      { localAddress: host.address6, address: service6, port, intervalUs: slow },
    ];
    const streams = targets.map((target) => `${host.name} ${target.address}`);
    const options: ProbeOptions = { interface: host.interface, targets, fifoPriority };
    const station = Station.start<ProbeCommand, ProbeEvent>({
      namespace: host.name,
      script: scriptPath('probe'),
      options,
      onEvent: (event) => this.#answering.set(streams[event.target] ?? '', event.member),
    });
    this.#stations.push({ station, streams });
  }
}
