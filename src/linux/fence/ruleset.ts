/**
 * The fence as nftables requests.
 *
 *   netdev  egress<N> (one base chain per interface) -> leaving: what says a group address is its source (IPv4, IPv6,
 *           ARP sender) or its own (advertised ND target) goes to its group's chain, which lets it pass only while the
 *           group is held and the process alive
 *           ingress<N> (one per LAN) -> arriving: what is for a group address, likewise; a group may instead be
 *           forwarded to another member, or diverted into a TAP; what is written back into that follows the forwarding
 *   inet    output, forward -> leaving: the same for IP sources, before a route or a queue is taken
 *   arp     output: replies of the kernel itself never say a group address: it would answer on an interface that has just
 *           appeared, before the base chain for that is there
 *
 * Verdict maps lead from an address to its group's chain. They do not change: what is opened, closed, forwarded or
 * diverted are groups, and that costs the same however many addresses they have.
 */
import {
  accept,
  comeBack,
  constant,
  counter,
  drop,
  type Expression,
  follow,
  interfaceName,
  is,
  isIn,
  jump,
  meta,
  payload,
  swallow,
} from '../nftables/expression.ts';
import {
  addElements,
  addJumps,
  deleteTable,
  type NftablesRequest,
  newChain,
  newOwnTable,
  newRule,
  newSet,
  newTable,
  newVerdictMap,
  type Table,
} from '../nftables/request.ts';
import {
  addressKeys,
  arrivingChain,
  deliveredChain,
  type FenceConfig,
  type FencedGroup,
  type FenceTables,
  groupKey,
  lease,
  leavingChain,
  sets,
} from './config.ts';

/** After all others: they may still change a source. */
const lastPriority = 1000;
/** Before all others: they may already forward or accept. */
const firstPriority = -1000;

const ethernetIpv4 = Buffer.from([0x08, 0x00]);
const ethernetArp = Buffer.from([0x08, 0x06]);
const ethernetIpv6 = Buffer.from([0x86, 0xdd]);
const inetIpv4 = Buffer.from([2]);
const inetIpv6 = Buffer.from([10]);
const protocolIcmpv6 = Buffer.from([58]);
const protocolTcp = Buffer.from([6]);
const routerSolicitation = Buffer.from([133]);
const neighbourAdvertisement = Buffer.from([136]);
const redirect = Buffer.from([137]);
const arpReply = Buffer.from([0, 2]);

type Match = readonly Expression[];

/** The frame holds this protocol. */
const isFrame = (type: Uint8Array): Match => [meta('protocol'), is('equal', type)];
const isPacket = (family: Uint8Array): Match => [meta('nfproto'), is('equal', family)];
const icmpv6Type: Match = [
  ...isFrame(ethernetIpv6),
  meta('l4proto'),
  is('equal', protocolIcmpv6),
  payload('transport', 0, 1),
];

/** Each loads one address of the packet, if the packet has it: in netdev tables, then in inet tables. */
const source4 = payload('network', 12, 4);
const source6 = payload('network', 8, 16);
const frameSource4: Match = [...isFrame(ethernetIpv4), source4];
const frameSource6: Match = [...isFrame(ethernetIpv6), source6];
const arpSender = payload('network', 14, 4);
const arpSender4: Match = [...isFrame(ethernetArp), arpSender];
const advertisedTarget6: Match = [
  ...icmpv6Type,
  is('equal', neighbourAdvertisement),
  payload('transport', 8, 16),
];
const frameDestination4: Match = [...isFrame(ethernetIpv4), payload('network', 16, 4)];
const frameDestination6: Match = [...isFrame(ethernetIpv6), payload('network', 24, 16)];
const packetSource4: Match = [...isPacket(inetIpv4), source4];
const packetSource6: Match = [...isPacket(inetIpv6), source6];

