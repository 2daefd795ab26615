/** Which interfaces have their base chain, and which do not yet, or no longer. */
import { deleteChain, type NftablesRequest, type Table } from '../nftables/request.ts';
import type { Chain } from '../nftables/socket.ts';
import type { Link } from '../route/values.ts';
import type { FenceConfig } from './config.ts';
import {
  coverDelivery,
  coverEgress,
  coverIngress,
  deliveryPrefix,
  egressPrefix,
  ingressPrefix,
} from './ruleset.ts';

const baseChain: RegExp = new RegExp(`^(?:${egressPrefix}|${ingressPrefix}|${deliveryPrefix})\\d+$`);

/**
 * The requests that make `covered` cover `links`: every interface but `lo` and our own devices against what leaves,
 * the groups' interfaces against what arrives. Chains are named by index, which no two interfaces ever share; one
 * whose interface went away or was renamed (newer kernels bind by name) is replaced.
 */
export function chainsToCover(
  table: Table,
  config: FenceConfig,
  links: readonly Link[],
  covered: readonly Chain[],
): NftablesRequest[] {
  const exempt = new Set(['lo', ...config.ownDevices]);
  const lans = new Set(config.groups.map((group) => group.interface));
  const wanted = new Map<string, { device: string; requests: () => NftablesRequest[] }>();
  for (const { index, name } of links) {
    if (name === config.waitingRoom) {
      wanted.set(`${deliveryPrefix}${index}`, {
        device: name,
        requests: () => coverDelivery(table, index, name),
      });
    }
    if (!exempt.has(name)) {
      wanted.set(`${egressPrefix}${index}`, {
        device: name,
        requests: () => coverEgress(table, index, name),
      });
    }
    if (lans.has(name)) {
      wanted.set(`${ingressPrefix}${index}`, {
        device: name,
        requests: () => coverIngress(table, index, name),
      });
    }
  }
  const requests: NftablesRequest[] = [];
  for (const { name, devices } of covered) {
    if (!baseChain.test(name)) continue;
    const device = wanted.get(name)?.device;
    if (device !== undefined && devices.includes(device)) wanted.delete(name);
    else requests.push(deleteChain(table, name));
  }
  for (const { requests: cover } of wanted.values()) requests.push(...cover());
  return requests;
}
