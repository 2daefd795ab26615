/** What is valid, but not what somebody wants who looked twice. */
import { lackingFamilies } from './family.ts';
import type { ConfigFile, GroupEntry } from './format.ts';
import { clientsOf, isIn, isProxyOf, isWitnessOf, lanAddressesOf, placeOf, shareAPath } from './places.ts';

export function warningsOf(file: ConfigFile): string[] {
  const groups = Object.entries(file.groups).filter(([, group]) => isIn(group, file.node));
  if (groups.length === 0) {
    const witnesses = Object.values(file.groups).some((group) => isWitnessOf(group, file.node));
    return witnesses ? [] : [`${file.node} is a member of no group, and a proxy or witness of none`];
  }
  return groups.flatMap(([name, group]) => {
    const places = [...new Set(Object.keys(group.members).map((member) => placeOf(group, member)))];
    const found = [...unforwarded(file, group, places), ...unheard(file, group, places)];
    return found.map((warning) => `group ${name}: ${warning}`);
  });
}

/** Families of the group's addresses in which nothing can be sent on to another place on the hosts' LAN. */
function unforwarded(file: ConfigFile, group: GroupEntry, places: readonly string[]): string[] {
  // Behind a proxy, sending on is the proxy's work, and what it needs is demanded.
  if (placeOf(group, file.node) !== file.node) return [];
  return places
    .filter((place) => place !== file.node)
    .flatMap((place) =>
      lackingFamilies(group.addresses, lanAddressesOf(file, group, place)).map((family) => {
        const target = clientsOf(group, place).join(' or ') || 'it';
        const loss = isProxyOf(group, file.node)
          ? `${family} packets that still arrive here after a takeover are lost`
          : `a planned switchover to ${target} loses the ${family} packets of some milliseconds`;
        const section = isProxyOf(group, place) ? 'proxies' : 'members';
        return (
          `no ${family} address of ${place} on the LAN is known, so ${loss}; ` +
          `add it to ${section}.${place}.lanAddresses`
        );
      }),
    );
}

/** Places on the hosts' LAN that do not hear each other; between members that is an error. */
function unheard(file: ConfigFile, group: GroupEntry, places: readonly string[]): string[] {
  return places.flatMap((place, index) =>
    places
      .slice(0, index)
      .filter((earlier) => isProxyOf(group, earlier) || isProxyOf(group, place))
      .filter((earlier) => !shareAPath(file, earlier, place))
      .map(
        (earlier) =>
          `${earlier} and ${place} share no path, so the proxies do not hear each other: they learn of a takeover ` +
          'only from announcements and their members; describe a path between them',
      ),
  );
}
