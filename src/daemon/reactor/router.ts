/**
 * Where packets for and from the group addresses go on this machine, as routes and rules of the kernel's. A proxy routes
 * them to the member that is registered, or to the place that took over: one table, looked at for what arrives from the
 * hosts' LAN, for what waited in the hold TAP, and for its own programs. A member behind a proxy sends what it says with
 * such an address to its proxy, whatever other ways it has.
 *
 * A crash leaves rules and routes behind. They attract nothing, and the closed fence lets nothing of it pass; the next
 * start or `understudy clean` removes them.
 */
import { OperationError } from '../../linux/errors.ts';
import { interfaceIndex } from '../../linux/interfaces.ts';
import { protocolUnderstudy } from '../../linux/route/constants.ts';
import { useNeighbour } from '../../linux/route/neighbours.ts';
import { addRoute, deleteRoute, type RouteRequest } from '../../linux/route/requests.ts';
import { addRule } from '../../linux/route/rules.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import { SysctlJournal, writeSysctl } from '../../linux/sysctl.ts';
import { coveringPrefixes, type IpAddress, isIpv4, type Prefix } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { GroupLink, Hop, ReactorConfig, ReactorReport } from '../bridge.ts';
import { addressOf } from './paths.ts';
import { isTableOf, removeRouting, tableOf } from './tables.ts';

/** Before main (32766), behind whatever an operator put first. */
const priority = 7169;
const families = ['ipv4', 'ipv6'] as const;
type Family = (typeof families)[number];

const forwarding = (name: string): readonly string[] => ['net', 'ipv4', 'conf', name, 'forwarding'];

export class Router {
  readonly #route: RouteSocket = RouteSocket.open();
  readonly #journal: SysctlJournal = new SysctlJournal();
  readonly #config: ReactorConfig;
  readonly #holdDevice: string;
  readonly #report: (report: ReactorReport) => void;
  readonly #proxied: ReadonlyMap<GroupId, GroupLink>;
  readonly #prefixes: ReadonlyMap<GroupId, readonly Prefix[]>;
  readonly #targets: Map<GroupId, NodeId> = new Map();
  readonly #table: number;

  constructor(config: ReactorConfig, holdDevice: string, report: (report: ReactorReport) => void) {
    this.#config = config;
    this.#holdDevice = holdDevice;
    this.#report = report;
    this.#table = tableOf(config.instance, 0);
    const proxied = config.groups.filter((link) => link.role === 'proxy');
    this.#proxied = new Map(proxied.map((link) => [link.id, link]));
    this.#prefixes = new Map(
      config.groups.map((link) => [link.id, coveringPrefixes(link.addresses.map(addressOf))]),
    );
    if (this.idle) return;
    removeRouting(this.#route, (table) => isTableOf(config.instance, table));
    this.forwardPackets();
    this.#route.ensure(this.#standing());
  }

  /** Nothing is routed: no proxy, and no member behind one. */
  get idle(): boolean {
    return this.#config.groups.every(({ role, gateway }) => role === 'member' && gateway === undefined);
  }

