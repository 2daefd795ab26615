/** What is valid, but not what somebody wants who looked twice. */
import type { ReactorConfig } from '../bridge.ts';
import type { ResolvedConfig } from './resolve.ts';

export function warningsOf(node: string, { reactor, control }: ResolvedConfig): string[] {
  if (control.groups.length === 0) return [`${node} is a member of no group`];
  return control.groups.flatMap(({ id, name }) => {
    const link = reactor.groups.find((group) => group.id === id);
    return link === undefined ? [] : unforwarded(name, link, reactor.engine.self, control.names.members);
  });
}

/** Families of the group's addresses in which a member cannot be forwarded to. */
function unforwarded(
  name: string,
  link: ReactorConfig['groups'][number],
  self: number,
  names: ReadonlyMap<number, string>,
): string[] {
  const families = new Set(link.addresses.map(familyOf));
  return link.memberAddresses
    .filter(({ member }) => member !== self)
    .flatMap(({ member, addresses }) =>
      [...families]
        .filter((family) => !addresses.some((address) => familyOf(address) === family))
        .map(
          (family) =>
            `group ${name}: no ${family} address of ${names.get(member)} on the LAN is known, so a planned switchover ` +
            `to it loses the ${family} packets of some milliseconds; add it to members.${names.get(member)}.lanAddresses`,
        ),
    );
}

function familyOf(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}
