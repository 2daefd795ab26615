/**
 * What the relay costs while nothing fails: `node bench/relay-cost.ts [--rounds 5] [--trips 2000] [--upload 67108864]`. The same
 * server is reached directly, behind a relay that is alone, and behind one that is mirrored, in turn: round trips of 64 bytes,
 * one at a time, and an upload. Client, active and standby are namespaces around a bridge; the link is a veth pair.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inNamespace, ip } from '../test/namespace.ts';
import { Scene } from '../test/sessions/scene.ts';
import { build, links, Process, services } from '../test/sessions/trial.ts';
import { markdownTable } from './statistics.ts';

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
  readonly uploadMBs: number;
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
const rows: string[][] = [];
for (let number = 1; number <= Number(values.rounds); number++) {
  for (const way of ways) {
    const { medianUs, p99Us, uploadMBs } = await round(way);
    rows.push([String(number), way, String(medianUs), String(p99Us), String(uploadMBs)]);
  }
}
process.stdout.write(`${markdownTable(['round', 'way', 'median µs', 'p99 µs', 'upload MB/s'], rows)}\n`);
await Promise.all(servers.map((server) => server.kill()));
process.exit(0);
