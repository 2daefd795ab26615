/**
 * A member with N addresses behind a proxy: how long a takeover takes, and what the proxy needs for it.
 *
 *   node bench/many.ts [--addresses 1000] [--trials 20]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import type { Director } from '../src/lab/director.ts';
import { nodesOf } from '../src/lab/layout.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { planFig1b } from '../src/lab/plan-fig1b.ts';
import { runTrial, type Trial } from '../src/lab/trial.ts';
import { progress, rehearse } from './rehearsal.ts';
import { formatSpread } from './statistics.ts';

interface Options {
  readonly addresses: number;
  readonly trials: number;
}

function options(): Options {
  const { values } = parseArgs({
    options: { addresses: { type: 'string', default: '1000' }, trials: { type: 'string', default: '20' } },
  });
  return { addresses: Number(values.addresses), trials: Number(values.trials) };
}

/** Half of them IPv4, of the documentation networks (RFC 5737), half IPv6 (RFC 3849); none that the lab uses. */
function further(count: number): string[] {
  const v4 = ['203.0.113', '198.51.100', '192.0.2'].flatMap((net) =>
    Array.from({ length: 120 + 128 }, (_, index) => `${net}.${index + 8}`),
  );
  const free = v4.filter((address) => !/^192\.0\.2\.(10|101|102)$/.test(address));
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0 && index / 2 < free.length
      ? (free[index / 2] ?? '')
      : `2001:db8:0:1::${(0x1000 + index).toString(16)}`,
  );
}

/** The daemons' files are written and not read yet. */
function addAddresses(director: Director, count: number): void {
  for (const { name } of nodesOf(director.plan)) {
    const file = `/run/understudy/${name}.yaml`;
    const configuration = parse(readFileSync(file, 'utf8')) as { groups: { web: { addresses: string[] } } };
    const { addresses } = configuration.groups.web;
    addresses.push(...further(count - addresses.length));
    writeFileSync(file, stringify(configuration), { mode: 0o600 });
  }
}

/** Resident memory of each daemon, MiB. */
function memory(director: Director): Record<string, number> {
  return Object.fromEntries(
    nodesOf(director.plan).map((node) => {
      const status = readFileSync(`/proc/${director.system.target(node)}/status`, 'utf8');
      return [node.name, Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)];
    }),
  );
}

async function measure(director: Director, o: Options): Promise<boolean> {
  addAddresses(director, o.addresses);
  await director.open();
  const metronome = new Metronome();
  const trials: Trial[] = [];
  const before = memory(director);
  for (let trial = 1; trial <= o.trials; trial++) {
    trials.push(await runTrial(director, 'kill', trial));
    progress(`trial ${trial}: blackout ${trials.at(-1)?.probe.blackoutMs} ms`);
  }
  const after = memory(director);
  metronome.stop();
  const calm = trials.filter(({ timelineUs: { faultAt, firstAnswer } }) => {
    return metronome.during(faultAt - 20_000, (firstAnswer ?? faultAt) + 20_000).length === 0;
  });
  const ms = (name: keyof Trial['afterFaultUs']): string =>
    formatSpread(
      calm.flatMap((trial) => trial.afterFaultUs[name] ?? []).map((us) => us / 1000),
      2,
    );
  process.stdout.write(
    [
      `${o.addresses} addresses, daemon of the active member killed ${o.trials} times, ${calm.length} without a stall; ms`,
      `  decided ${ms('decided')}; announced ${ms('announced')}; first answer ${ms('firstAnswer')}`,
      `  resident memory, MiB, at the start ${JSON.stringify(before)}, afterwards ${JSON.stringify(after)}`,
      '',
    ].join('\n'),
  );
  return trials.every(({ ok }) => ok);
}

await rehearse(import.meta.filename, options, measure, () => ({
  plan: planFig1b({ topology: 'both', link: true }),
}));
