/**
 * The machines of the patent's fig. 1B: two hosts and two proxies on a LAN, and behind each proxy a member on a segment
 * of its own. Link 141 joins the members.
 *
 *   host-a   host-b          192.0.2.101, .102
 *     |        |
 *   ==+========+====+========+====  LAN 192.0.2.0/24, 2001:db8:0:1::/64
 *                   |        |
 *               proxy-a   proxy-b   192.0.2.1, .2
 *                   |        |      198.51.100.0/30, 198.51.100.4/30; 2001:db8:0:a::/64, 2001:db8:0:b::/64
 *              primary ==== redundant
 *                     link 141      203.0.113.0/30
 */
import { nodesOnLan } from './layout.ts';
import {
  type Attachment,
  ends,
  type LabPlan,
  type MemberPlan,
  onLan,
  type PathPlan,
  type ProxyPlan,
  planHosts,
  type RoutePlan,
  type Segment,
  service,
} from './plan.ts';

/** Who has a proxy: each member its own; only the primary; both the same one. */
export type Topology = 'both' | 'one' | 'shared';

export const topologies: readonly Topology[] = ['both', 'one', 'shared'];

export interface Fig1bShape {
  readonly topology: Topology;
  /** Link 141 exists. Without it the members hear each other through the proxies only. */
  readonly link: boolean;
  /** Hosts and members can reach each other at their own addresses, too, as a TCP stream beside the probes needs. */
  readonly reachable?: boolean;
}

const linkBridge = 'link141';
const pathPorts = { link: 7169, segment: 7170, lan: 7171, routed: 7172 } as const;

/** One half of the chassis. */
interface Side {
  readonly letter: 'a' | 'b';
  readonly member: 'primary' | 'redundant';
  readonly id: 1 | 2;
  readonly proxy?: string;
  /** Of the IPv4 segment: the proxy has the first address after it, the member the second. */
  readonly base: number;
}

const sides: Record<Topology, readonly [Side, Side]> = {
  both: [
    { letter: 'a', member: 'primary', id: 1, proxy: 'proxy-a', base: 0 },
    { letter: 'b', member: 'redundant', id: 2, proxy: 'proxy-b', base: 4 },
  ],
  one: [
    { letter: 'a', member: 'primary', id: 1, proxy: 'proxy-a', base: 0 },
    { letter: 'b', member: 'redundant', id: 2, base: 4 },
  ],
  shared: [
    { letter: 'a', member: 'primary', id: 1, proxy: 'proxy-a', base: 0 },
    { letter: 'b', member: 'redundant', id: 2, proxy: 'proxy-a', base: 4 },
  ],
};

export function planFig1b(shape: Fig1bShape): LabPlan {
  const both = sides[shape.topology];
  const members = both.map((side) => planMember(side, shape.link));
  const names = [...new Set(both.flatMap(({ proxy }) => proxy ?? []))];
  const proxies = names.map((name, index) => planProxy(name, index + 1, both));
  const hosts = planHosts();
  const plan = { members, proxies, witnesses: [], hosts, strangers: [] };
  const routes = [...routesBetween(plan), ...(shape.reachable === true ? routesToHosts(plan) : [])];
  return { ...plan, policy: 'available', paths: planPaths(plan, shape), routes, ...service };
}

type Machines = Pick<LabPlan, 'members' | 'proxies' | 'witnesses' | 'hosts'>;

function planMember(side: Side, link: boolean): MemberPlan {
  const { member: name, id, proxy } = side;
  const mac = `02:00:00:00:00:0${id}`;
  const cable = {
    interface: 'link0',
    mac: `02:00:00:00:01:0${id}`,
    address4: `203.0.113.${id}`,
    prefix4: 30,
    bridge: linkBridge,
    port: `link-${name}`,
  };
  const place =
    proxy === undefined
      ? onLan(name, id, mac)
      : { ...onSegment(side, 2, mac), lanPort: `seg-${name}`, proxy };
  return { name, id, ...place, ...(link ? { cable } : {}) };
}

