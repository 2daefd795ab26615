/** What the YAML file of each of Understudy's daemons in the lab says: docs/CONFIGURATION.md has every setting. No I/O. */
import { segmentOf } from './layout.ts';
import type { LabPlan, MemberPlan, NodePlan, ProxyPlan } from './plan.ts';

export interface Settings {
  readonly intervalMs: number;
  readonly misses: number;
  readonly fifo: boolean;
  /** TCP port on the loopback that is checked. */
  readonly checkedPort?: number;
  readonly lease: Lease;
  /** Between two answers to a stranger's claims, milliseconds; absent: the daemon's default. */
  readonly defendIntervalMs?: number;
  /** The cluster's, 64 hexadecimal digits. */
  readonly key: string;
}

export interface Lease {
  readonly leaseMs: number;
  readonly renewMs: number;
}

/** A jiffy at HZ=250, the lateness of the reactor: see the lease's rule in docs/CONFIGURATION.md. Milliseconds. */
export const jiffyMs = 4;
const latenessMarginMs = { fifo: 4, ordinary: 40 };

export function leaseFor(fifo: boolean): Lease {
  const renewMs = 4;
  const margin = fifo ? latenessMarginMs.fifo : latenessMarginMs.ordinary;
  return { leaseMs: Math.max(20, renewMs + jiffyMs + margin + 12), renewMs };
}

/** For so long after its start a daemon is slow to judge a peer's silence: each trial waits for the end of it. */
export const graceMs = 400;

/** The one group. */
export const groupName = 'web';

/** `place`: what is this machine's alone. */
export function configurationOf(
  plan: LabPlan,
  node: NodePlan,
  place: { readonly stateDir: string; readonly control: string },
  s: Settings,
): object {
  const { members, proxies, witnesses, policy, mirrored } = plan;
  const [witness] = witnesses;
  return {
    cluster: 'lab',
    node: node.name,
    key: s.key,
    ...place,
    heartbeat: { intervalMs: s.intervalMs, misses: s.misses },
    lease: s.lease,
    startup: { graceMs },
    ...(s.defendIntervalMs === undefined ? {} : { announce: { defendIntervalMs: s.defendIntervalMs } }),
    realtime: s.fifo ? { fifoPriority: 10 } : false,
    members: Object.fromEntries([...members, ...proxies, ...witnesses].map(({ name, id }) => [name, { id }])),
    paths: Object.fromEntries(
      plan.paths.map(({ name, ends, ...path }) => [name, { ...path, members: ends }]),
    ),
    groups: {
      [groupName]: {
        addresses: [plan.service4, plan.service6],
        members: Object.fromEntries(members.map((m) => [m.name, membership(m, plan)])),
        ...(proxies.length === 0
          ? {}
          : { proxies: Object.fromEntries(proxies.map((p) => [p.name, site(p)])) }),
        ...(policy === 'strict' ? { policy } : {}),
        ...(witness === undefined ? {} : { witness: witness.name }),
        ...(mirrored === undefined ? {} : { mirror: mirror(mirrored) }),
        preempt: false,
        standbyAddress: 'present',
        ...(s.checkedPort === undefined ? {} : { checks: [check(s.checkedPort)] }),
      },
    },
  };
}

function mirror({ port, localPort }: { readonly port: number; readonly localPort: number }): object {
  return { mode: 'concurrent', service: port, backend: `127.0.0.1:${localPort}` };
}

/** Both families' addresses: in a planned switchover packets of both are forwarded to the successor. */
function site(node: MemberPlan | ProxyPlan): object {
  return { interface: node.interface, lanAddresses: [node.address4, node.address6] };
}

function membership(member: MemberPlan, plan: LabPlan): object {
  const segment = segmentOf(member, plan);
  const behind =
    segment === undefined ? {} : { proxy: member.proxy, gateways: [segment.address4, segment.address6] };
  return { ...site(member), priority: 250 - 50 * member.id, ...behind };
}

function check(port: number): object {
  const rhythm = { intervalMs: 50, timeoutMs: 40, rise: 2, fall: 2 };
  return { name: 'service', kind: 'tcp', address: '127.0.0.1', port, ...rhythm };
}
