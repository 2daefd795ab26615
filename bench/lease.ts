/**
 * What it costs to keep a voice: the renewal that the reactor makes every few milliseconds, and what a strict group's
 * extension adds. In a network namespace of its own.
 *
 *   node bench/lease.ts [--count 100000] [--groups 1] [--shared]
 *
 * `--shared`: tables that others may change, as before Linux 6.9, and whoever does is listened for.
 */
import { parseArgs } from 'node:util';
import { monotonicUs } from '../src/linux/clock.ts';
import { Fence } from '../src/linux/fence/fence.ts';
import { interfaceIndex } from '../src/linux/interfaces.ts';
import { setLinkUp } from '../src/linux/route/requests.ts';
import { RouteSocket } from '../src/linux/route/socket.ts';
import { setFifo } from '../src/linux/sched.ts';
import { Tun } from '../src/linux/tun.ts';
import { type IpAddress, readIpv4 } from '../src/wire/address.ts';
import { enclose } from './enclose.ts';
import { markdownTable, spread } from './statistics.ts';

/** Long enough that none runs out between two renewals, milliseconds. */
const leaseMs = 10_000;
const warmUp = 5000;

interface Cost {
  readonly what: string;
  readonly wallUs: readonly number[];
  /** Processor time of the process for one, microseconds. */
  readonly cpuUs: number;
  /** Garbage for one, bytes of V8's heap. */
  readonly bytes: number;
  readonly refused: number;
}

/** `again`: what to do after a refusal: the process was held up for longer than it may be. */
function measure(what: string, count: number, work: () => boolean, again: () => void): Cost {
  let refused = 0;
  const tried = (): void => {
    if (work()) return;
    refused++;
    again();
  };
  for (let round = 0; round < warmUp; round++) tried();
  const wallUs: number[] = new Array(count).fill(0);
  globalThis.gc?.();
  const cpu = process.cpuUsage();
  for (let round = 0; round < count; round++) {
    const beganUs = monotonicUs();
    tried();
    wallUs[round] = monotonicUs() - beganUs;
  }
  const { user, system } = process.cpuUsage(cpu);
  return { what, wallUs, cpuUs: (user + system) / count, bytes: garbage(tried), refused };
}

/** In pieces that fit the young generation, so that what is counted was not collected meanwhile; the least of several. */
function garbage(work: () => void): number {
  const piece = 1000;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20; round++) {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let one = 0; one < piece; one++) work();
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / piece);
  }
  return Math.max(0, least);
}

function run(): void {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '100000' },
      groups: { type: 'string', default: '1' },
      shared: { type: 'boolean', default: false },
    },
  });
  const count = Number(values.count);
  Tun.open({ name: 'bench0', kind: 'tap' });
  const route = RouteSocket.open();
  route.batch([setLinkUp(interfaceIndex('bench0'))]);
  const addresses: IpAddress[] = [readIpv4(Uint8Array.of(192, 0, 2, 10), 0)];
  const ids = Array.from({ length: Number(values.groups) }, (_, index) => index + 1);
  const fence = Fence.arm({
    instance: 'bench',
    leaseMs,
    groups: ids.map((id) => ({ id, interface: 'bench0', addresses: id === 1 ? addresses : [] })),
    ownDevices: [],
    own: !values.shared,
  });
  const fifo = setFifo(10) === null;
  const limitMs = (): number => leaseMs;
  const take = (limit?: () => number): void => {
    for (const id of ids) fence.yield(id);
    for (const id of ids) if (!fence.acquire(id, () => true, limit)) throw new Error('it did not open');
  };
  take();
  const available = measure(
    'renewal (available)',
    count,
    () => fence.renew() === 'held',
    () => take(),
  );
  take(limitMs);
  const strict = measure(
    'extension (strict)',
    count,
    () => fence.extend(1, limitMs),
    () => take(limitMs),
  );
  fence.remove();
  const rows = [available, strict].map(({ what, wallUs, cpuUs, bytes, refused }) => {
    const s = spread(wallUs);
    return [
      what,
      [s?.median, s?.p99, s?.max].join(' / '),
      cpuUs.toFixed(1),
      bytes.toFixed(0),
      String(refused),
    ];
  });
  const how = `${count} of each, ${ids.length} groups held, ${fifo ? 'SCHED_FIFO' : 'ordinary scheduling'}`;
  const whose = fence.offer.own ? 'tables of our own' : 'tables that others may change';
  process.stdout.write(
    `lease: ${how}, ${whose}\n${markdownTable(['', 'median / p99 / max, µs', 'CPU, µs', 'garbage, bytes', 'held up'], rows)}\n`,
  );
}

enclose(import.meta.filename);
run();
