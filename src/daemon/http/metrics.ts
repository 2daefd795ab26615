/** The status as Prometheus reads it: its text format 0.0.4 (prometheus.io, "Exposition formats"). Mirrored services only. */
import type { RelayStatus } from '../../api/relay.ts';
import type { Status } from '../../api/types.ts';

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

type Kind = 'gauge' | 'counter' | 'histogram';
type Labels = Readonly<Record<string, string>>;

/** A number of a relay. */
type Reading = readonly [
  name: string,
  kind: 'gauge' | 'counter',
  help: string,
  value: (relay: RelayStatus) => number,
];

const prefix = 'understudy_mirror_';

const readings: readonly Reading[] = [
  [
    'standby_counts',
    'gauge',
    '1: this relay is active, and every packet waits for its standby.',
    standbyCounts,
  ],
  ['sessions', 'gauge', 'Connections that this machine has a socket of.', (relay) => relay.sessions],
  [
    'sessions_survivable',
    'gauge',
    'Connections that go on when this machine ends.',
    (relay) => relay.survivable,
  ],
  ['sessions_lost_total', 'counter', 'Connections given up.', (relay) => relay.lost],
  ['sessions_reset_total', 'counter', 'Connections reset after a takeover.', (relay) => relay.reset],
  [
    'sessions_diverged_total',
    'counter',
    'Connections whose two servers said different things.',
    (relay) => relay.diverged,
  ],
  [
    'sessions_overdue_total',
    'counter',
    'Connections closed without their replica, which did not come to its end.',
    (relay) => relay.overdue,
  ],
  [
    'packets_refused_total',
    'counter',
    'Packets of connections that nobody has, answered with a reset.',
    (relay) => relay.refused,
  ],
  [
    'packets_dropped_total',
    'counter',
    'Packets turned away because too much waited for the standby.',
    (relay) => relay.dropped,
  ],
  ['behind_bytes', 'gauge', 'What waits for the standby.', (relay) => relay.bytesBehind],
];

/** A metric of which there is no sample is not named. */
export function metricsText(status: Status): string {
  const mirrored = status.groups.filter(({ relayRestarts }) => relayRestarts !== null);
  const relays = mirrored.flatMap(({ name, sessions }) =>
    sessions === null ? [] : [{ labels: { group: name }, relay: sessions }],
  );
  const metrics = [
    metric(
      'relay_up',
      'gauge',
      '1: the relay of the group runs, and has told its numbers.',
      mirrored.map((group) => sample('relay_up', { group: group.name }, group.sessions === null ? 0 : 1)),
    ),
    metric(
      'relay_restarts_total',
      'counter',
      'Relays that ended, and were started again.',
      mirrored.map((group) =>
        sample('relay_restarts_total', { group: group.name }, group.relayRestarts ?? 0),
      ),
    ),
    metric(
      'role',
      'gauge',
      'What the relay is: 1, and what it is not: 0.',
      relays.flatMap(({ labels, relay }) =>
        (['active', 'standby'] as const).map((role) =>
          sample('role', { ...labels, role }, relay.role === role ? 1 : 0),
        ),
      ),
    ),
    ...readings.map(([name, kind, help, value]) =>
      metric(
        name,
        kind,
        help,
        relays.map(({ labels, relay }) => sample(name, labels, value(relay))),
      ),
    ),
    metric(
      'commit_seconds',
      'histogram',
      'How long packets waited until the standby had them.',
      relays.flatMap(({ labels, relay }) => histogram('commit_seconds', labels, relay.latency)),
    ),
  ];
  return metrics.join('');
}

function standbyCounts({ role, mirroring }: RelayStatus): number {
  return role === 'active' && mirroring === 'mirrored' ? 1 : 0;
}

/** The relay's last step is open: only `+Inf` holds it. */
function histogram(name: string, labels: Labels, latency: RelayStatus['latency']): string[] {
  let count = 0;
  const buckets = latency.steps.slice(0, -1).map((step, index) => {
    count += step;
    return sample(`${name}_bucket`, { ...labels, le: String(2 ** index / 1e6) }, count);
  });
  return [
    ...buckets,
    sample(`${name}_bucket`, { ...labels, le: '+Inf' }, latency.count),
    sample(`${name}_sum`, labels, latency.sumUs / 1e6),
    sample(`${name}_count`, labels, latency.count),
  ];
}

function metric(name: string, kind: Kind, help: string, samples: readonly string[]): string {
  if (samples.length === 0) return '';
  return `# HELP ${prefix}${name} ${help}\n# TYPE ${prefix}${name} ${kind}\n${samples.join('')}`;
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${prefix}${name}{${pairs.join(',')}} ${value}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
