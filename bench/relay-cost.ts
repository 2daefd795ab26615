/**
 * What the relay costs while nothing fails: `node bench/relay-cost.ts [--rounds 5] [--trips 2000] [--upload 67108864]`. The same
 * server is reached directly, behind a relay that is alone, and behind one that is mirrored, in turn: round trips of 64 bytes,
 * one at a time, and two uploads. Client, active and standby are namespaces around a bridge; the link is a veth pair. Of each
 * round the ways are compared; the last lines are medians of that.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inNamespace, ip } from '../test/namespace.ts';
import { Scene } from '../test/sessions/scene.ts';
import { build, links, Process, services } from '../test/sessions/trial.ts';
import { markdownTable, spread } from './statistics.ts';

inNamespace(import.meta.filename);
build();

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    trips: { type: 'string', default: '2000' },
    upload: { type: 'string', default: String(64 << 20) },
  },
});

interface Cost {
  readonly medianUs: number;
  readonly p99Us: number;
  readonly firstMBs: number;
  readonly nextMBs: number;
}

const ways = ['direct', 'alone', 'mirrored'] as const;
type Way = (typeof ways)[number];
const direct = '192.0.2.2';

async function measure(host: string, port: number): Promise<Cost> {
  ip('-n client neigh flush all');
  const script = join('..', '..', 'bench', 'relay-client.ts');
  const client = new Process('client', script, host, String(port), values.trips, values.upload);
  return (await client.report()) as unknown as Cost;
}

async function round(way: Way): Promise<Cost> {
  if (way === 'direct') return measure(direct, 8081);
  const place = `${direct} 8081`;
  if (way === 'alone') {
    const paths = [links.active, links.standby];
    const active = new Process('active', 'relay.ts', 'active', services.ipv4, ...paths, place);
    await active.report();
    const cost = await measure(services.ipv4, 7000);
    await active.kill();
    return cost;
  }
  const scene = await Scene.open('127.0.0.1 8081');
  const cost = await measure(services.ipv4, 7000);
  await scene.close();
  return cost;
}

const servers = [
  new Process('active', 'odd-server.ts', 'active', '0.0.0.0'),
  new Process('standby', 'odd-server.ts', 'standby', '0.0.0.0'),
];
for (const server of servers) await server.report();
const costs: Readonly<Record<Way, Cost>>[] = [];
for (let number = 1; number <= Number(values.rounds); number++) {
  const [direct, alone, mirrored] = [await round('direct'), await round('alone'), await round('mirrored')];
  costs.push({ direct, alone, mirrored });
}
const rows = costs.flatMap((cost, index) =>
  ways.map((way) => {
    const { medianUs, p99Us, firstMBs, nextMBs } = cost[way];
    return [String(index + 1), way, ...[medianUs, p99Us, firstMBs, nextMBs].map(String)];
  }),
);
const columns = ['round', 'way', 'median µs', 'p99 µs', 'first upload MB/s', 'next upload MB/s'];
process.stdout.write(`${markdownTable(columns, rows)}\n`);
/** Of what each round says, the median. */
const pairs = (of: (cost: Readonly<Record<Way, Cost>>) => number): number =>
  spread(costs.map(of))?.median ?? Number.NaN;
for (const other of ['direct', 'alone'] as const) {
  const added = pairs(({ mirrored, [other]: base }) => mirrored.medianUs - base.medianUs);
  const first = pairs(({ mirrored, [other]: base }) => mirrored.firstMBs / base.firstMBs);
  const next = pairs(({ mirrored, [other]: base }) => mirrored.nextMBs / base.nextMBs);
  process.stdout.write(
    `mirrored against ${other}: ${added} µs added; upload ${first.toFixed(2)}, next ${next.toFixed(2)}\n`,
  );
}
await Promise.all(servers.map((server) => server.kill()));
process.exit(0);
