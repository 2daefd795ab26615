/**
 * What can be asked of rtnetlink, one value per change; `RouteSocket.batch` sends several at once. Each asks for a
 * state, not an event: adding what exists and deleting what is gone are no errors.
 */
import {
  formatIp,
  type IpAddress,
  ipv4AddressLength,
  ipv6AddressLength,
  isIpv4,
  writeIpv4,
  writeIpv6,
} from '../../wire/address.ts';
import { EADDRNOTAVAIL, EAFNOSUPPORT, EEXIST, ESRCH } from '../errno.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import * as rt from './constants.ts';

export interface RouteRequest {
  readonly operation: string;
  readonly subject: string;
  readonly type: number;
  readonly flags: number;
  /** The error number that means "it is so already". */
  readonly settled?: number;
  readonly write: (writer: MessageWriter) => void;
}

export interface AddressRequest {
  readonly index: number;
  readonly address: IpAddress;
  /** Bits. */
  readonly prefix: number;
  /** IPv6: usable at once, without duplicate address detection (RFC 4862 §5.4). */
  readonly noDad?: boolean;
  /** Deprecated from the start (preferred lifetime 0): never chosen as a source by itself. */
  readonly preferredUs0?: boolean;
}

/** A route as it is to be; one that was listed (`Route`) fits as it is. */
export interface RouteSpecification {
  /** Undefined: the default route of `family`. */
  readonly destination?: IpAddress | undefined;
  readonly prefix?: number | undefined;
  /** Needed only without `destination` and `gateway`. */
  readonly family?: 'ipv4' | 'ipv6' | undefined;
  readonly index?: number | undefined;
  readonly gateway?: IpAddress | undefined;
  /** By name, or the RTN_* of a listed route. */
  readonly type?: 'unicast' | 'local' | 'blackhole' | 'unreachable' | number | undefined;
  /** Default: main, or local for a local route. */
  readonly table?: number | undefined;
  /** The address this machine speaks from on this route. */
  readonly source?: IpAddress | undefined;
  readonly priority?: number | undefined;
  /** RTPROT_*: who made it. Default: static when added, anyone's when deleted. */
  readonly protocol?: number | undefined;
  /** Added only where no route has this destination and priority; what is there stays, also with another next hop. */
  readonly exclusive?: boolean;
}

const ifInfoLength = 16;

/** Adds the address, or changes the existing one. */
export function addAddress(request: AddressRequest): RouteRequest {
  return {
    ...addressSubject('add address', request),
    type: rt.RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    write: (writer) => {
      writeAddressHeader(writer, request);
      if (request.noDad === true) writer.attributeU32(rt.IFA_FLAGS, rt.IFA_F_NODAD);
      if (request.preferredUs0 !== true) return;
      writer.attribute(rt.IFA_CACHEINFO, () => {
        writer.u32(0); // preferred
        writer.u32(rt.infiniteLifetime); // valid
        writer.zeros(8); // time stamps, the kernel's
      });
    },
  };
}

export function deleteAddress(request: AddressRequest): RouteRequest {
  return {
    ...addressSubject('delete address', request),
    type: rt.RTM_DELADDR,
    flags: 0,
    settled: EADDRNOTAVAIL,
    write: (writer) => writeAddressHeader(writer, request),
  };
}

export function setLinkUp(index: number): RouteRequest {
  return linkState('set interface up', index, rt.IFF_UP);
}

/** So many packets may wait in the device. */
export function setQueueLength(index: number, length: number): RouteRequest {
  return {
    operation: 'set queue length',
    subject: `interface ${index}`,
    type: rt.RTM_NEWLINK,
    flags: 0,
    write: (writer) => {
      writeIfInfo(writer, index, 0, 0);
      writer.attributeU32(rt.IFLA_TXQLEN, length);
    },
  };
}

export function setLinkDown(index: number): RouteRequest {
  return linkState('set interface down', index, 0);
}

/** The kernel gives this interface no IPv6 link-local address; where it has no IPv6 at all, that is so already. */
export function setAddrGenModeNone(index: number): RouteRequest {
  return {
    operation: 'turn off generated IPv6 addresses',
    subject: `interface ${index}`,
    type: rt.RTM_NEWLINK,
    flags: 0,
    settled: EAFNOSUPPORT,
    write: (writer) => {
      writeIfInfo(writer, index, 0, 0);
      writer.nested(rt.IFLA_AF_SPEC, () =>
        writer.nested(rt.AF_INET6, () =>
          writer.attributeU8(rt.IFLA_INET6_ADDR_GEN_MODE, rt.IN6_ADDR_GEN_MODE_NONE),
        ),
      );
    },
  };
}

/** Adds the route, or replaces the one with the same destination and priority unless it is to be `exclusive`. */
export function addRoute(route: RouteSpecification): RouteRequest {
  const exclusive = route.exclusive === true;
  return {
    ...routeSubject('add route', route),
    type: rt.RTM_NEWROUTE,
    flags: NLM_F_CREATE | (exclusive ? NLM_F_EXCL : NLM_F_REPLACE),
    ...(exclusive ? { settled: EEXIST } : {}),
    write: (writer) => writeRoute(writer, route, route.protocol ?? rt.RTPROT_STATIC, scopeOf(route)),
  };
}