const isHeld = (group: FencedGroup): Match => [
  ...[constant(groupKey(group)), isIn(sets.held)],
  ...[constant(lease), isIn(sets.alive)],
];

/** A TCP segment that leaves from this port. */
const leavesPort = (port: number): Match => [
  ...[meta('l4proto'), is('equal', protocolTcp)],
  ...[payload('transport', 0, 2), is('equal', Buffer.from([port >>> 8, port & 0xff]))],
];

/** What the running kernel offers. */
export interface Offer {
  /** Tables that only their maker may change. */
  readonly own: boolean;
  /** Tables for ARP. */
  readonly arp: boolean;
}

/** All tables, closed; `former` go in the same transaction. No base chains of interfaces. */
export function buildFence(
  tables: FenceTables,
  config: FenceConfig,
  { own, arp }: Offer,
  former: readonly Table[],
): NftablesRequest[] {
  const make = own ? newOwnTable : newTable;
  return [
    ...former.map(deleteTable),
    make(tables.netdev),
    ...buildLeaving(tables.netdev, config, { exempt: [], mirrored: swallow() }, [
      [...frameSource4, follow(sets.leaving4)],
      [...frameSource6, follow(sets.leaving6)],
      [...arpSender4, follow(sets.leaving4)],
      [...advertisedTarget6, follow(sets.leaving6)],
    ]),
    newSet(tables.netdev, sets.measured, 'mark', true),
    ...buildArriving(tables.netdev, config),
    make(tables.inet),
    ...buildLeaving(
      tables.inet,
      config,
      // Only a netdev table can swallow: what passes here comes by there.
      { exempt: ['lo', ...config.ownDevices], mirrored: [comeBack()] },
      [
        [...packetSource4, follow(sets.leaving4)],
        [...packetSource6, follow(sets.leaving6)],
      ],
    ),
    ...buildHooks(tables.inet),
    ...(arp ? [make(tables.arp), ...buildKernelArp(tables.arp, config)] : []),
  ];
}

export const egressPrefix = 'egress';
export const ingressPrefix = 'ingress';
export const deliveryPrefix = 'delivery';

/** The base chain for the interface with this index: what leaves it. */
export function coverEgress(table: Table, index: number, device: string): NftablesRequest[] {
  const chain = `${egressPrefix}${index}`;
  return [
    newChain(table, chain, { kind: 'egress', device, priority: lastPriority }),
    newRule(table, chain, [jump('leaving')]),
  ];
}

/** The base chain for the TAP of the waiting room: what is written back. */
export function coverDelivery(table: Table, index: number, device: string): NftablesRequest[] {
  const chain = `${deliveryPrefix}${index}`;
  return [
    newChain(table, chain, { kind: 'ingress', device, priority: firstPriority }),
    newRule(table, chain, [...frameDestination4, follow(sets.delivered4)]),
    newRule(table, chain, [...frameDestination6, follow(sets.delivered6)]),
  ];
}

/** The base chain for the LAN with this index: what arrives there. */
export function coverIngress(table: Table, index: number, device: string): NftablesRequest[] {
  const chain = `${ingressPrefix}${index}`;
  return [
    newChain(table, chain, { kind: 'ingress', device, priority: firstPriority }),
    newRule(table, chain, [jump('arriving')]),
  ];
}

/**
 * The rules of the group's chain for what arrives; `redirections` come before the refusal. Neighbour discovery is never
 * redirected or refused: the reactor and the kernel must hear it.
 */
export function arrivingRules(
  table: Table,
  group: FencedGroup,
  redirections: readonly Match[],
): NftablesRequest[] {
  const isDiscovery = [...icmpv6Type, is('atLeast', routerSolicitation), is('atMost', redirect)];
  const rules = [
    [...isDiscovery, accept()],
    ...redirections,
    [...isHeld(group), accept()],
    [counter(), drop()],
  ];
  return rules.map((rule) => newRule(table, arrivingChain(group), rule));
}

