/**
 * A host that uses the service: sends a numbered datagram at a fixed interval to each target and notes when and by
 * whom it is answered. The only thing of ours that runs on a host. Runs as a station (loop.ts).
 */
import { monotonicUs } from '../linux/clock.ts';
import { setFifo } from '../linux/sched.ts';
import { UdpSocket } from '../linux/udp-socket.ts';
import { type IpAddress, parseIp } from '../wire/address.ts';
import { StationLoop, say } from './loop.ts';
import { ProbeRecord, type ProbeSummary } from './probe-record.ts';

export interface ProbeOptions {
  readonly interface: string;
  readonly targets: readonly ProbeTarget[];
  /** SCHED_FIFO priority, 0 for none: how evenly the requests leave. */
  readonly fifoPriority: number;
}

export interface ProbeTarget {
  readonly localAddress: string;
  readonly address: string;
  readonly port: number;
  readonly intervalUs: number;
}

/** Judges the window fromUs..toUs (see ProbeRecord.summary); the answer is one ProbeSummary per target. */
export type ProbeCommand = {
  readonly do: 'judge';
  readonly fromUs: number;
  readonly toUs: number;
  readonly faultUs: number;
  readonly victim: string;
  readonly fencedUs: number;
};

/** From now on `member` answers target number `target`. */
export interface ProbeEvent {
  readonly event: 'answeredBy';
  readonly target: number;
  readonly member: string;
  readonly atUs: number;
}

class Stream {
  readonly record: ProbeRecord;
  readonly #index: number;
  readonly #socket: UdpSocket;
  readonly #to: IpAddress;
  readonly #port: number;
  readonly #request = Buffer.alloc(8);
  #dueUs = 0;
  #member = '';

  constructor(index: number, target: ProbeTarget, device: string) {
    this.#index = index;
    this.#to = address(target.address);
    this.#port = target.port;
    this.record = new ProbeRecord(target.intervalUs);
    this.#socket = UdpSocket.open({
      interface: device,
      localAddress: address(target.localAddress),
      port: 40_000 + index,
    });
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** Sends what is due; returns when the next is. A late loop skips, it does not burst. */
  send(nowUs: number): number {
    if (nowUs < this.#dueUs) return this.#dueUs;
    this.#dueUs = Math.max(this.#dueUs + this.record.intervalUs, nowUs + this.record.intervalUs / 2);
    const number = this.record.send(monotonicUs());
    this.#request.writeUInt32BE(number, 0);
    // A refusal (no route while the entry is unresolved) is a lost request, which the record shows.
    this.#socket.send(this.#request, this.#request.length, this.#to, this.#port);
    return this.#dueUs;
  }

  receive(): void {
    const atUs = monotonicUs();
    this.#socket.receive((bytes) => {
      if (bytes.length < 9) return;
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const member = view.toString('latin1', 8);
      this.record.answer(view.readUInt32BE(0), member, atUs);
      if (member === this.#member) return;
      this.#member = member;
      say({ event: 'answeredBy', target: this.#index, member, atUs } satisfies ProbeEvent);
    });
  }
}

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no IP address`);
  return parsed;
}

const options = JSON.parse(process.argv[2] ?? '{}') as ProbeOptions;
const streams = options.targets.map((target, index) => new Stream(index, target, options.interface));
const loop = new StationLoop<ProbeCommand>((command): readonly ProbeSummary[] =>
  streams.map((stream) => stream.record.summary(command)),
);
for (const stream of streams) loop.watch(stream.fd, () => stream.receive());
if (options.fifoPriority > 0) setFifo(options.fifoPriority);
loop.run((nowUs) => Math.min(...streams.map((stream) => stream.send(nowUs))));
