import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RelayStatus } from '../../src/api/relay.ts';
import type { GroupStatus, Status } from '../../src/api/types.ts';
import { statusPage } from '../../src/cli/status-page.ts';
import { metricsText } from '../../src/daemon/http/metrics.ts';
import { Latency } from '../../src/relay/latency.ts';

const waitsUs = [1, 2, 3, 700, 9_000_000];

function relayOf(change: Partial<RelayStatus> = {}): RelayStatus {
  const latency = new Latency();
  for (const us of waitsUs) latency.add(us);
  return {
    ...{ pid: 7, role: 'active', partner: 'standby', mirroring: 'mirrored', sessions: 26, survivable: 24 },
    ...{ lost: 1, reset: 2, diverged: 3, overdue: 4, refused: 5, dropped: 6, bytesBehind: 1448 },
    latency: latency.report(),
    ...change,
  } as RelayStatus;
}

function statusOf(...groups: Pick<GroupStatus, 'name' | 'sessions' | 'relayRestarts'>[]): Status {
  const common: Omit<GroupStatus, 'name' | 'sessions' | 'relayRestarts'> = {
    ...{
      role: 'active',
      term: { counter: 1, member: 'a' },
      active: 'a',
      members: [],
      addresses: ['192.0.2.10'],
    },
    ...{ interface: 'lan0', healthy: true, waitsFor: null, conflict: null, checks: [], maintenance: null },
    ...{ damping: { falls: 0, heldBackMs: 0 }, others: [], warnings: [], proxy: null },
  };
  return {
    ...{ cluster: 'c', node: 'a', version: '0', pid: 1, uptimeMs: 1, realtime: { fifo: true, why: null } },
    lease: { leaseMs: 20, held: true, lapses: 0, renewals: 0 },
    groups: groups.map((group) => ({ ...common, ...group })),
    ...{ proxied: [], votes: [], peers: [], refused: {}, lateness: { lastUs: 0, maxUs: 0 } },
  };
}

/** Samples by name and labels. A line that is none fails. */
function read(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const typed = new Map<string, string>();
  for (const line of text.trimEnd().split('\n')) {
    const told = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (told?.[1] === 'TYPE') typed.set(told[2] ?? '', told[3] ?? '');
    if (told !== null) continue;
    const [, name = '', labels, value] =
      /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\}) (\S+)$/.exec(line) ?? assert.fail(line);
    const of = name.replace(/_(?:bucket|sum|count)$/, '');
    const kind = typed.get(name) ?? typed.get(of) ?? assert.fail(`${name} has no TYPE before it`);
    assert.equal(name.endsWith('_total'), kind === 'counter', name);
    assert.equal(samples.has(`${name}${labels}`), false, line);
    samples.set(`${name}${labels}`, Number(value));
  }
  return samples;
}

const exported = {
  ...{ relay_up: 1, relay_restarts_total: 8, standby_counts: 1, sessions: 26, sessions_survivable: 24 },
  ...{
    sessions_lost_total: 1,
    sessions_reset_total: 2,
    sessions_diverged_total: 3,
    sessions_overdue_total: 4,
  },
  ...{ packets_refused_total: 5, packets_dropped_total: 6, behind_bytes: 1448, commit_seconds_count: 5 },
};

test('a relay’s numbers, by group', () => {
  const samples = read(metricsText(statusOf({ name: 'web', sessions: relayOf(), relayRestarts: 8 })));
  const value = (name: string, labels = ''): number | undefined =>
    samples.get(`understudy_mirror_${name}{group="web"${labels}}`);
  const found = Object.fromEntries(Object.keys(exported).map((name) => [name, value(name)]));
  assert.deepEqual(found, exported);
  assert.deepEqual([value('role', ',role="active"'), value('role', ',role="standby"')], [1, 0]);
});

test('the histogram is cumulative, in seconds, and its last bucket has all', () => {
  const samples = read(metricsText(statusOf({ name: 'web', sessions: relayOf(), relayRestarts: 0 })));
  const buckets = [...samples].flatMap(([name, count]) => {
    const le = /commit_seconds_bucket\{group="web",le="(.+)"\}/.exec(name)?.[1];
    return le === undefined
      ? []
      : [{ seconds: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count }];
  });
  assert.ok(buckets.length > 10);
  for (const [index, { seconds, count }] of buckets.entries()) {
    assert.ok(seconds > (buckets[index - 1]?.seconds ?? 0));
    assert.equal(count, waitsUs.filter((us) => us <= seconds * 1e6).length, `up to ${seconds} s`);
  }
  assert.equal(buckets.at(-1)?.seconds, Number.POSITIVE_INFINITY);
  assert.equal(samples.get('understudy_mirror_commit_seconds_sum{group="web"}'), 9.000706);
});

test('a standby counts only for an active whose packets wait for it', () => {
  for (const [change, counts] of [
    [{}, 1],
    [{ mirroring: 'alone' }, 0],
    [{ mirroring: 'waiting' }, 0],
    [{ role: 'standby' }, 0],
  ] as const) {
    const text = metricsText(statusOf({ name: 'web', sessions: relayOf(change), relayRestarts: 0 }));
    assert.equal(read(text).get('understudy_mirror_standby_counts{group="web"}'), counts);
  }
});

test('without a relay it says so; without a mirrored service, nothing', () => {
  const text = metricsText(
    statusOf(
      { name: 'a"b\\', sessions: null, relayRestarts: 2 },
      { name: 'c', sessions: null, relayRestarts: null },
    ),
  );
  assert.deepEqual(
    [...read(text)],
    [
      [String.raw`understudy_mirror_relay_up{group="a\"b\\"}`, 0],
      [String.raw`understudy_mirror_relay_restarts_total{group="a\"b\\"}`, 2],
    ],
  );
  assert.equal(metricsText(statusOf({ name: 'c', sessions: null, relayRestarts: null })), '');
});

test('the status page says the same in words', () => {
  const page = statusPage(statusOf({ name: 'web', sessions: relayOf(), relayRestarts: 8 }), 0);
  assert.match(page, /^web +active +mirrored +standby +26 +24 +1448 +0\.00 ms, 9000 ms, 9000 ms$/m);
  assert.match(page, /^web +8 +1 +2 +3 +4 +5 +6$/m);
  const without = statusPage(statusOf({ name: 'web', sessions: null, relayRestarts: 1 }), 0);
  assert.match(without, /^web +NO RELAY/m);
});