  /** The kernel forwards between the LAN and the members; again when an interface came back, with its settings lost. */
  forwardPackets(): void {
    const links = [...this.#proxied.values()];
    if (links.length === 0) return;
    const sides = links.flatMap((link) => [link.interface, ...link.clients.map((hop) => hop.interface)]);
    for (const name of new Set(sides)) this.#journal.set(forwarding(name), '1');
    // It goes with the device.
    writeSysctl(forwarding(this.#holdDevice), '1');
    // The responder answers, and nobody else: with our own MAC the kernel would answer for ever.
    for (const { interface: lan } of links) this.#journal.set(['net', 'ipv4', 'conf', lan, 'proxy_arp'], '0');
    const ipv6 = links.some((link) => this.#familiesOf(link.id).has('ipv6'));
    // IPv6 knows no forwarding of single interfaces before Linux 6.17.
    if (ipv6) this.#journal.set(['net', 'ipv6', 'conf', 'all', 'forwarding'], '1');
  }

  /** Proxy: to a member registered here or to the place that took over; 0: nowhere. Throws OperationError. */
  route(group: GroupId, to: NodeId | 0): void {
    if (to === 0) this.#targets.delete(group);
    else this.#targets.set(group, to);
    this.#route.batch(this.#routes(group, false));
  }

  /** The kernel learns the physical address of this node now, before there is a packet for it. Throws OperationError. */
  resolve(group: GroupId, node: NodeId): void {
    const link = this.#config.groups.find(({ id }) => id === group);
    const hop =
      link?.gateway?.node === node ? link.gateway : link?.clients.find((client) => client.node === node);
    if (hop === undefined) return;
    const index = interfaceIndex(hop.interface);
    this.#route.batch(hop.addresses.map((address) => useNeighbour({ index, address: addressOf(address) })));
  }

  /** Puts back what somebody took away, or what went with an interface; returns how much was missing. */
  restore(): number {
    if (this.idle) return 0;
    try {
      return this.#route.ensure([
        ...this.#standing(),
        ...[...this.#targets.keys()].flatMap((group) => this.#routes(group, true)),
      ]);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#report({ code: 'trouble', operation: 'put back routes', message: error.message });
      return 0;
    }
  }

  /** Rules and routes go, and what was changed in the kernel's settings is put back. */
  close(): readonly string[] {
    if (!this.idle) removeRouting(this.#route, (table) => isTableOf(this.#config.instance, table));
    this.#route.close();
    return this.#journal.restore().map((failure) => failure.message);
  }

  #familiesOf(group: GroupId): ReadonlySet<Family> {
    return new Set((this.#prefixes.get(group) ?? []).map(({ address }) => familyOf(address)));
  }

  /** Rules, and the members' ways back: they do not change while the daemon runs. */
  #standing(): RouteRequest[] {
    const sources = new Set([...this.#proxied.values()].flatMap((link) => [link.interface]));
    const incoming = sources.size === 0 ? [] : [...sources, this.#holdDevice, 'lo'];
    const wanted = families.filter((family) =>
      [...this.#proxied.keys()].some((group) => this.#familiesOf(group).has(family)),
    );
    return [
      ...wanted.flatMap((family) =>
        incoming.map((name) => addRule({ family, incoming: name, table: this.#table, priority })),
      ),
      ...this.#config.groups.flatMap((link) =>
        link.gateway === undefined ? [] : this.#replies(link, link.gateway),
      ),
    ];
  }

  #replies(link: GroupLink, gateway: Hop): RouteRequest[] {
    const table = tableOf(this.#config.instance, 1 + gatewaysOf(this.#config).indexOf(keyOf(gateway)));
    const index = interfaceIndex(gateway.interface);
    const ways = gateway.addresses.map(addressOf);
    return [
      ...ways.map((way) =>
        addRoute({
          family: familyOf(way),
          gateway: way,
          ...{ index, table, protocol: protocolUnderstudy, exclusive: true },
        }),
      ),
      ...(this.#prefixes.get(link.id) ?? []).map((from) =>
        addRule({ family: familyOf(from.address), from, table, priority }),
      ),
    ];
  }

  /** `exclusive`: only where there is none; otherwise in the place of the one before. */
  #routes(group: GroupId, exclusive: boolean): RouteRequest[] {
    const link = this.#proxied.get(group);
    const to = this.#targets.get(group);
    if (link === undefined) return [];
    const hop = to === undefined ? undefined : hopTo(link, to);
    const ways = hop?.addresses.map(addressOf) ?? [];
    return (this.#prefixes.get(group) ?? []).flatMap(({ address: destination, length: prefix }) => {
      const gateway = ways.find((way) => familyOf(way) === familyOf(destination));
      const route = { destination, prefix, table: this.#table, protocol: protocolUnderstudy };
      if (gateway !== undefined && hop !== undefined) {
        return [addRoute({ ...route, gateway, index: interfaceIndex(hop.interface), exclusive })];
      }
      return exclusive ? [] : [deleteRoute(route)];
    });
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
  return [
    ...new Set(config.groups.flatMap(({ gateway }) => (gateway === undefined ? [] : [keyOf(gateway)]))),
  ];
}

function keyOf({ interface: name, addresses }: Hop): string {
  return `${name} ${addresses.join(' ')}`;
}

function familyOf(address: IpAddress): Family {
  return isIpv4(address) ? 'ipv4' : 'ipv6';
}
