/**
 * Where packets for and from the group addresses are to go on this machine, as requests for the kernel. A proxy routes
 * what arrives from the hosts' LAN, and what waited in the hold TAP, to a member that is registered here, and to nobody
 * else: what is for another place the fence redirects. So with one member this table stays as it is in every takeover.
 * A second table, for the proxy's own programs, leads to wherever the group is served. A member behind a proxy sends what
 * it says with such an address to its proxy, whatever other ways it has.
 *
 * A crash leaves rules and routes behind. They attract nothing, and the closed fence lets nothing of it pass; the next
 * start or `understudy clean` removes them.
 */
import { interfaceIndex } from '../../linux/interfaces.ts';
import { protocolUnderstudy } from '../../linux/route/constants.ts';
import { useNeighbour } from '../../linux/route/neighbours.ts';
import { addRoute, deleteRoute, type RouteRequest } from '../../linux/route/requests.ts';
import { addRule } from '../../linux/route/rules.ts';
import { coveringPrefixes, type IpAddress, isIpv4, type Prefix, parseIp } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { GroupLink, Hop, ReactorConfig } from '../bridge.ts';
import { holdDevice } from '../devices.ts';
import { tableOf } from './tables.ts';

/** Before main (32766), behind whatever an operator put first. */
const priority = 7169;
/** Which of the instance's tables; the members' ways back have those between. */
const arrivingTable = 0;
const ownTable = 255;
const families = ['ipv4', 'ipv6'] as const;
type Family = (typeof families)[number];

export class WantedRoutes {
  readonly #config: ReactorConfig;
  readonly #prefixes: ReadonlyMap<GroupId, readonly Prefix[]>;

  constructor(config: ReactorConfig) {
    this.#config = config;
    this.#prefixes = new Map(
      config.groups.map((link) => [
        link.id,
        coveringPrefixes(link.addresses.flatMap((a) => parseIp(a) ?? [])),
      ]),
    );
  }

  /** Nothing is routed: no proxy, and no member behind one. */
  get none(): boolean {
    return this.#config.groups.every(({ role, gateway }) => role === 'member' && gateway === undefined);
  }

  /** The groups this node is a proxy of. */
  get proxied(): readonly GroupLink[] {
    return this.#config.groups.filter(({ role }) => role === 'proxy');
  }

  familiesOf(group: GroupId): ReadonlySet<Family> {
    return new Set((this.#prefixes.get(group) ?? []).map(({ address }) => familyOf(address)));
  }

  /** Rules, and the members' ways back: they do not change while the daemon runs. Throws OperationError. */
  standing(): RouteRequest[] {
    const { instance, groups } = this.#config;
    const lans = new Set(this.proxied.map((link) => link.interface));
    const arriving = lans.size === 0 ? [] : [...lans, holdDevice(instance)];
    const own = lans.size === 0 ? [] : ['lo'];
    const wanted = families.filter((family) =>
      this.proxied.some(({ id }) => this.familiesOf(id).has(family)),
    );
    const rules = (names: readonly string[], which: number): RouteRequest[] =>
      wanted.flatMap((family) =>
        names.map((incoming) => addRule({ family, incoming, table: tableOf(instance, which), priority })),
      );
    return [
      ...rules(arriving, arrivingTable),
      ...rules(own, ownTable),
      ...groups.flatMap((link) => (link.gateway === undefined ? [] : this.#replies(link, link.gateway))),
    ];
  }

  /** Whether this node is a member behind this proxy. */
  isClient(group: GroupId, node: NodeId | 0): boolean {
    return this.proxied.some(({ id, clients }) => id === group && clients.some((hop) => hop.node === node));
  }

  /**
   * What arrives for the group goes to this member. `exclusive`: only where there is no route; otherwise in the place of
   * the one before. Throws OperationError.
   */
  arriving(group: GroupId, client: NodeId, exclusive: boolean): RouteRequest[] {
    return this.#to(group, client, arrivingTable, exclusive);
  }

  /** What this machine's own programs send to the group goes to this node; 0: nowhere. Throws OperationError. */
  own(group: GroupId, node: NodeId | 0, exclusive: boolean): RouteRequest[] {
    return this.#to(group, node, ownTable, exclusive);
  }

  #to(group: GroupId, node: NodeId | 0, which: number, exclusive: boolean): RouteRequest[] {
    const link = this.proxied.find(({ id }) => id === group);
    const hop = link && hopTo(link, node);
    const ways = hop === undefined ? [] : parsed(hop);
    const table = tableOf(this.#config.instance, which);
    return (this.#prefixes.get(group) ?? []).flatMap(({ address: destination, length: prefix }) => {
      const gateway = ways.find((way) => familyOf(way) === familyOf(destination));
      const route = { destination, prefix, table, protocol: protocolUnderstudy };
      if (gateway !== undefined && hop !== undefined) {
        return [addRoute({ ...route, gateway, index: interfaceIndex(hop.interface), exclusive })];
      }
      return exclusive ? [] : [deleteRoute(route)];
    });
  }

  /** The kernel learns the physical address of this node now, before there is a packet for it. Throws OperationError. */
  resolving(group: GroupId, node: NodeId): RouteRequest[] {
    const link = this.#config.groups.find(({ id }) => id === group);
    const hop = [...(link?.clients ?? []), ...(link?.gateway === undefined ? [] : [link.gateway])].find(
      (each) => each.node === node,
    );
    if (hop === undefined) return [];
    const index = interfaceIndex(hop.interface);
    return parsed(hop).map((address) => useNeighbour({ index, address }));
  }

  #replies(link: GroupLink, gateway: Hop): RouteRequest[] {
    const table = tableOf(this.#config.instance, 1 + gatewaysOf(this.#config).indexOf(keyOf(gateway)));
    const index = interfaceIndex(gateway.interface);
    const common = { index, table, protocol: protocolUnderstudy, exclusive: true };
    return [
      ...parsed(gateway).map((way) => addRoute({ family: familyOf(way), gateway: way, ...common })),
      ...(this.#prefixes.get(link.id) ?? []).map((from) =>
        addRule({ family: familyOf(from.address), from, table, priority }),
      ),
    ];
  }
}

/** A member registered here, or a place on the LAN. */
function hopTo(link: GroupLink, node: NodeId): Hop | undefined {
  const client = link.clients.find((hop) => hop.node === node);
  if (client !== undefined) return client;
  const place = link.memberAddresses.find(({ member }) => member === node);
  return place && { node, interface: link.interface, addresses: place.addresses };
}

/** Each distinct way back has a table of its own. */
function gatewaysOf(config: ReactorConfig): string[] {
  const keys = config.groups.flatMap(({ gateway }) => (gateway === undefined ? [] : [keyOf(gateway)]));
  return [...new Set(keys)];
}

function keyOf({ interface: name, addresses }: Hop): string {
  return `${name} ${addresses.join(' ')}`;
}

function parsed({ addresses }: Hop): IpAddress[] {
  return addresses.flatMap((text) => parseIp(text) ?? []);
}

function familyOf(address: IpAddress): Family {
  return isIpv4(address) ? 'ipv4' : 'ipv6';
}
