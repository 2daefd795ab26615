/** Groups: members that can hear each other, an interface on each, addresses nobody else has, checks that make sense. */
import { type IpAddress, parseIp } from '../../../wire/address.ts';
import type { GroupEntry } from '../format.ts';
import { groupId } from '../identity.ts';
import { shareAPath } from '../places.ts';
import { checkAddress } from './addresses.ts';
import type { Findings } from './findings.ts';
import { checkMirror } from './mirrors.ts';
import { checkOwnAddresses } from './own-addresses.ts';
import type { AddressOwners } from './paths.ts';
import { checkProxies } from './proxies.ts';
import { checkVoters } from './voters.ts';

export function checkGroups(findings: Findings, onPaths: AddressOwners): void {
  const owners = checkOwnAddresses(findings, onPaths);
  const ids = new Map<number, string>();
  const taken = new Map<IpAddress, string>();
  for (const [name, group] of Object.entries(findings.file.groups)) {
    const other = ids.get(groupId(name));
    if (other !== undefined || groupId(name) === 0) {
      findings.atKey(
        ['groups', name],
        `has the number of ${other ?? 'no group'} by its name: choose another name`,
      );
    }
    ids.set(groupId(name), name);
    checkGroupMembers(findings, name, group);
    checkVoters(findings, name, group);
    checkProxies(findings, name, group);
    checkGroupAddresses(findings, name, group, owners, taken);
    checkChecks(findings, name, group);
    checkMirror(findings, name, group);
  }
}

function checkGroupMembers(findings: Findings, name: string, group: GroupEntry): void {
  const members = Object.keys(group.members);
  for (const member of members) {
    const where = ['groups', name, 'members', member];
    if (!findings.isMember(member, where, true)) continue;
    if (group.interface === undefined && group.members[member]?.interface === undefined) {
      findings.at(
        where,
        `has no interface: name it in groups.${name}.interface, or here for ${member} alone`,
      );
    }
  }
  for (const [index, member] of members.entries()) {
    for (const earlier of members.slice(0, index)) {
      if (!shareAPath(findings.file, earlier, member)) {
        findings.atKey(
          ['groups', name, 'members', member],
          `has no path to ${earlier}: members of a group must share at least one path`,
        );
      }
    }
  }
}

function checkGroupAddresses(
  findings: Findings,
  name: string,
  group: GroupEntry,
  owners: AddressOwners,
  taken: Map<IpAddress, string>,
): void {
  for (const [index, text] of group.addresses.entries()) {
    const where = ['groups', name, 'addresses', index];
    const address = checkAddress(findings, where, text);
    if (address === undefined) continue;
    const owner = owners.get(address);
    if (owner !== undefined) {
      findings.at(where, `is ${text}, which is ${owner}'s own address: a group needs an address of its own`);
    }
    const other = taken.get(address);
    if (other !== undefined)
      findings.at(where, `is ${text}, which groups.${other} has already: give it once`);
    taken.set(address, name);
  }
}

function checkChecks(findings: Findings, name: string, group: GroupEntry): void {
  const names = new Set<string>();
  for (const [index, check] of group.checks.entries()) {
    const where = ['groups', name, 'checks', index];
    if (names.has(check.name)) {
      findings.at([...where, 'name'], `is ${check.name}, which an earlier check has: give each its own name`);
    }
    names.add(check.name);
    if (check.kind === 'tcp' && parseIp(check.address) === undefined) {
      findings.at(
        [...where, 'address'],
        `is ${JSON.stringify(check.address)}: must be an IP address, such as 127.0.0.1 (no name: a check must not wait for a name server)`,
      );
    }
    if (check.timeoutMs > check.intervalMs) {
      findings.at(
        findings.isWritten([...where, 'timeoutMs']) ? [...where, 'timeoutMs'] : [...where, 'intervalMs'],
        `does not fit: timeoutMs (${check.timeoutMs}) must be at most intervalMs (${check.intervalMs})`,
      );
    }
  }
}
