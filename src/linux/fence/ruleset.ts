/**
 * The fence as nftables requests.
 *
 *   netdev  egress<N> (one base chain per interface) -> leaving: what says a group address is its source (IPv4, IPv6,
 *           ARP sender) or its own (advertised ND target) passes only while held and alive
 *           ingress<N> (one per LAN) -> arriving: what is for a group address, likewise; a group may instead be
 *           forwarded to another member, or diverted into a TAP
 *   inet    output, forward -> leaving: the same for IP sources, before a route or a queue is taken
 */
import {
  accept,
  comeBack,
  constant,
  counter,
  drop,
  type Expression,
  goTo,
  interfaceName,
  is,
  isIn,
  jump,
  meta,
  payload,
} from '../nftables/expression.ts';
import {
  addElements,
  deleteTable,
  type NftablesRequest,
  newChain,
  newRule,
  newSet,
  newTable,
  type Table,
} from '../nftables/request.ts';
import { type FenceConfig, type FenceTables, keysOf, lease, sets } from './config.ts';

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
const routerSolicitation = Buffer.from([133]);
const neighbourAdvertisement = Buffer.from([136]);
const redirect = Buffer.from([137]);

type Match = readonly Expression[];

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
const arpSender4: Match = [...isFrame(ethernetArp), payload('network', 14, 4)];
const advertisedTarget6: Match = [
  ...icmpv6Type,
  is('equal', neighbourAdvertisement),
  payload('transport', 8, 16),
];
export const frameDestination4: Match = [...isFrame(ethernetIpv4), payload('network', 16, 4)];
export const frameDestination6: Match = [...isFrame(ethernetIpv6), payload('network', 24, 16)];
const packetSource4: Match = [...isPacket(inetIpv4), source4];
const packetSource6: Match = [...isPacket(inetIpv6), source6];

const isHeld4: Match = [isIn(sets.held4), constant(lease), isIn(sets.alive)];
const isHeld6: Match = [isIn(sets.held6), constant(lease), isIn(sets.alive)];

/** Both tables anew, closed, with what was there before gone in the same transaction. No base chains of interfaces. */
export function buildFence(tables: FenceTables, config: FenceConfig): NftablesRequest[] {
  return [
    ...removeFence(tables),
    ...buildSets(tables.netdev, config),
    ...buildSets(tables.inet, config),
    ...buildLeaving(tables.netdev, [], leavingFrames),
    ...buildArriving(tables.netdev),
    ...buildLeaving(tables.inet, ['lo', ...config.ownDevices], leavingPackets),
    ...buildHooks(tables.inet),
  ];
}

/** Whether or not they exist: made first, so that deleting never fails. */
export function removeFence(tables: FenceTables): NftablesRequest[] {
  return [tables.netdev, tables.inet].flatMap((table) => [newTable(table), deleteTable(table)]);
}

export const egressPrefix = 'egress';
export const ingressPrefix = 'ingress';

/** The base chain for the interface with this index: what leaves it. */
export function coverEgress(table: Table, index: number, device: string): NftablesRequest[] {
  const chain = `${egressPrefix}${index}`;
  return [
    newChain(table, chain, { kind: 'egress', device, priority: lastPriority }),
    newRule(table, chain, [jump('leaving')]),
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

/** The rules of the chain `arriving4`; `redirections` come before the refusal. */
export function arriving4(table: Table, redirections: readonly Match[]): NftablesRequest[] {
  return [
    ...redirections.map((rule) => newRule(table, 'arriving4', rule)),
    newRule(table, 'arriving4', [...frameDestination4, ...isHeld4, accept()]),
    newRule(table, 'arriving4', [counter(), drop()]),
  ];
}

/** As `arriving4`. Neighbour discovery is never redirected or refused: the reactor and the kernel must hear it. */
export function arriving6(table: Table, redirections: readonly Match[]): NftablesRequest[] {
  const isDiscovery = [...icmpv6Type, is('atLeast', routerSolicitation), is('atMost', redirect)];
  return [
    newRule(table, 'arriving6', [...isDiscovery, accept()]),
    ...redirections.map((rule) => newRule(table, 'arriving6', rule)),
    newRule(table, 'arriving6', [...frameDestination6, ...isHeld6, accept()]),
    newRule(table, 'arriving6', [counter(), drop()]),
  ];
}

function buildSets(table: Table, config: FenceConfig): NftablesRequest[] {
  const keys = keysOf(config.groups);
  return [
    newTable(table),
    newSet(table, sets.addresses4, 'ipv4'),
    newSet(table, sets.addresses6, 'ipv6'),
    newSet(table, sets.held4, 'ipv4'),
    newSet(table, sets.held6, 'ipv6'),
    newSet(table, sets.alive, 'mark', true),
    ...addElements(table, sets.addresses4, keys.v4),
    ...addElements(table, sets.addresses6, keys.v6),
  ];
}

/** Goes on in chain `name`, which comes back when the address is held and alive, and else is the end. */
interface Checkpoint {
  readonly name: string;
  readonly address: Match;
  readonly addresses: string;
  readonly isHeld: Match;
}

const leavingFrames: readonly Checkpoint[] = [
  { name: 'source4', address: frameSource4, addresses: sets.addresses4, isHeld: isHeld4 },
  { name: 'source6', address: frameSource6, addresses: sets.addresses6, isHeld: isHeld6 },
  { name: 'sender4', address: arpSender4, addresses: sets.addresses4, isHeld: isHeld4 },
  { name: 'target6', address: advertisedTarget6, addresses: sets.addresses6, isHeld: isHeld6 },
];
const leavingPackets: readonly Checkpoint[] = [
  { name: 'source4', address: packetSource4, addresses: sets.addresses4, isHeld: isHeld4 },
  { name: 'source6', address: packetSource6, addresses: sets.addresses6, isHeld: isHeld6 },
];

function buildLeaving(
  table: Table,
  exempt: readonly string[],
  points: readonly Checkpoint[],
): NftablesRequest[] {
  return [
    ...points.flatMap(({ name, address, isHeld }) => [
      newChain(table, name),
      newRule(table, name, [...address, ...isHeld, comeBack()]),
      newRule(table, name, [counter(), drop()]),
    ]),
    newChain(table, 'leaving'),
    ...exempt.map((name) =>
      newRule(table, 'leaving', [meta('oifname'), is('equal', interfaceName(name)), comeBack()]),
    ),
    ...points.map(({ name, address, addresses }) =>
      newRule(table, 'leaving', [...address, isIn(addresses), jump(name)]),
    ),
  ];
}

function buildHooks(table: Table): NftablesRequest[] {
  return (['output', 'forward'] as const).flatMap((kind) => [
    newChain(table, kind, { kind, priority: lastPriority }),
    newRule(table, kind, [jump('leaving')]),
  ]);
}

function buildArriving(table: Table): NftablesRequest[] {
  return [
    newChain(table, 'arriving4'),
    newChain(table, 'arriving6'),
    newChain(table, 'arriving'),
    newRule(table, 'arriving', [...frameDestination4, isIn(sets.addresses4), goTo('arriving4')]),
    newRule(table, 'arriving', [...frameDestination6, isIn(sets.addresses6), goTo('arriving6')]),
  ];
}
