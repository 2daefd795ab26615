/**
 * Where the nodes of a group are: on which interface, with which addresses, behind which proxy. The group says so, or the
 * paths do. Names are those of the file; a name that the group does not have is nowhere.
 */
import type { ConfigFile, GroupEntry, PathEntry } from './format.ts';

/** Where a member serves the addresses, or a proxy answers for them. Empty: the file does not say. */
export function interfaceOf(group: GroupEntry, node: string): string {
  return group.members[node]?.interface ?? group.proxies?.[node]?.interface ?? group.interface ?? '';
}

/** The node that hosts find on their LAN when this one serves: its proxy, or itself. */
export function placeOf(group: GroupEntry, node: string): string {
  return group.members[node]?.proxy ?? node;
}

/** The members that register with this proxy, in the order of the file. */
export function clientsOf(group: GroupEntry, proxy: string): string[] {
  return Object.keys(group.members).filter((member) => group.members[member]?.proxy === proxy);
}

export function isIn(group: GroupEntry, node: string): boolean {
  return node in group.members || isProxyOf(group, node);
}

export function isProxyOf(group: GroupEntry, node: string): boolean {
  return group.proxies !== undefined && node in group.proxies;
}

/** A node with a vote and nothing else. */
export function isWitnessOf(group: GroupEntry, node: string): boolean {
  return group.policy === 'strict' && group.witness === node;
}

/** Everybody with a vote in a strict group. */
export function votersOf(group: GroupEntry): string[] {
  return [...Object.keys(group.members), ...(group.witness === undefined ? [] : [group.witness])];
}

export function shareAPath(file: ConfigFile, one: string, other: string): boolean {
  return Object.values(file.paths).some((path) => one in path.members && other in path.members);
}

/** Two that share a path hear each other; a proxy only whom it shares a group with. */
export function arePeers(file: ConfigFile, one: string, other: string): boolean {
  const groups = Object.values(file.groups);
  const proxies = groups.some((group) => isProxyOf(group, one) || isProxyOf(group, other));
  return !proxies || groups.some((group) => isIn(group, one) && isIn(group, other));
}

/** The node's own addresses on the network of its interface. */
export function lanAddressesOf(file: ConfigFile, group: GroupEntry, node: string): readonly string[] {
  const written = (group.members[node] ?? group.proxies?.[node])?.lanAddresses;
  if (written !== undefined) return written;
  const own = attachedPaths(file, group, node).filter(
    // A member's segment may be nothing but a cable to its proxy; a LAN with hosts is none.
    (path) => path.kind === 'lan' || placeOf(group, node) !== node,
  );
  return [...new Set(own.flatMap((path) => path.members[node]?.address ?? []))];
}

/** The addresses of the member's proxy on the member's network. None without a proxy. */
export function gatewaysOf(file: ConfigFile, group: GroupEntry, member: string): readonly string[] {
  const proxy = placeOf(group, member);
  if (proxy === member) return [];
  const ends = segmentPaths(file, group, member, proxy).flatMap((path) => path.members[proxy]?.address ?? []);
  return group.members[member]?.gateways ?? [...new Set(ends)];
}

/** The interface of the proxy that leads to the member's network; undefined: no path says so. */
export function segmentInterface(
  file: ConfigFile,
  group: GroupEntry,
  member: string,
  proxy: string,
): string | undefined {
  return segmentPaths(file, group, member, proxy)[0]?.members[proxy]?.interface;
}

/** The paths over the network on which the member serves that its proxy is on, too. */
export function segmentPaths(
  file: ConfigFile,
  group: GroupEntry,
  member: string,
  proxy: string,
): PathEntry[] {
  return attachedPaths(file, group, member).filter((path) => proxy in path.members);
}

/** Whether both members serve on one network: what reaches one of them can be sent on to the other directly. */
export function shareANetwork(file: ConfigFile, group: GroupEntry, one: string, other: string): boolean {
  const [proxy, proxyOfOther] = [group.members[one]?.proxy, group.members[other]?.proxy];
  if (one === other || (proxy === undefined && proxyOfOther === undefined)) return true;
  if (proxy !== proxyOfOther) return false;
  return attachedPaths(file, group, one).some(
    (path) => path.members[other]?.interface === interfaceOf(group, other),
  );
}

/** Paths without a router between, over the node's interface for the group. */
function attachedPaths(file: ConfigFile, group: GroupEntry, node: string): PathEntry[] {
  return Object.values(file.paths).filter(
    (path) => path.hops === 0 && path.members[node]?.interface === interfaceOf(group, node),
  );
}
