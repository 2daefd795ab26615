/** Proxies of a group and the members behind them: who registers with whom, and over which network both reach each other. */
import type { ConfigPath } from '../document.ts';
import { lackingFamilies } from '../family.ts';
import type { GroupEntry, GroupProxyEntry } from '../format.ts';
import { nearest } from '../nearest.ts';
import { clientsOf, gatewaysOf, interfaceOf, isProxyOf, lanAddressesOf, segmentPaths } from '../places.ts';
import type { Findings } from './findings.ts';

export function checkProxies(findings: Findings, name: string, group: GroupEntry): void {
  for (const [proxy, entry] of Object.entries(group.proxies ?? {})) {
    const where = ['groups', name, 'proxies', proxy];
    if (findings.isMember(proxy, where, true)) checkProxy(findings, where, group, { proxy, ...entry });
  }
  for (const member of Object.keys(group.members)) checkRegistration(findings, name, group, member);
}

function checkProxy(
  findings: Findings,
  where: ConfigPath,
  group: GroupEntry,
  { proxy, interface: lan }: GroupProxyEntry & { readonly proxy: string },
): void {
  if (proxy in group.members) {
    findings.atKey(
      where,
      'is a member of the group as well: a node is one or the other; remove it here, or from the members',
    );
  }
  const clients = clientsOf(group, proxy);
  if (clients.length === 0) {
    findings.atKey(
      where,
      `has no members: nobody registers with it; give a member proxy: ${proxy}, or remove it`,
    );
  }
  const beside = clients.find((member) =>
    segmentPaths(findings.file, group, member, proxy).some((path) => path.members[proxy]?.interface === lan),
  );
  if (beside !== undefined) {
    findings.at(
      [...where, 'interface'],
      `is ${lan}, which leads to ${beside} as well: a proxy must not answer on its member's own network ` +
        `(RFC 1027); name the interface on the hosts' LAN, or remove ${beside}'s proxy`,
    );
  }
}

function checkRegistration(findings: Findings, name: string, group: GroupEntry, member: string): void {
  const where = ['groups', name, 'members', member];
  const entry = group.members[member];
  const proxy = entry?.proxy;
  if (proxy === undefined) {
    if (entry?.gateways === undefined) return;
    findings.at([...where, 'gateways'], `is given without proxy: they are its addresses; name it as proxy`);
    return;
  }
  if (!isProxyOf(group, proxy)) {
    const hint = proxyHint(name, group, proxy);
    findings.at(
      [...where, 'proxy'],
      `is ${JSON.stringify(proxy)}, which is not a proxy of the group: ${hint}`,
    );
    return;
  }
  const own = interfaceOf(group, member);
  const named = [member, proxy].every((node) => node in findings.file.members);
  if (named && own !== '') checkSegment(findings, where, group, { member, proxy, own });
}

function proxyHint(name: string, group: GroupEntry, proxy: string): string {
  const known = Object.keys(group.proxies ?? {});
  if (known.length === 0) return `it has none; list them in groups.${name}.proxies`;
  const meant = nearest(proxy, known);
  return meant === undefined ? `they are ${known.join(', ')}` : `did you mean ${meant}?`;
}

/** The network between a member and its proxy: both are on it, with an address of each family that the group has. */
function checkSegment(
  findings: Findings,
  where: ConfigPath,
  group: GroupEntry,
  { member, proxy, own }: { readonly member: string; readonly proxy: string; readonly own: string },
): void {
  const { file } = findings;
  const attached = segmentPaths(file, group, member, proxy).length > 0;
  if (!attached) {
    findings.at(
      [...where, 'proxy'],
      `is ${proxy}, which shares no attached path with ${member} over ${own}: describe one (hops: 0) between them`,
    );
  }
  const ends = [
    { field: 'gateways', addresses: gatewaysOf(file, group, member), node: proxy },
    { field: 'lanAddresses', addresses: lanAddressesOf(file, group, member), node: member },
  ];
  for (const { field, addresses, node } of ends) {
    // Without a path the addresses that it would give are missing for that reason.
    if (!attached && !findings.isWritten([...where, field])) continue;
    for (const family of lackingFamilies(group.addresses, addresses)) {
      findings.at(
        [...where, field],
        `has no ${family} address, but the group has: packets of that family could not be routed; ` +
          `add ${node}'s on that network`,
      );
    }
  }
}
