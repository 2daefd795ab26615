/** `understudy status` for a person: the worst first to meet the eye is the role, then who is heard, then the lease. */
import type { RelayStatus } from '../api/relay.ts';
import type { GroupStatus, PeerStatus, ProxiedStatus, Status } from '../api/types.ts';

/** `nowUs`: CLOCK_MONOTONIC of this machine, the clock of `lastHeardUs`. */
export function statusPage(status: Status, nowUs: number): string {
  const { lease, lateness, realtime } = status;
  const refused = Object.entries(status.refused).filter(([, count]) => count > 0);
  const facts = [
    ['node', `${status.node} of cluster ${status.cluster}`],
    ['daemon', `understudy ${status.version}, process ${status.pid}, up ${duration(status.uptimeMs)}`],
    [
      'lease',
      `${lease.held ? 'held' : 'not held'}, ${lease.leaseMs} ms, ${lease.renewals} renewals, ${lease.lapses} lapses`,
    ],
    ['lateness', `last ${milliseconds(lateness.lastUs)}, worst ${milliseconds(lateness.maxUs)}`],
    ['realtime', realtime.fifo ? 'SCHED_FIFO' : `ordinary scheduling (${realtime.why ?? 'not asked for'})`],
    ['refused', refused.length === 0 ? 'no datagrams' : refused.map(([why, n]) => `${why} ${n}`).join(', ')],
  ];
  const behind = status.groups.some(({ proxy }) => proxy !== null);
  const groups = [
    ['GROUP', 'ROLE', 'TERM', 'ACTIVE', 'HEALTHY', ...(behind ? ['PROXY'] : []), 'ADDRESSES'],
    ...status.groups.map((group) => groupRow(group, behind)),
  ];
  const checks = status.groups.flatMap((group) =>
    group.checks.map((check) => [
      `${group.name}/${check.name}`,
      check.healthy ? 'healthy' : 'UNHEALTHY',
      check.detail ?? 'has not run yet',
    ]),
  );
  const peers = [
    ['PEER', 'STATE', 'PATH', 'STATE', 'TETHER', 'LAST HEARD'],
    ...peerRows(status.peers, nowUs),
  ];
  const parts = [...(status.groups.length > 0 ? [table(groups)] : []), ...notes(status.groups)];
  parts.push(
    ...sessions(status),
    ...proxied(status),
    ...votes(status),
    ...conflicts(status, nowUs),
    table(peers),
  );
  if (checks.length > 0) parts.push(table([['CHECK', 'STATE', 'LAST RUN'], ...checks]));
  return [...parts, table(facts)].join('\n');
}

const waits = {
  nothing: '',
  port: ', waits for its port',
  probe: ', asks whether the address is free',
  address: ', waits for the ADDRESS IN USE',
};

function groupRow(group: GroupStatus, behind: boolean): string[] {
  const { proxy } = group;
  const registered = proxy === null ? 'none' : `${proxy.name}${proxy.registered ? '' : ' NOT REGISTERED'}`;
  return [
    group.name,
    `${group.role}${waits[group.waitsFor ?? 'nothing']}`,
    termOf(group),
    group.active ?? 'nobody known',
    group.healthy ? 'yes' : 'NO',
    ...(behind ? [registered] : []),
    addressesOf(group),
  ];
}

/** What a role that an operator has pinned means, said of this member. */
export const pinnedText: Readonly<Record<'active' | 'standby' | 'nothing', string>> = {
  active: 'in maintenance: keeps the role, whatever its checks say, and hands it to nobody',
  standby: 'in maintenance: does not take over, whatever happens',
  nothing: 'not in maintenance',
};

/** What is out of the ordinary in a group, a line each. */
function notes(groups: readonly GroupStatus[]): string[] {
  const lines = groups.flatMap(({ name, maintenance, damping, others, warnings }) => [
    ...warnings.map((warning) => `WARNING  ${name}: ${warning}\n`),
    ...(maintenance === null ? [] : [`${name}: ${pinnedText[maintenance]}\n`]),
    ...(damping.heldBackMs > 0
      ? [`${name}: held back ${duration(damping.heldBackMs)} (${damping.falls} falls)\n`]
      : []),
    ...others
      .filter((other) => other.maintenance)
      .map((other) => `${name}: ${other.name} is in maintenance\n`),
    ...others.filter((other) => other.heldBack).map((other) => `${name}: ${other.name} is held back\n`),
  ]);
  return lines.length === 0 ? [] : [lines.join('')];
}

