/** The nodes' own addresses that groups tell of, beside those of the paths: each belongs to one node. */
import type { IpAddress } from '../../../wire/address.ts';
import type { ConfigPath } from '../document.ts';
import { checkAddress } from './addresses.ts';
import type { Findings } from './findings.ts';
import type { AddressOwners } from './paths.ts';

/** All addresses that some node has, with the node. */
export function checkOwnAddresses(findings: Findings, onPaths: AddressOwners): AddressOwners {
  const owners = new Map(onPaths);
  for (const [name, group] of Object.entries(findings.file.groups)) {
    for (const [member, { lanAddresses, gateways, proxy }] of Object.entries(group.members)) {
      const where = ['groups', name, 'members', member];
      checkOwn(findings, [...where, 'lanAddresses'], lanAddresses, member, owners);
      checkOwn(findings, [...where, 'gateways'], gateways, proxy, owners);
    }
    for (const [proxy, { lanAddresses }] of Object.entries(group.proxies ?? {})) {
      checkOwn(findings, ['groups', name, 'proxies', proxy, 'lanAddresses'], lanAddresses, proxy, owners);
    }
  }
  return owners;
}

/** `node`: whose they are; undefined: the file does not say. */
function checkOwn(
  findings: Findings,
  path: ConfigPath,
  addresses: readonly string[] | undefined,
  node: string | undefined,
  owners: Map<IpAddress, string>,
): void {
  for (const [index, text] of (addresses ?? []).entries()) {
    const address = checkAddress(findings, [...path, index], text);
    if (address === undefined || node === undefined) continue;
    const owner = owners.get(address) ?? node;
    if (owner !== node) {
      findings.at([...path, index], `is ${text}, which ${owner} has: must be an address of ${node}`);
    }
    owners.set(address, owner);
  }
}
