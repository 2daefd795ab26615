/**
 * Who is where: members on the hosts' LAN, behind proxies of their own or behind a shared one; and the paths they hear
 * each other on. Drawn from a stream of its own, so that a world of members only is the one it was without proxies.
 */
import type { NodeId, PathId } from '../wire/control/message.ts';
import type { Random } from './random.ts';

export interface PathPlan {
  readonly id: PathId;
  readonly cable: boolean;
  readonly members: readonly NodeId[];
  /** Routed by proxies: the parts from the first to the second of `members`. Passes nothing where one of them does not. */
  readonly legs?: readonly Leg[];
}

export interface Leg {
  readonly path: PathPlan;
  readonly from: NodeId;
  readonly to: NodeId;
}

export interface Wiring {
  readonly paths: readonly PathPlan[];
  readonly proxies: readonly NodeId[];
  /** Machines that only have a vote. */
  readonly witnesses: readonly NodeId[];
  /** A member that is not in it serves the hosts' LAN itself. */
  readonly proxyOf: ReadonlyMap<NodeId, NodeId>;
  /** What a machine's sockets keep while nobody reads, datagrams: what comes later is lost. */
  readonly socketBuffer: number;
}

const [first, second] = [11, 12];
const lanId = 1;

/** Undefined: members only. */
export function drawWiring(shape: Random, members: readonly NodeId[]): Wiring | undefined {
  const kind = shape.next();
  if (kind < 0.45) return undefined;
  const [one = 1, other = 2, third] = members;
  const proxyOf = new Map<NodeId, NodeId>();
  if (kind < 0.75) {
    proxyOf.set(one, first).set(other, second);
    place(proxyOf, third, shape.pick([0, first, second]));
  } else if (kind < 0.87) {
    const behind = shape.pick([one, other]);
    proxyOf.set(behind, first);
    place(proxyOf, third, shape.pick([0, first]));
  } else {
    proxyOf.set(one, first).set(other, first);
    place(proxyOf, third, shape.pick([0, first]));
  }
  const proxies = [first, second].filter((proxy) => [...proxyOf.values()].includes(proxy));
  const links = shape.next();
  const paths = pathsOf(members, proxies, proxyOf, links < 0.65, links > 0.5);
  return { proxies, witnesses: [], proxyOf, paths, socketBuffer: shape.pick([60, 2_000]) };
}

function place(proxyOf: Map<NodeId, NodeId>, member: NodeId | undefined, proxy: NodeId | 0): void {
  if (member !== undefined && proxy !== 0) proxyOf.set(member, proxy);
}

function pathsOf(
  members: readonly NodeId[],
  proxies: readonly NodeId[],
  proxyOf: ReadonlyMap<NodeId, NodeId>,
  linked: boolean,
  routed: boolean,
): PathPlan[] {
  let id = lanId;
  const lan: PathPlan = {
    id,
    cable: false,
    members: [...members.filter((member) => !proxyOf.has(member)), ...proxies],
  };
  const segments = [...proxyOf].map(
    ([member, proxy]): PathPlan => ({ id: ++id, cable: true, members: [member, proxy] }),
  );
  const paths = [lan, ...segments];
  for (const one of members) {
    for (const other of members) {
      if (one >= other) continue;
      if (linked) paths.push({ id: ++id, cable: true, members: [one, other] });
      if (!routed || (!proxyOf.has(one) && !proxyOf.has(other))) continue;
      paths.push({ id: ++id, cable: false, members: [one, other], legs: legsOf(one, other) });
    }
  }
  return paths;

  function legsOf(from: NodeId, to: NodeId): Leg[] {
    const [near, far] = [proxyOf.get(from), proxyOf.get(to)];
    const legs: Leg[] = [];
    const out = segments.find((path) => path.members[0] === from);
    const into = segments.find((path) => path.members[0] === to);
    if (near !== undefined && out !== undefined) legs.push({ path: out, from, to: near });
    if (near !== far) legs.push({ path: lan, from: near ?? from, to: far ?? to });
    if (far !== undefined && into !== undefined) legs.push({ path: into, from: far, to });
    return legs;
  }
}
