/** Members and the paths between them: numbers given once, ends that exist, addresses and ports that are free. */
import { type IpAddress, isIpv4 } from '../../../wire/address.ts';
import type { PathEntry } from '../format.ts';
import { checkAddress } from './addresses.ts';
import type { Findings } from './findings.ts';

export function checkMembers(findings: Findings): void {
  const { members, node } = findings.file;
  findings.isMember(node, ['node'], false);
  checkDistinctIds(findings, 'members', members);
}

/** Addresses of the members by address, with the member they belong to. */
export type AddressOwners = ReadonlyMap<IpAddress, string>;

export function checkPaths(findings: Findings): AddressOwners {
  const { paths } = findings.file;
  checkDistinctIds(findings, 'paths', paths);
  const owners = new Map<IpAddress, string>();
  for (const [name, path] of Object.entries(paths)) {
    checkEnds(findings, name, path);
    checkPathAddresses(findings, name, path, owners);
  }
  checkPorts(findings);
  return owners;
}

function checkDistinctIds(
  findings: Findings,
  section: 'members' | 'paths',
  entries: Readonly<Record<string, { readonly id: number }>>,
): void {
  const seen = new Map<number, string>();
  for (const [name, { id }] of Object.entries(entries)) {
    const other = seen.get(id);
    if (other === undefined) seen.set(id, name);
    else
      findings.at([section, name, 'id'], `is ${id}, which ${section}.${other} has: give each its own number`);
  }
}

function checkEnds(findings: Findings, name: string, path: PathEntry): void {
  const ends = Object.keys(path.members);
  for (const end of ends) findings.isMember(end, ['paths', name, 'members', end], true);
  if (path.kind === 'cable' && ends.length !== 2) {
    findings.at(
      ['paths', name, 'members'],
      `has ${ends.length} (${ends.join(', ')}): a cable joins exactly two; give each pair its own path`,
    );
  }
  if (path.kind === 'lan' && ends.length < 2) {
    findings.at(['paths', name, 'members'], `has only ${ends.join(', ')}: a path needs two members or more`);
  }
  if (path.kind === 'cable' && path.hops > 0) {
    findings.at(
      ['paths', name, 'hops'],
      `is ${path.hops}: a cable has no routers on it; remove it, or use kind: lan`,
    );
  }
}

function checkPathAddresses(
  findings: Findings,
  name: string,
  path: PathEntry,
  owners: Map<IpAddress, string>,
): void {
  const here = new Map<IpAddress, string>();
  let family: { readonly ipv4: boolean; readonly of: string } | undefined;
  for (const [member, end] of Object.entries(path.members)) {
    const where = ['paths', name, 'members', member, 'address'];
    const address = checkAddress(findings, where, end.address);
    if (address === undefined) continue;
    const owner = here.get(address) ?? owners.get(address);
    if (owner !== undefined && owner !== member) {
      findings.at(where, `is ${end.address}, which ${owner} has: each member needs its own address`);
    }
    here.set(address, member);
    owners.set(address, owner ?? member);
    family ??= { ipv4: isIpv4(address), of: member };
    if (family.ipv4 !== isIpv4(address)) {
      findings.at(
        where,
        `is ${end.address}, not of the family of ${family.of}'s: both ends need the same family`,
      );
    }
  }
}

/** Two paths of one member that share a port must differ in interface and address, or their sockets collide. */
function checkPorts(findings: Findings): void {
  const paths = Object.entries(findings.file.paths);
  for (const [index, [name, path]] of paths.entries()) {
    const other = paths.slice(0, index).find(([, earlier]) => collide(path, earlier));
    if (other === undefined) continue;
    findings.at(
      ['paths', name, 'port'],
      `is ${path.port}, which paths.${other[0]} uses on the same interface: give each path its own port`,
    );
  }
}

function collide(a: PathEntry, b: PathEntry): boolean {
  if (a.port !== b.port) return false;
  return Object.entries(a.members).some(([member, end]) => {
    const other = b.members[member];
    return other !== undefined && (other.interface === end.interface || other.address === end.address);
  });
}