/** The frame holds IPv4, or IPv6. */
export const isFamily: Readonly<Record<'v4' | 'v6', Match>> = {
  v4: isFrame(ethernetIpv4),
  v6: isFrame(ethernetIpv6),
};

/**
 * Sets, maps, the groups' chains, and `leaving`, which sends each packet to its group's: a packet of no group pays for the
 * look-up only. What leaves through the devices `exempt` passes closed chains, too; `mirrored`: what becomes of a mirrored
 * service's segments there.
 */
function buildLeaving(
  table: Table,
  { groups }: FenceConfig,
  { exempt, mirrored }: { readonly exempt: readonly string[]; readonly mirrored: Match },
  points: readonly Match[],
): NftablesRequest[] {
  return [
    newSet(table, sets.held, 'mark', true),
    newSet(table, sets.alive, 'mark', true),
    newVerdictMap(table, sets.leaving4, 'ipv4'),
    newVerdictMap(table, sets.leaving6, 'ipv6'),
    ...groups.flatMap((group) => {
      const chain = leavingChain(group);
      return [
        newChain(table, chain),
        newRule(table, chain, [...isHeld(group), comeBack()]),
        ...exempt.map((name) =>
          newRule(table, chain, [meta('oifname'), is('equal', interfaceName(name)), comeBack()]),
        ),
        ...(group.mirrored ?? []).map((port) => newRule(table, chain, [...leavesPort(port), ...mirrored])),
        newRule(table, chain, [counter(), drop()]),
        ...addJumps(table, sets.leaving4, addressKeys(group).v4, chain),
        ...addJumps(table, sets.leaving6, addressKeys(group).v6, chain),
      ];
    }),
    newChain(table, 'leaving'),
    ...points.map((rule) => newRule(table, 'leaving', rule)),
  ];
}

/** The kernel's own ARP; what packet sockets send does not come by here. */
function buildKernelArp(table: Table, { groups }: FenceConfig): NftablesRequest[] {
  const addresses = groups.flatMap((group) => addressKeys(group).v4);
  const isReply = [payload('network', 6, 2), is('equal', arpReply)];
  return [
    newSet(table, sets.shared, 'ipv4'),
    ...addElements(table, sets.shared, addresses),
    newChain(table, 'output', { kind: 'arpOutput', priority: lastPriority }),
    newRule(table, 'output', [...isReply, arpSender, isIn(sets.shared), counter(), drop()]),
  ];
}

function buildHooks(table: Table): NftablesRequest[] {
  return (['output', 'forward'] as const).flatMap((kind) => [
    newChain(table, kind, { kind, priority: lastPriority }),
    newRule(table, kind, [jump('leaving')]),
  ]);
}

function buildArriving(table: Table, { groups }: FenceConfig): NftablesRequest[] {
  return [
    newVerdictMap(table, sets.arriving4, 'ipv4'),
    newVerdictMap(table, sets.arriving6, 'ipv6'),
    newVerdictMap(table, sets.delivered4, 'ipv4'),
    newVerdictMap(table, sets.delivered6, 'ipv6'),
    ...groups.flatMap((group) => {
      const { v4, v6 } = addressKeys(group);
      return [
        newChain(table, arrivingChain(group)),
        newChain(table, deliveredChain(group)),
        ...arrivingRules(table, group, []),
        ...addJumps(table, sets.arriving4, v4, arrivingChain(group)),
        ...addJumps(table, sets.arriving6, v6, arrivingChain(group)),
        ...addJumps(table, sets.delivered4, v4, deliveredChain(group)),
        ...addJumps(table, sets.delivered6, v6, deliveredChain(group)),
      ];
    }),
    newChain(table, 'arriving'),
    newRule(table, 'arriving', [...frameDestination4, follow(sets.arriving4)]),
    newRule(table, 'arriving', [...frameDestination6, follow(sets.arriving6)]),
  ];
}