export function deleteRoute(route: RouteSpecification): RouteRequest {
  return {
    ...routeSubject('delete route', route),
    type: rt.RTM_DELROUTE,
    flags: 0,
    settled: ESRCH,
    write: (writer) => writeRoute(writer, route, route.protocol ?? 0, rt.RT_SCOPE_NOWHERE),
  };
}

/** The address as it goes over the wire: 4 or 16 bytes. */
export function addressBytes(address: IpAddress): Buffer {
  const bytes = Buffer.alloc(isIpv4(address) ? ipv4AddressLength : ipv6AddressLength);
  if (isIpv4(address)) writeIpv4(bytes, 0, address);
  else writeIpv6(bytes, 0, address);
  return bytes;
}

function linkState(operation: string, index: number, flags: number): RouteRequest {
  return {
    operation,
    subject: `interface ${index}`,
    type: rt.RTM_NEWLINK,
    flags: 0,
    write: (writer) => writeIfInfo(writer, index, flags, rt.IFF_UP),
  };
}

function writeIfInfo(writer: MessageWriter, index: number, flags: number, change: number): void {
  const bytes = Buffer.alloc(ifInfoLength);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeUInt32LE(change, 12);
  writer.bytes(bytes);
}

export function familyOf(address: IpAddress): number {
  return isIpv4(address) ? rt.AF_INET : rt.AF_INET6;
}

function addressSubject(operation: string, request: AddressRequest): { operation: string; subject: string } {
  return {
    operation,
    subject: `${formatIp(request.address)}/${request.prefix} on interface ${request.index}`,
  };
}

function writeAddressHeader(writer: MessageWriter, { index, address, prefix }: AddressRequest): void {
  writer.u8(familyOf(address));
  writer.u8(prefix);
  writer.u8(0); // flags, see IFA_FLAGS
  writer.u8(rt.RT_SCOPE_UNIVERSE);
  writer.u32(index);
  writer.attributeBytes(rt.IFA_LOCAL, addressBytes(address));
  writer.attributeBytes(rt.IFA_ADDRESS, addressBytes(address));
}

function routeFamily(route: RouteSpecification): number {
  const address = route.destination ?? route.gateway;
  if (address !== undefined) return familyOf(address);
  return route.family === 'ipv6' ? rt.AF_INET6 : rt.AF_INET;
}

function routeSubject(operation: string, route: RouteSpecification): { operation: string; subject: string } {
  const to = route.destination === undefined ? 'default' : formatIp(route.destination);
  const via = route.gateway === undefined ? '' : ` via ${formatIp(route.gateway)}`;
  const on = route.index === undefined ? '' : ` on interface ${route.index}`;
  return { operation, subject: `${to}/${route.prefix ?? 0}${via}${on}` };
}

/** IPv4 wants the scope to say how far away the next hop is; IPv6 ignores it. */
function scopeOf(route: RouteSpecification): number {
  const type = routeType(route);
  if (type === rt.RTN_LOCAL) return rt.RT_SCOPE_HOST;
  const onLink = route.gateway === undefined && type === rt.RTN_UNICAST;
  return onLink ? rt.RT_SCOPE_LINK : rt.RT_SCOPE_UNIVERSE;
}

const routeTypes = {
  unicast: rt.RTN_UNICAST,
  local: rt.RTN_LOCAL,
  blackhole: rt.RTN_BLACKHOLE,
  unreachable: rt.RTN_UNREACHABLE,
} as const;

function routeType({ type = 'unicast' }: RouteSpecification): number {
  return typeof type === 'number' ? type : routeTypes[type];
}

function writeRoute(writer: MessageWriter, route: RouteSpecification, protocol: number, scope: number): void {
  writer.u8(routeFamily(route));
  writer.u8(route.prefix ?? 0);
  writer.zeros(2); // source prefix, type of service
  writer.u8(rt.RT_TABLE_UNSPEC); // see RTA_TABLE
  writer.u8(protocol);
  writer.u8(scope);
  writer.u8(routeType(route));
  writer.u32(0); // flags
  const { destination, gateway, source } = route;
  if (destination !== undefined) writer.attributeBytes(rt.RTA_DST, addressBytes(destination));
  if (gateway !== undefined) writer.attributeBytes(rt.RTA_GATEWAY, addressBytes(gateway));
  if (source !== undefined) writer.attributeBytes(rt.RTA_PREFSRC, addressBytes(source));
  if (route.index !== undefined) writer.attributeU32(rt.RTA_OIF, route.index);
  if (route.priority !== undefined) writer.attributeU32(rt.RTA_PRIORITY, route.priority);
  writer.attributeU32(
    rt.RTA_TABLE,
    route.table ?? (routeType(route) === rt.RTN_LOCAL ? rt.RT_TABLE_LOCAL : rt.RT_TABLE_MAIN),
  );
}
