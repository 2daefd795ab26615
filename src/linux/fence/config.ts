/** What the fence stands around, and the names of its parts in the kernel. */
import { type IpAddress, isIpv4 } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { tickMs } from '../clock.ts';
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
  /** Which of them is the TAP of the waiting room: what is written into it follows a group that is forwarded. */
  readonly waitingRoom?: string;
  /** Only this process may change the tables, where the kernel knows that (Linux 6.9). Absent: true. */
  readonly own?: boolean;
}

export interface FencedGroup {
  readonly id: GroupId;
  /** The LAN on which the addresses are served. */
  readonly interface: string;
  readonly addresses: readonly IpAddress[];
  /**
   * TCP ports of mirrored services: what leaves from them through the closed fence is swallowed, not dropped, because a
   * drop is an error to TCP, which then believes that nothing was sent. Absent: none.
   */
  readonly mirrored?: readonly number[];
}

export interface FenceTables {
  readonly netdev: Table;
  readonly inet: Table;
  readonly arp: Table;
}

export const tablePrefix = 'understudy-';

export const sets = {
  /** Verdict maps: from a group's addresses to the chain of the group, for what leaves and for what arrives. */
  leaving4: 'leaving4',
  leaving6: 'leaving6',
  arriving4: 'arriving4',
  arriving6: 'arriving6',
  /** The same for what waited and is written back into the TAP. */
  delivered4: 'delivered4',
  delivered6: 'delivered6',
  /** The groups that have a voice. */
  held: 'held',
  alive: 'alive',
  /** Elements that only measure how long something took; no rule looks for them. */
  measured: 'measured',
  /** In the arp table: every address. */
  shared: 'shared',
} as const;

/** The element of `alive` that opens the fence. */
export const lease: Uint8Array = Uint8Array.of(0, 0, 0, 1);
/** The element of `measured`. */
export const measure: Uint8Array = Uint8Array.of(0, 0, 0, 1);
/**
 * How long the process may be held up between reckoning when a group's voice must end and the kernel's answer,
 * milliseconds: two ticks, by which timeouts are counted. By so much the voice may last longer than reckoned.
 */
export const heldUpMs: number = Math.max(8, Math.ceil(2 * tickMs()));

export function tablesOf(instance: string): FenceTables {
  const name = `${tablePrefix}${instance}`;
  return {
    netdev: { family: 'netdev', name },
    inet: { family: 'inet', name },
    arp: { family: 'arp', name },
  };
}

/** A group's addresses as they stand in packets, by family. */
export interface AddressKeys {
  readonly v4: readonly Uint8Array[];
  readonly v6: readonly Uint8Array[];
}

export function addressKeys({ addresses }: FencedGroup): AddressKeys {
  return {
    v4: addresses.filter((address) => isIpv4(address)).map(addressBytes),
    v6: addresses.filter((address) => !isIpv4(address)).map(addressBytes),
  };
}

/** The group in `held`. */
export function groupKey({ id }: FencedGroup): Uint8Array {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(id);
  return key;
}

/** The group's chain for what leaves in its name. */
export function leavingChain({ id }: Pick<FencedGroup, 'id'>): string {
  return `leaving-${id}`;
}

/** The group's chain for what arrives for it. */
export function arrivingChain({ id }: Pick<FencedGroup, 'id'>): string {
  return `arriving-${id}`;
}

/** The group's chain for what is written back. */
export function deliveredChain({ id }: Pick<FencedGroup, 'id'>): string {
  return `delivered-${id}`;
}
