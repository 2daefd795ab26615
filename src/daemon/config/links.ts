/** The two kinds of link that the reactor opens: paths to peers, and groups that this node serves or is a proxy of. */
import type { NodeId } from '../../wire/control/message.ts';
import type { GroupLink, Hop, PathLink } from '../bridge.ts';
import { firstOfEachFamily } from './family.ts';
import type { ConfigFile, GroupEntry, PathEntry } from './format.ts';
import { groupId } from './identity.ts';
import { gateOf } from './mirrored.ts';
import {
  arePeers,
  clientsOf,
  gatewaysOf,
  interfaceOf,
  isProxyOf,
  lanAddressesOf,
  placeOf,
  segmentInterface,
  shareANetwork,
} from './places.ts';

/** One link to each peer on the path; none when this node is not on it. */
export function pathLinks(file: ConfigFile, path: PathEntry): PathLink[] {
  const here = path.members[file.node];
  if (here === undefined) return [];
  return Object.entries(path.members)
    .filter(([name]) => name !== file.node && arePeers(file, file.node, name))
    .map(([name, there]) => ({
      peer: nodeId(file, name),
      path: path.id,
      interface: here.interface,
      localAddress: here.address,
      peerAddress: there.address,
      port: path.port,
      cable: path.kind === 'cable',
      tether: path.tether,
      hops: path.hops,
    }));
}

/** This node is a member or a proxy of the group. */
export function groupLink(file: ConfigFile, name: string, group: GroupEntry): GroupLink {
  return isProxyOf(group, file.node) ? proxyLink(file, name, group) : memberLink(file, name, group);
}

function memberLink(file: ConfigFile, name: string, group: GroupEntry): GroupLink {
  const gateway = gatewayOf(file, group);
  return {
    id: groupId(name),
    role: 'member',
    interface: interfaceOf(group, file.node),
    addresses: group.addresses,
    standbyAddress: group.standbyAddress,
    strict: group.policy === 'strict',
    // Without its relay the group has no service.
    checked: group.checks.length > 0 || group.mirror !== undefined,
    memberAddresses: Object.keys(group.members).map((member) => ({
      member: nodeId(file, member),
      addresses: addressesSeenFrom(file, group, member),
    })),
    ...(gateway === undefined ? {} : { gateway }),
    ...(group.mirror === undefined
      ? {}
      : { mirror: { port: group.mirror.service, gate: gateOf(file, name) } }),
    clients: [],
  };
}

/** This member's way back to the hosts; undefined: it is on their LAN. */
function gatewayOf(file: ConfigFile, group: GroupEntry): Hop | undefined {
  const proxy = placeOf(group, file.node);
  if (proxy === file.node) return undefined;
  return {
    node: nodeId(file, proxy),
    interface: interfaceOf(group, file.node),
    addresses: firstOfEachFamily(gatewaysOf(file, group, file.node)),
  };
}

/** Where packets for another member are sent on to from this member's network. Behind a proxy, that is its work. */
function addressesSeenFrom(file: ConfigFile, group: GroupEntry, member: string): readonly string[] {
  if (shareANetwork(file, group, file.node, member)) return lanAddressesOf(file, group, member);
  const onTheLan = placeOf(group, file.node) === file.node;
  return onTheLan ? lanAddressesOf(file, group, placeOf(group, member)) : [];
}

function proxyLink(file: ConfigFile, name: string, group: GroupEntry): GroupLink {
  const members = Object.keys(group.members);
  const proxies = Object.keys(group.proxies ?? {});
  const places = [...members.filter((member) => placeOf(group, member) === member), ...proxies];
  return {
    id: groupId(name),
    role: 'proxy',
    interface: interfaceOf(group, file.node),
    addresses: group.addresses,
    standbyAddress: 'absent',
    strict: false,
    checked: false,
    memberAddresses: places
      .filter((place) => place !== file.node)
      .map((place) => ({ member: nodeId(file, place), addresses: lanAddressesOf(file, group, place) })),
    clients: clientsOf(group, file.node).map((member) => ({
      node: nodeId(file, member),
      interface: segmentInterface(file, group, member, file.node) ?? '',
      addresses: firstOfEachFamily(lanAddressesOf(file, group, member)),
    })),
  };
}

/** The number of a node on the wire. */
export function nodeId(file: ConfigFile, name: string): NodeId {
  return file.members[name]?.id ?? 0;
}