/** `number`: 1 for the proxy, 2 for the member. */
function onSegment(side: Side, number: 1 | 2, mac: string): Attachment & { readonly address6: string } {
  return {
    interface: 'seg0',
    mac,
    address4: `198.51.100.${side.base + number}`,
    prefix4: 30,
    address6: `2001:db8:0:${side.letter}::${number}`,
    bridge: `seg-${side.letter}`,
  };
}

function planProxy(name: string, number: number, both: readonly Side[]): ProxyPlan {
  const segments = both
    .filter(({ proxy }) => proxy === name)
    .map((side, index): Segment => {
      const wire = onSegment(side, 1, `02:00:00:00:02:0${side.id}`);
      return { ...wire, interface: `seg${index}`, port: `seg-${side.letter}-proxy`, member: side.member };
    });
  return { name, id: 10 + number, ...onLan(name, number, `02:00:00:00:00:1${number}`), segments };
}

function planPaths(machines: Machines, { topology, link }: Fig1bShape): PathPlan[] {
  const { members, proxies } = machines;
  const cables = members.flatMap((m) => (m.cable === undefined ? [] : [{ ...m.cable, name: m.name }]));
  const segments = proxies.flatMap((proxy) =>
    proxy.segments.flatMap((segment) =>
      members
        .filter(({ name }) => name === segment.member)
        .map((member): PathPlan => {
          const both = ends([{ ...segment, name: proxy.name }, member]);
          return {
            name: segment.bridge,
            id: 1 + member.id,
            kind: 'cable',
            port: pathPorts.segment,
            ends: both,
          };
        }),
    ),
  );
  const hops = topology === 'both' ? 2 : 1;
  const paths: PathPlan[] = [
    { name: 'link', id: 1, kind: 'cable', port: pathPorts.link, ends: ends(link ? cables : []) },
    ...segments,
    { name: 'lan', id: 4, kind: 'lan', port: pathPorts.lan, ends: ends(nodesOnLan(machines)) },
    { name: 'routed', id: 5, kind: 'lan', hops, port: pathPorts.routed, ends: ends(members) },
  ];
  return paths.filter((path) => Object.keys(path.ends).length > 1);
}

/** So that members reach each other through the proxies. */
function routesBetween(machines: Machines): RoutePlan[] {
  const { members, proxies } = machines;
  const segments = proxies.flatMap((proxy) => proxy.segments.map((segment) => ({ proxy, segment })));
  const behind = segments.flatMap(({ segment }) =>
    members
      .filter(({ name }) => name !== segment.member)
      .flatMap((other) =>
        routes(segment.member, other.proxy === undefined ? hostNet(other) : network(other), segment),
      ),
  );
  const outside = segments.flatMap(({ proxy, segment }) =>
    nodesOnLan(machines)
      .filter((node) => node !== proxy)
      .flatMap((node) => routes(node.name, network(segment), proxy)),
  );
  return [...behind, ...outside];
}

function routesToHosts({ proxies, hosts }: Machines): RoutePlan[] {
  return proxies.flatMap((proxy) =>
    proxy.segments.flatMap((segment) =>
      hosts.flatMap((host) => [
        ...routes(host.name, network(segment), proxy),
        ...routes(segment.member, hostNet(host), segment),
      ]),
    ),
  );
}

type Networks = readonly [v4: string, v6: string];
type Addressed = Pick<Segment, 'address4' | 'address6'>;

/** The two networks of a segment, by any address in it. */
function network({ address4, address6 }: Addressed): Networks {
  const last = Number(address4.split('.')[3]);
  return [`198.51.100.${last & ~3}/30`, `${address6.split('::')[0]}::/64`];
}

function hostNet({ address4, address6 }: Addressed): Networks {
  return [`${address4}/32`, `${address6}/128`];
}

/** One of each family. */
function routes(machine: string, [v4, v6]: Networks, via: Addressed): RoutePlan[] {
  return [
    { machine, to: v4, via: via.address4 },
    { machine, to: v6, via: via.address6 },
  ];
}
