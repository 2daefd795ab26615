/** The lab's result for people. */
import { faultByName } from './fault.ts';
import { machinesOf } from './layout.ts';
import { formatAdministration, formatSessions } from './pbx/report.ts';
import type { LabPlan } from './plan.ts';
import type { ProxyView } from './readiness.ts';
import type { LabResult } from './result.ts';
import type { TableEntry } from './topology.ts';
import type { Trial } from './trial.ts';

/** The patent's figures of the hosts' tables before and after. */
const figures: Readonly<Record<string, readonly [before: string, after: string]>> = {
  fig1a: ['2A', '2B'],
  fig1b: ['3A', '3B'],
  pbx: ['3A', '3B'],
};

export function formatResult(result: LabResult): string {
  const { plan } = result;
  const first = result.trials[0];
  const parts = [heading(result)];
  if (first !== undefined) {
    const [before = '', after = ''] = figures[result.scenario] ?? [];
    const active = (name: string): string => `${name} is active${behind(name, plan)}`;
    parts.push(
      table(
        `Fig. ${before}  the hosts' address tables before: ${active(first.victim)}`,
        'before',
        first,
        plan,
      ),
      table(`Fig. ${after}  after: ${active(first.successor ?? 'nobody')}`, 'after', first, plan),
      ...(plan.proxies.length > 0 ? [proxies(first)] : []),
      timeline(first, struckName(result, first)),
      probe(first),
      ...sessionsOf(first, plan),
    );
  }
  if (result.trials.length > 1) parts.push(trialsTable(result.trials));
  parts.push(verdict(result));
  return `${parts.join('\n\n')}\n`;
}

function sessionsOf({ sessions }: Trial, plan: LabPlan): string[] {
  if (sessions === undefined) return [];
  return [formatSessions(sessions, plan.hosts.at(-1)?.name ?? ''), formatAdministration(sessions)];
}

function proxyName(member: string, plan: LabPlan): string | undefined {
  return plan.members.find(({ name }) => name === member)?.proxy;
}

function behind(member: string, plan: LabPlan): string {
  const proxy = proxyName(member, plan);
  return proxy === undefined ? '' : ` behind ${proxy}`;
}

function struckName({ plan }: LabResult, { victim, fault }: Trial): string {
  const proxy = proxyName(victim, plan) ?? victim;
  return faultByName(fault).at === 'proxy' ? proxy : victim;
}

function heading(result: LabResult): string {
  const facts = Object.entries(result.facts).map(([name, value]) => `${name} ${value}`);
  const heads = result.faults.map(
    (fault) => `  ${result.system} · ${result.scenario} · ${fault}: ${faultByName(fault).summary}`,
  );
  return [
    '',
    ...heads,
    `  ${facts.join(' · ')} · Linux ${result.kernel}${result.rootless ? ' · rootless' : ''}`,
    ...(result.stream === undefined
      ? []
      : [`  TCP stream beside it: ${result.stream.meanMbps} Mbit/s on average (${result.stream.rate})`]),
  ].join('\n');
}

function table(title: string, when: 'before' | 'after', trial: Trial, plan: LabPlan): string {
  const owners = new Map<string, string>();
  for (const machine of machinesOf(plan)) owners.set(machine.mac, machine.name);
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

function proxies(trial: Trial): string {
  const lines = Object.entries(trial.proxies).map(
    ([name, { before, after }]) => `    ${name.padEnd(10)}${activity(before).padEnd(44)}${activity(after)}`,
  );
  const head = `    ${''.padEnd(10)}${'before'.padEnd(44)}after`;
  return ['  Who answers ARP and neighbour discovery for the address', head, ...lines].join('\n');
}

function activity(view: ProxyView | null): string {
  if (view === null) return 'says nothing';
  const { state, answering, routesTo } = view;
  return `${state}, ${answering ? 'answers' : 'silent'}, routes to ${routesTo ?? 'nobody'}`;
}

const moments = [
  ['detected', 'a surviving daemon saw it'],
  ['decided', 'and decided to take over'],
  ['served', 'its proxy began to serve it'],
  ['announced', 'told the hosts (unsolicited ARP reply, neighbour advertisement)'],
  ['captureAnnounced', 'the announcement entered the switch (capture)'],
  ['firstAnswer', 'host-a has the first answer of the new one'],
] as const;

function timeline(trial: Trial, struck: string): string {
  const lines = moments.flatMap(([name, meaning]) => {
    const after = trial.afterFaultUs[name];
    return after === null ? [] : [`    ${microseconds(after)}  ${name.padEnd(18)}${meaning}`];
  });
  return ['  Timeline', `    ${microseconds(0)}  ${'fault'.padEnd(18)}${struck}`, ...lines].join('\n');
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
    `    the longest wait for an answer was ${p.lateMaxMs.toFixed(2)} ms`,
    `    return to service after ${returned.ms.toFixed(0)} ms, ${returned.probe.lost} requests lost meanwhile`,
  ].join('\n');
}

function trialsTable(trials: readonly Trial[]): string {
  const names = moments.map(([name]) => name).filter((n) => trials.some((t) => t.afterFaultUs[n] !== null));
  const columns = ['trial', 'fault', 'victim', ...names, 'blackout ms', 'lost', ''];
  const rows = trials.map((trial) => [
    String(trial.trial),
    trial.fault,
    trial.victim,
    ...names.map((name) => String(trial.afterFaultUs[name] ?? '-')),
    trial.probe.blackoutMs.toFixed(2),
    String(trial.probe.lost),
    trial.ok ? '' : 'FAILED',
  ]);
  const widths = columns.map(
    (name, i) => Math.max(9, name.length, ...rows.map((row) => row[i]?.length ?? 0)) + 2,
  );
  const line = (cells: readonly string[]): string =>
    `    ${cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('')}`;
  return ['  Trials, µs after the fault', ...[columns, ...rows].map(line)].join('\n');
}

function verdict(result: LabResult): string {
  const troubles = result.trials.flatMap((t) => t.why.map((why) => `    trial ${t.trial}: ${why}`));
  if (result.failure !== undefined) troubles.push(`    ${result.failure}`);
  if (result.ok) return '  ok: everything is as it must be';
  return ['  FAILED', ...troubles].join('\n');
}
