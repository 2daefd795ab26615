/** What the fence stands around, and the names of its parts in the kernel. */
import { type IpAddress, isIpv4 } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import type { Table } from '../nftables/request.ts';
import { addressBytes } from '../route/requests.ts';

export interface FenceConfig {
  /** The tables are called `understudy-<instance>`. */
  readonly instance: string;
  /** How long the voice lasts without a renewal, milliseconds. The kernel ends it up to one jiffy early, never late. */
  readonly leaseMs: number;
  readonly groups: readonly FencedGroup[];
  /** TUN and TAP devices of this process: exempt, as `lo` is. */
  readonly ownDevices: readonly string[];
}

export interface FencedGroup {
  readonly id: GroupId;
  /** The LAN on which the addresses are served. */
  readonly interface: string;
  readonly addresses: readonly IpAddress[];
}

export interface FenceTables {
  readonly netdev: Table;
  readonly inet: Table;
}

export const tablePrefix = 'understudy-';

export const sets = {
  addresses4: 'addresses4',
  addresses6: 'addresses6',
  held4: 'held4',
  held6: 'held6',
  alive: 'alive',
} as const;

/** The element of `alive` that opens the fence. */
export const lease: Uint8Array = Uint8Array.of(0, 0, 0, 1);
/** The element of `alive` that only measures how long a decision took; no rule looks for it. */
export const arming: Uint8Array = Uint8Array.of(0, 0, 0, 2);

export function tablesOf(instance: string): FenceTables {
  const name = `${tablePrefix}${instance}`;
  return { netdev: { family: 'netdev', name }, inet: { family: 'inet', name } };
}

/** Set elements by family. */
export interface Keys {
  readonly v4: readonly Uint8Array[];
  readonly v6: readonly Uint8Array[];
}

export function keysOf(groups: readonly FencedGroup[]): Keys {
  const addresses = groups.flatMap((group) => group.addresses);
  return {
    v4: addresses.filter((address) => isIpv4(address)).map(addressBytes),
    v6: addresses.filter((address) => !isIpv4(address)).map(addressBytes),
  };
}
