/**
 * How much of plain kernel routing's throughput a proxy passes: TCP from a host to the member behind it, in pairs: to the
 * group's address, and over the very same machines and wires to the member's own address. Before the daemons start, and
 * with them: what the fence's base chains cost everybody shows there.
 *
 *   node bench/throughput.ts [--pairs 10] [--seconds 3]
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { planFig1b } from '../src/lab/plan-fig1b.ts';
import { inNamespace } from '../src/lab/topology.ts';
import { progress, rehearse } from './rehearsal.ts';
import { formatSpread } from './statistics.ts';

interface Options {
  readonly pairs: number;
  readonly seconds: number;
}

const port = '5202';

function options(): Options {
  const { values } = parseArgs({
    options: { pairs: { type: 'string', default: '10' }, seconds: { type: 'string', default: '3' } },
  });
  return { pairs: Number(values.pairs), seconds: Number(values.seconds) };
}

/** Gbit/s of one stream from `host` to `address` on `server`; `-1`: the server ends with it. */
function stream(host: string, server: string, address: string, seconds: number): number {
  inNamespace(server, ['iperf3', '-s', '-1', '-D', '-B', address, '-p', port]);
  const words = ['netns', 'exec', host, 'iperf3', '-c', address, '-p', port, '-t', String(seconds), '-J'];
  const told = JSON.parse(execFileSync('ip', words, { encoding: 'utf8' })) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return told.end.sum_received.bits_per_second / 1e9;
}

/** In pairs, each of them first in turn, so that a drift of the machine's speed meets both. */
async function compare(director: Director, o: Options): Promise<boolean> {
  const { plan } = director;
  const host = plan.hosts[0]?.name ?? '';
  const plain: number[] = [];
  const [primary] = plan.members;
  if (primary === undefined) throw new Error('the plan has no members');
  // Later the daemons see to it.
  for (const { name } of plan.proxies) inNamespace(name, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  for (let round = 0; round < o.pairs; round++)
    plain.push(stream(host, primary.name, primary.address4, o.seconds));
  progress(`without daemons: ${formatSpread(plain, 2)} Gbit/s`);
  await director.open();
  const active = await director.ready();
  // It would read every acknowledgement from the group's address, and of the other stream none.
  await director.switchboard.close();
  const shared: number[] = [];
  const own: number[] = [];
  const ratios: number[] = [];
  for (let pair = 1; pair <= o.pairs; pair++) {
    const first = pair % 2 === 0 ? active.address4 : plan.service4;
    const second = pair % 2 === 0 ? plan.service4 : active.address4;
    const measured = new Map([[first, stream(host, active.name, first, o.seconds)]]);
    measured.set(second, stream(host, active.name, second, o.seconds));
    const one = measured.get(plan.service4) ?? 0;
    const other = measured.get(active.address4) ?? 0;
    shared.push(one);
    own.push(other);
    ratios.push(one / other);
    progress(
      `pair ${pair}: ${one.toFixed(2)} and ${other.toFixed(2)} Gbit/s, ratio ${(one / other).toFixed(3)}`,
    );
  }
  process.stdout.write(
    [
      `throughput through a proxy, ${o.pairs} pairs of ${o.seconds} s, Gbit/s as min / median / p99 / max`,
      `  plain routing, no daemons running: ${formatSpread(plain, 2)}`,
      `  plain routing, daemons running:    ${formatSpread(own, 2)}`,
      `  to the group's address:            ${formatSpread(shared, 2)}`,
      `  ratio pair by pair:                ${formatSpread(ratios, 3)}`,
      '',
    ].join('\n'),
  );
  const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? 0;
  return median >= 0.95;
}

await rehearse(import.meta.filename, options, compare, () => ({
  plan: planFig1b({ topology: 'both', link: true, reachable: true }),
}));
