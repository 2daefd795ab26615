/** The lab's result for people. */
import { faultByName, isFaultName } from './fault.ts';
import type { LabPlan } from './plan.ts';
import type { LabResult } from './result.ts';
import type { TableEntry } from './topology.ts';
import type { Trial } from './trial.ts';

export function formatResult(result: LabResult): string {
  const first = result.trials[0];
  const parts = [heading(result)];
  if (first !== undefined) {
    parts.push(
      table(
        `Fig. 2A  the hosts' address tables before: ${first.victim} is active`,
        'before',
        first,
        result.plan,
      ),
      table(`Fig. 2B  after: ${first.successor ?? 'nobody'} is active`, 'after', first, result.plan),
      timeline(first),
      probe(first),
    );
  }
  if (result.trials.length > 1) parts.push(trialsTable(result.trials));
  parts.push(verdict(result));
  return `${parts.join('\n\n')}\n`;
}

function heading(result: LabResult): string {
  const facts = Object.entries(result.facts).map(([name, value]) => `${name} ${value}`);
  const fault = isFaultName(result.fault) ? faultByName(result.fault).summary : result.fault;
  return [
    '',
    `  ${result.system} · ${result.scenario} · ${result.fault}: ${fault}`,
    `  ${facts.join(' · ')} · Linux ${result.kernel}${result.rootless ? ' · rootless' : ''}`,
    ...(result.stream === undefined
      ? []
      : [`  TCP stream beside it: ${result.stream.meanMbps} Mbit/s on average (${result.stream.rate})`]),
  ].join('\n');
}

function table(title: string, when: 'before' | 'after', trial: Trial, plan: LabPlan): string {
  const owners = new Map<string, string>();
  for (const machine of [...plan.members, ...plan.hosts]) owners.set(machine.mac, machine.name);
  const shared = [plan.service4, plan.service6];
  const lines = Object.entries(trial.hosts).flatMap(([host, tables]) =>
    tables[when].filter((entry) => shared.includes(entry.address)).map((entry) => row(host, entry, owners)),
  );
  return [`  ${title}`, ...lines].join('\n');
}

function row(host: string, entry: TableEntry, owners: ReadonlyMap<string, string>): string {
  const owner = owners.get(entry.mac ?? '') ?? '?';
  const mac = entry.mac ?? '(unresolved)';
  return `    ${host.padEnd(8)}${entry.address.padEnd(20)}${mac.padEnd(20)}${owner.padEnd(12)}${entry.state}`;
}

const moments = [
  ['detected', 'a surviving daemon saw it'],
  ['decided', 'and decided to take over'],
  ['announced', 'told the hosts (unsolicited ARP reply, neighbour advertisement)'],
  ['captureAnnounced', 'the announcement entered the switch (capture)'],
  ['firstAnswer', 'host-a has the first answer of the new one'],
] as const;

function timeline(trial: Trial): string {
  const lines = moments.flatMap(([name, meaning]) => {
    const after = trial.afterFaultUs[name];
    return after === null ? [] : [`    ${microseconds(after)}  ${name.padEnd(18)}${meaning}`];
  });
  return ['  Timeline', `    ${microseconds(0)}  ${'fault'.padEnd(18)}${trial.victim}`, ...lines].join('\n');
}

function microseconds(us: number): string {
  const grouped = String(Math.round(us)).replace(/\B(?=(\d{3})+$)/g, ' ');
  return `${`+${grouped}`.padStart(10)} µs`;
}

function probe({ probe: p, returned, victim }: Trial): string {
  const late = p.late === 0 ? '' : `; ${p.late} answers of ${victim} came after the first of the new one`;
  return [
    `  What host-a saw, asking every ${p.intervalUs / 1000} ms`,
    `    blackout ${p.blackoutMs.toFixed(2)} ms, ${p.lost} of ${p.sent} requests lost${late}`,
    `    return to service after ${returned.ms.toFixed(0)} ms, ${returned.probe.lost} requests lost meanwhile`,
  ].join('\n');
}

function trialsTable(trials: readonly Trial[]): string {
  const columns = ['trial', 'victim', ...moments.map(([name]) => name), 'blackout ms', 'lost', ''];
  const widths = columns.map((name) => Math.max(name.length, 9) + 2);
  const line = (cells: readonly string[]): string =>
    `    ${cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('')}`;
  const rows = trials.map((trial) =>
    line([
      String(trial.trial),
      trial.victim,
      ...moments.map(([name]) => String(trial.afterFaultUs[name] ?? '-')),
      trial.probe.blackoutMs.toFixed(2),
      String(trial.probe.lost),
      trial.ok ? '' : 'FAILED',
    ]),
  );
  return ['  Trials, µs after the fault', line(columns), ...rows].join('\n');
}

function verdict(result: LabResult): string {
  const troubles = result.trials.flatMap((t) => t.why.map((why) => `    trial ${t.trial}: ${why}`));
  if (result.failure !== undefined) troubles.push(`    ${result.failure}`);
  if (result.ok) return '  ok: everything is as it must be';
  return ['  FAILED', ...troubles].join('\n');
}
