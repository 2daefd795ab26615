/** What rtnetlink tells: links, addresses, neighbours and routes as plain values, and their decoders. */
import {
  type IpAddress,
  ipv4AddressLength,
  ipv6AddressLength,
  type MacAddress,
  macLength,
  readIpv4,
  readIpv6,
  readMac,
} from '../../wire/address.ts';
import { Attributes, type Messages } from '../netlink/reader.ts';
import {
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_LOCAL,
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_MTU,
  NDA_DST,
  NDA_LLADDR,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
} from './constants.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  /** Undefined where there is none (TUN) or it is not Ethernet's. */
  readonly mac: MacAddress | undefined;
  /** Administratively. */
  readonly up: boolean;
  /** The layer below passes traffic (IFF_LOWER_UP). */
  readonly carrier: boolean;
  /** Bytes. */
  readonly mtu: number;
}

export interface Address {
  readonly index: number;
  readonly address: IpAddress;
  /** Bits. */
  readonly prefix: number;
}

export interface Neighbour {
  readonly index: number;
  readonly address: IpAddress;
  readonly mac: MacAddress | undefined;
  /** NUD_* bits: 0x02 reachable, 0x04 stale, 0x08 delay, 0x10 probe, 0x20 failed, 0x80 permanent, 0x01 incomplete. */
  readonly state: number;
}

export interface Route {
  readonly family: 'ipv4' | 'ipv6';
  /** Undefined: the default route. */
  readonly destination: IpAddress | undefined;
  /** Bits. */
  readonly prefix: number;
  readonly index: number | undefined;
  readonly gateway: IpAddress | undefined;
  /** 254 main, 255 local. */
  readonly table: number;
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 6 blackhole, 7 unreachable. */
  readonly type: number;
  /** RTPROT_*: 2 kernel, 4 static, 0x75 ours. */
  readonly protocol: number;
  readonly priority: number;
}

const linkHeader = 16;
const addressHeader = 8;
const neighbourHeader = 12;
const routeHeader = 12;

export function decodeLink(messages: Messages): Link {
  const { bytes, start } = messages;
  const flags = bytes.readUInt32LE(start + 8);
  let name = '';
  let mac: MacAddress | undefined;
  let mtu = 0;
  const attributes = new Attributes(bytes, start + linkHeader, messages.end);
  while (attributes.next()) {
    if (attributes.type === IFLA_IFNAME) name = attributes.text();
    else if (attributes.type === IFLA_MTU) mtu = attributes.u32();
    else if (attributes.type === IFLA_ADDRESS) mac = macIn(attributes);
  }
  const index = bytes.readInt32LE(start + 4);
  return { index, name, mac, up: (flags & IFF_UP) !== 0, carrier: (flags & IFF_LOWER_UP) !== 0, mtu };
}

/** Undefined: of another family. */
export function decodeAddress(messages: Messages): Address | undefined {
  const { bytes, start } = messages;
  let local: IpAddress | undefined;
  let peer: IpAddress | undefined;
  const attributes = new Attributes(bytes, start + addressHeader, messages.end);
  while (attributes.next()) {
    if (attributes.type === IFA_LOCAL) local = addressIn(attributes);
    else if (attributes.type === IFA_ADDRESS) peer = addressIn(attributes);
  }
  // IFA_ADDRESS is the far end where a link has two; IFA_LOCAL is absent for most IPv6 addresses.
  const address = local ?? peer;
  if (address === undefined) return undefined;
  return { index: bytes.readUInt32LE(start + 4), address, prefix: bytes.readUInt8(start + 1) };
}

/** Undefined: not IP's (a bridge's forwarding entry). */
export function decodeNeighbour(messages: Messages): Neighbour | undefined {
  const { bytes, start } = messages;
  if (!isInternet(bytes.readUInt8(start))) return undefined;
  let address: IpAddress | undefined;
  let mac: MacAddress | undefined;
  const attributes = new Attributes(bytes, start + neighbourHeader, messages.end);
  while (attributes.next()) {
    if (attributes.type === NDA_DST) address = addressIn(attributes);
    else if (attributes.type === NDA_LLADDR) mac = macIn(attributes);
  }
  if (address === undefined) return undefined;
  return { index: bytes.readInt32LE(start + 4), address, mac, state: bytes.readUInt16LE(start + 8) };
}

/** Undefined: of another family. */
export function decodeRoute(messages: Messages): Route | undefined {
  const { bytes, start } = messages;
  const family = bytes.readUInt8(start);
  if (!isInternet(family)) return undefined;
  let destination: IpAddress | undefined;
  let gateway: IpAddress | undefined;
  let index: number | undefined;
  let table = bytes.readUInt8(start + 4);
  let priority = 0;
  const attributes = new Attributes(bytes, start + routeHeader, messages.end);
  while (attributes.next()) {
    if (attributes.type === RTA_DST) destination = addressIn(attributes);
    else if (attributes.type === RTA_GATEWAY) gateway = addressIn(attributes);
    else if (attributes.type === RTA_OIF) index = attributes.u32();
    else if (attributes.type === RTA_TABLE) table = attributes.u32();
    else if (attributes.type === RTA_PRIORITY) priority = attributes.u32();
  }
  return {
    family: family === AF_INET ? 'ipv4' : 'ipv6',
    destination,
    prefix: bytes.readUInt8(start + 1),
    index,
    gateway,
    table,
    type: bytes.readUInt8(start + 7),
    protocol: bytes.readUInt8(start + 5),
    priority,
  };
}

export function isInternet(family: number): boolean {
  return family === AF_INET || family === AF_INET6;
}

function macIn(attributes: Attributes): MacAddress | undefined {
  return attributes.length === macLength ? readMac(attributes.bytes, attributes.start) : undefined;
}

export function addressIn(attributes: Attributes): IpAddress | undefined {
  if (attributes.length === ipv4AddressLength) return readIpv4(attributes.bytes, attributes.start);
  if (attributes.length === ipv6AddressLength) return readIpv6(attributes.bytes, attributes.start);
  return undefined;
}