/** Mirrored services: how many connections there are, and how many of them would survive this machine. */
function sessions({ groups }: Status): string[] {
  const mirrored = groups.filter(({ relayRestarts }) => relayRestarts !== null);
  if (mirrored.length === 0) return [];
  const now = mirrored.map(({ name, sessions: relay }) =>
    relay === null ? [name, 'NO RELAY', '-', '-', '-', '-', '-', '-'] : [name, ...relayNow(relay)],
  );
  const since = mirrored.map(({ name, sessions: relay, relayRestarts }) => [
    name,
    String(relayRestarts),
    ...(relay === null
      ? sinceHead.map(() => '-')
      : [relay.lost, relay.reset, relay.diverged, relay.overdue, relay.refused, relay.dropped].map(String)),
  ]);
  return [
    table([['SERVICE OF', ...nowHead], ...now]),
    table([['SERVICE OF', 'RELAY RESTARTS', ...sinceHead], ...since]),
  ];
}

const nowHead = [
  ...['RELAY', 'PACKETS', 'PARTNER', 'SESSIONS', 'SURVIVABLE', 'BYTES BEHIND', 'COMMITS p50 p99 max'],
];
const sinceHead = ['LOST', 'RESET', 'DIVERGED', 'OVERDUE', 'PACKETS REFUSED', 'PACKETS DROPPED'];

function relayNow(relay: RelayStatus): string[] {
  const { count, p50Us, p99Us, maxUs } = relay.latency;
  return [
    relay.role,
    relay.mirroring === 'alone' && relay.role === 'active' ? 'NOT MIRRORED' : relay.mirroring,
    relay.partner,
    String(relay.sessions),
    String(relay.survivable),
    String(relay.bytesBehind),
    count === 0 ? 'none yet' : [p50Us, p99Us, maxUs].map(milliseconds).join(', '),
  ];
}

/** What this node is a proxy of, and who is registered with it. */
function proxied({ proxied: groups }: Status): string[] {
  if (groups.length === 0) return [];
  const rows = groups.map((group) => [
    group.name,
    group.role,
    termOf(group),
    group.answering ? 'yes' : 'no',
    group.routesTo ?? 'nobody',
    String(group.held),
    addressesOf(group),
  ]);
  const registrations = groups.flatMap((group) =>
    group.registrations.map(({ member, state, remainingUs }) => [
      group.name,
      member,
      state,
      milliseconds(remainingUs),
    ]),
  );
  return [
    table([['PROXY OF', 'STATE', 'TERM', 'ANSWERS', 'ROUTES TO', 'WAITING', 'ADDRESSES'], ...rows]),
    table([['PROXY OF', 'REGISTERED', 'AS', 'RUNS OUT IN'], ...registrations]),
  ];
}

/** Who else claimed the addresses last. */
function conflicts({ groups, proxied: served }: Status, nowUs: number): string[] {
  const rows = [...groups, ...served].flatMap(({ name, conflict }) =>
    conflict === null
      ? []
      : [
          [
            name,
            conflict.address,
            conflict.mac,
            conflict.member ?? 'a stranger',
            conflict.how,
            `${heardAgo(nowUs - conflict.atUs)} ago`,
            String(conflict.claims),
            conflict.interface,
          ],
        ],
  );
  if (rows.length === 0) return [];
  return [table([['CONFLICT', 'ADDRESS', 'MAC', 'WHOSE', 'HOW', 'LAST', 'CLAIMS', 'ON'], ...rows])];
}

/** Whom this node has promised strict groups to. */
function votes({ votes: cast }: Status): string[] {
  if (cast.length === 0) return [];
  const rows = cast.map(({ group, promisedTo, remainingUs }) => [
    group,
    promisedTo ?? 'nobody',
    promisedTo === null ? '-' : milliseconds(remainingUs),
  ]);
  return [table([['VOTE IN', 'PROMISED TO', 'RUNS OUT IN'], ...rows])];
}

function termOf({ term: { counter, member } }: GroupStatus | ProxiedStatus): string {
  return counter === 0 ? '-' : `${counter}/${member}`;
}

/** A few, and how many more. */
function addressesOf({ addresses, interface: name }: GroupStatus | ProxiedStatus): string {
  const shown = addresses.slice(0, 4).join(', ');
  const more = addresses.length > 4 ? ` and ${addresses.length - 4} more` : '';
  return `${shown}${more} on ${name}`;
}

function peerRows(peers: readonly PeerStatus[], nowUs: number): string[][] {
  return peers.flatMap((peer) =>
    peer.paths.map((path, index) => [
      index === 0 ? peer.name : '',
      index === 0 ? upOrDown(peer.up) : '',
      path.name,
      upOrDown(path.up),
      path.tether ? 'yes' : 'no',
      path.lastHeardUs === null ? 'never' : `${heardAgo(nowUs - path.lastHeardUs)} ago`,
    ]),
  );
}

function upOrDown(up: boolean): string {
  return up ? 'up' : 'DOWN';
}

/** Columns padded to the widest cell; the last one is not. */
function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function milliseconds(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`;
}

function heardAgo(us: number): string {
  return us < 1_000_000 ? milliseconds(Math.max(us, 0)) : duration(us / 1000);
}

/** The two largest units: `3 h 12 min`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}
