/** Whether the interfaces that a configuration names are as it says, and whether anything else has the addresses. */
import type { Finding } from '../../api/finding.ts';
import { OperationError } from '../../linux/errors.ts';
import { existingInterfaces } from '../../linux/interfaces.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import type { Address, Link } from '../../linux/route/values.ts';
import { readSysctl } from '../../linux/sysctl.ts';
import { formatIp, formatMac, type IpAddress, isIpv4 } from '../../wire/address.ts';
import type { LoadedConfig } from '../config/load.ts';
import { tunDevice } from '../devices.ts';
import { addressOf } from '../reactor/paths.ts';
import { missing, ok, reduced } from './finding.ts';

export function examineNetwork(config: LoadedConfig): Finding[] {
  const route = RouteSocket.open();
  const [links, addresses] = [route.links(), route.addresses()];
  route.close();
  const { paths, groups, instance } = config.reactor;
  const served = groups.map((group) => group.interface);
  const names = new Set([...paths.map((path) => path.interface), ...served]);
  return [
    ...[...names].map((name) => examineInterface(name, links, served.includes(name))),
    ...examinePaths(config, links, addresses),
    ...examineAddresses(config, links, addresses, tunDevice(instance)),
    examineIpv6(config, links),
  ];
}

function examineInterface(name: string, links: readonly Link[], serves: boolean): Finding {
  const what = `interface ${name}`;
  const link = links.find((one) => one.name === name);
  if (link === undefined)
    return missing(what, 'does not exist', `name one that exists; ${existingInterfaces()}`);
  if (serves && (link.mac === undefined || link.mac === 0))
    return missing(what, 'has no Ethernet address', 'serve the group on an Ethernet interface');
  const mac = link.mac === undefined ? 'no MAC' : formatMac(link.mac);
  if (link.up && link.carrier) return ok(what, `${mac}, has carrier`);
  const why = link.up ? 'no carrier' : 'down';
  return reduced(
    what,
    `${mac}, ${why}`,
    serves ? 'this member is faulted until it has carrier' : 'the path is down until it has carrier',
    link.up ? 'check cable and switch' : `ip link set ${name} up`,
  );
}

/** The member's own ends. An address that is not there yet is no obstacle to a start. */
function examinePaths(
  { reactor, control }: LoadedConfig,
  links: readonly Link[],
  addresses: readonly Address[],
): Finding[] {
  const ends = new Map(reactor.paths.map((path) => [path.path, path]));
  return [...ends.values()].map((path) => {
    const what = `path ${control.names.paths.get(path.path) ?? path.path}`;
    const end = addressOf(path.localAddress);
    const on = addresses.filter(({ address }) => address === end).map(({ index }) => nameOf(index, links));
    if (on.includes(path.interface)) return ok(what, `${path.localAddress} on ${path.interface}`);
    const found =
      on.length === 0 ? 'is on no interface here' : `is on ${on.join(', ')}, not on ${path.interface}`;
    return reduced(
      what,
      `${path.localAddress} ${found}`,
      'the path is down',
      `give ${path.interface} the address, or correct node, interface or address`,
    );
  });
}

/** The classic mistake: the address is configured in the ordinary way too, and nobody takes it back at a takeover. */
function examineAddresses(
  { reactor }: LoadedConfig,
  links: readonly Link[],
  addresses: readonly Address[],
  own: string,
): Finding[] {
  const shared = new Set<IpAddress>(reactor.groups.flatMap((group) => group.addresses.map(addressOf)));
  const elsewhere = addresses
    .filter(({ address }) => shared.has(address))
    .map(({ address, index }) => ({ text: formatIp(address), name: nameOf(index, links), address }))
    .filter(({ name }) => name !== own);
  if (elsewhere.length === 0) {
    return shared.size === 0
      ? []
      : [ok('addresses', `none of the ${shared.size} is on an interface by itself`)];
  }
  return elsewhere.map(({ text, name, address }) =>
    missing(
      'addresses',
      `${text} is configured on ${name}: it would stay there when another member has it`,
      `take it out of the network configuration: ip address del ${text}/${isIpv4(address) ? 32 : 128} dev ${name}`,
    ),
  );
}

function examineIpv6({ reactor }: LoadedConfig, links: readonly Link[]): Finding {
  const lans = new Set(
    reactor.groups
      .filter((group) => group.addresses.some((address) => !isIpv4(addressOf(address))))
      .map((group) => group.interface),
  );
  // Of one that is missing, that is said.
  const off = [...lans].filter((name) => links.some((link) => link.name === name) && isOff(name));
  if (off.length > 0)
    return missing(
      'IPv6',
      `switched off on ${off.join(', ')}, where a group has IPv6 addresses`,
      `sysctl net.ipv6.conf.${off[0]}.disable_ipv6=0`,
    );
  return ok('IPv6', lans.size === 0 ? 'not asked for' : `not switched off on ${[...lans].join(', ')}`);
}

/** Or not in this kernel at all. */
function isOff(name: string): boolean {
  try {
    return readSysctl(['net', 'ipv6', 'conf', name, 'disable_ipv6']) !== '0';
  } catch (error) {
    if (error instanceof OperationError) return true;
    throw error;
  }
}

function nameOf(index: number, links: readonly Link[]): string {
  return links.find((link) => link.index === index)?.name ?? `interface ${index}`;
}
