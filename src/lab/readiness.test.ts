import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupStatus, PeerStatus, ProxiedStatus, Status } from '../api/types.ts';
import { planFig1b } from './plan-fig1b.ts';
import { viewOf } from './readiness.ts';

const plan = planFig1b({ topology: 'both', link: true });
const term = { counter: 1, member: 'primary' };

function status(node: string, of: Partial<Pick<Status, 'groups' | 'proxied' | 'peers'>>): Status {
  return {
    cluster: 'lab',
    node,
    version: '0',
    pid: 1,
    uptimeMs: 1,
    realtime: { fifo: false, why: null },
    lease: { leaseMs: 20, held: false, lapses: 0, renewals: 0 },
    groups: [],
    proxied: [],
    votes: [],
    peers: [],
    refused: {},
    lateness: { lastUs: 0, maxUs: 0 },
    ...of,
  };
}

function member(name: string, role: GroupStatus['role'], proxy: string, registered = true): Status {
  const group = {
    name: 'web',
    role,
    term,
    active: 'primary',
    members: [],
    addresses: [],
    interface: 'seg0',
    healthy: true,
    waitsFor: null,
    conflict: null,
  };
  return status(name, {
    groups: [
      {
        ...group,
        checks: [],
        maintenance: null,
        damping: { falls: 0, heldBackMs: 0 },
        others: [],
        warnings: [],
        sessions: null,
        relayRestarts: null,
        proxy: { name: proxy, registered },
      },
    ],
  });
}

function proxy(name: string, serves: string | null): Status {
  const answering = serves !== null;
  const group = { name: 'web', role: answering ? 'serving' : 'idle', answering, routesTo: serves } as const;
  const rest = { term, addresses: [], interface: 'lan0', held: 0, conflict: null, registrations: [] };
  return status(name, { proxied: [{ ...group, ...rest } satisfies ProxiedStatus] });
}

const good = [
  member('primary', 'active', 'proxy-a'),
  member('redundant', 'standby', 'proxy-b'),
  proxy('proxy-a', 'primary'),
  proxy('proxy-b', null),
];

/** The view when one of the daemons says something else. */
function view(other?: Status): ReturnType<typeof viewOf> {
  return viewOf(plan, new Map([...good, ...(other === undefined ? [] : [other])].map((s) => [s.node, s])));
}

test('one member is active, all are registered, and its proxy alone answers: ready', () => {
  assert.deepEqual(view(), { active: ['primary'], ready: true, why: '' });
});

test('what is missing is said', () => {
  const missing = (other: Status, why: RegExp): void => {
    const { ready, why: said } = view(other);
    assert.equal(ready, false);
    assert.match(said, why);
  };
  missing(member('redundant', 'active', 'proxy-b'), /active: primary and redundant/);
  missing(member('primary', 'standby', 'proxy-a'), /active: nobody/);
  missing(member('redundant', 'faulted', 'proxy-b'), /redundant is faulted/);
  missing(member('redundant', 'standby', 'proxy-b', false), /redundant is not registered with proxy-b/);
  missing(proxy('proxy-b', 'redundant'), /proxy-b answers for the address/);
  missing(proxy('proxy-a', null), /proxy-a does not answer for the address/);
  missing(proxy('proxy-a', 'redundant'), /proxy-a routes to redundant/);
});

test('a daemon that is silent, a peer that is not heard, a cable without a tether', () => {
  const without = viewOf(plan, new Map(good.slice(0, 3).map((s) => [s.node, s])));
  assert.match(without.why, /proxy-b does not answer/);
  const path = { name: 'seg-b', up: true, tether: false, lastHeardUs: 1, localAddress: '', peerAddress: '' };
  const peer = (up: boolean, paths: PeerStatus['paths']): Status => ({
    ...proxy('proxy-b', null),
    peers: [{ name: 'redundant', up, paths }],
  });
  assert.match(view(peer(false, [])).why, /proxy-b does not hear redundant/);
  assert.match(view(peer(true, [{ ...path, up: false }])).why, /proxy-b lacks the path seg-b to redundant/);
  assert.match(view(peer(true, [path])).why, /proxy-b lacks the tether seg-b to redundant/);
  assert.equal(view(peer(true, [{ ...path, name: 'lan' }])).ready, true);
});
