/**
 * What the two planes say to each other. The control plane posts a `ToReactor` and signals the eventfd; the reactor
 * posts a `FromReactor`, which arrives as an ordinary message of the worker. All plain data (structured clone).
 */

import type { EngineConfig } from '../engine/config.ts';
import type { ProxyStateName, Report } from '../engine/effect.ts';
import type { PinnedRole } from '../engine/pin.ts';
import type { EngineSnapshot } from '../engine/snapshot.ts';
import type { BootNonce, GroupId, MemberState, NodeId, PathId } from '../wire/control/message.ts';
import type { ClaimKind } from './reactor/claim.ts';

/** Everything the reactor needs, resolved from the configuration for this node. Addresses are text: see wire/address. */
export interface ReactorConfig {
  readonly engine: Omit<EngineConfig, 'boot'>;
  readonly cluster: number;
  /** HMAC keys, 32 bytes each, hexadecimal; the first seals, all open. */
  readonly keys: readonly string[];
  /** Device and table names derive from it: `us<id>` (TUN), `ush<id>` (hold TAP), nft tables `understudy-<id>`. */
  readonly instance: string;
  readonly leaseMs: number;
  readonly renewIntervalUs: number;
  /** SCHED_FIFO priority 1..99, or 0 for ordinary scheduling. */
  readonly fifoPriority: number;
  /** The waiting room's bound: of planned switchovers, and of a proxy while no member is active. Bytes. */
  readonly holdBytesMax: number;
  /** How old a packet in a proxy's waiting room may become, microseconds. */
  readonly holdAgeUs: number;
  readonly paths: readonly PathLink[];
  readonly groups: readonly GroupLink[];
}

/** One path from this node to one peer. Several peers on one LAN share interface, local address and port. */
export interface PathLink {
  readonly peer: NodeId;
  readonly path: PathId;
  readonly interface: string;
  readonly localAddress: string;
  readonly peerAddress: string;
  /** UDP port of the heartbeats; TCP port of the tether is the same number. */
  readonly port: number;
  readonly cable: boolean;
  readonly tether: boolean;
  /** 0: attached (TTL 255 demanded); N: a routed path of at most N hops. */
  readonly hops: number;
}

export interface GroupLink {
  readonly id: GroupId;
  /** What this node is in the group. A proxy has none of the addresses; it answers for them and routes them. */
  readonly role: 'member' | 'proxy';
  /** Where the addresses are served: the hosts' LAN, or a member's side of its proxy. */
  readonly interface: string;
  readonly addresses: readonly string[];
  readonly standbyAddress: 'present' | 'absent';
  /** Its voice has an end of its own in the kernel, beside the lease: that of a majority's promises. */
  readonly strict: boolean;
  /** Has checks: at the start unhealthy until told otherwise. A reload that adds the first check leaves it false. */
  readonly checked: boolean;
  /**
   * Where each other node of the group is on `interface`'s LAN: its addresses there, or for a member behind a proxy that
   * is there, the proxy's. For forwarding in a switchover and of stragglers; never asked as neighbours.
   */
  readonly memberAddresses: readonly { readonly member: NodeId; readonly addresses: readonly string[] }[];
  /** Member behind a proxy: its way back to the hosts. */
  readonly gateway?: Hop;
  /** Proxy: its way to each member that may register here. */
  readonly clients: readonly Hop[];
  /** A service of the group is mirrored: its TCP port, and the device of its relay. */
  readonly mirror?: { readonly port: number; readonly gate: string };
}

/** The next hop to a node: its addresses on the network of one of our interfaces, at most one of each family. */
export interface Hop {
  readonly node: NodeId;
  readonly interface: string;
  readonly addresses: readonly string[];
}

/** What the control plane drew, reserved and found on the disk for this start. */
export interface BootRecord {
  readonly nonce: BootNonce;
  readonly termCeiling: number;
  readonly termFloor: number;
  /** What an operator had pinned in an earlier life. */
  readonly pins: ReadonlyMap<GroupId, PinnedRole>;
}

export type ToReactor =
  | { readonly kind: 'health'; readonly group: GroupId; readonly healthy: boolean; readonly reason: string }
  | { readonly kind: 'switchover'; readonly group: GroupId; readonly target: NodeId | 0 }
  | { readonly kind: 'maintenance'; readonly group: GroupId; readonly on: boolean }
  | { readonly kind: 'termsReserved'; readonly ceiling: number }
  /** The kernel sends the group's packets there now. */
  | { readonly kind: 'routed'; readonly group: GroupId; readonly to: NodeId | 0 }
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'reload'; readonly config: ReactorConfig }
  | { readonly kind: 'stop' };

export type FromReactor =
  | { readonly kind: 'ready'; readonly fifo: boolean; readonly fifoWhy: string | null }
  | { readonly kind: 'report'; readonly atUs: number; readonly report: Report | ReactorReport }
  | { readonly kind: 'reserveTerms'; readonly ceiling: number }
  /** A mirrored group's fence opened, or closed: its relay waits for that. */
  | { readonly kind: 'voice'; readonly group: GroupId; readonly open: boolean; readonly atUs: number }
  /** Proxy: the group's packets are to go to this node, 0: nowhere. Answered by 'routed'. */
  | { readonly kind: 'route'; readonly group: GroupId; readonly to: NodeId | 0 }
  /** The kernel is to ask for the physical addresses of these, on this interface. */
  | { readonly kind: 'ask'; readonly interface: string; readonly addresses: readonly string[] }
  /** The next hop's physical address is to be learnt now. */
  | { readonly kind: 'resolve'; readonly group: GroupId; readonly node: NodeId }
  /** These addresses were given up: applications' connections on them are to be destroyed. */
  | { readonly kind: 'yielded'; readonly addresses: readonly string[] }
  | { readonly kind: 'status'; readonly id: number; readonly status: ReactorStatus }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'fatal'; readonly message: string };

/** What the reactor itself notices, beside the engine's reports. */
export type ReactorReport =
  | { readonly code: 'carrier'; readonly interface: string; readonly up: boolean }
  | {
      readonly code: 'foreignClaim';
      readonly group: GroupId;
      readonly address: string;
      readonly mac: string;
      readonly interface: string;
      readonly how: ClaimKind;
      /** Claims since the last report of this MAC with this address. */
      readonly count: number;
    }
  /** Another machine, at this address, says that it is this node. */
  | { readonly code: 'twin'; readonly node: NodeId; readonly address: string }
  | { readonly code: 'restored'; readonly what: string }
  | { readonly code: 'lapse'; readonly lateUs: number }
  | { readonly code: 'trouble'; readonly operation: string; readonly message: string };

/** The last claim by another machine for an address of a group. */
export interface ConflictStatus {
  readonly address: string;
  readonly mac: string;
  /** Another place of the group, heard while it was answered for here; 0: a stranger. */
  readonly member: NodeId | 0;
  readonly interface: string;
  readonly how: ClaimKind;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly atUs: number;
  /** All claims for addresses of the group since the start. */
  readonly claims: number;
}

export interface ReactorStatus {
  readonly leaseHeld: boolean;
  readonly lapses: number;
  readonly renewals: number;
  readonly lateLastUs: number;
  readonly lateMaxUs: number;
  readonly refused: Readonly<Record<string, number>>;
  /** As the engine has them. */
  readonly groups: readonly (Omit<EngineSnapshot['groups'][number], 'term'> & {
    readonly termCounter: number;
    readonly termMember: NodeId;
    /** Null: nobody else claimed an address. */
    readonly conflict: ConflictStatus | null;
  })[];
  readonly proxied: readonly {
    readonly id: GroupId;
    readonly state: ProxyStateName;
    readonly answering: boolean;
    readonly routesTo: NodeId | 0;
    readonly termCounter: number;
    readonly termMember: NodeId;
    readonly held: number;
    readonly conflict: ConflictStatus | null;
    readonly registrations: readonly {
      readonly member: NodeId;
      readonly state: MemberState;
      readonly remainingUs: number;
    }[];
  }[];
  readonly votes: readonly {
    readonly id: GroupId;
    readonly promisedTo: NodeId | 0;
    readonly remainingUs: number;
  }[];
  readonly peers: readonly {
    readonly id: NodeId;
    readonly up: boolean;
    readonly paths: readonly {
      readonly id: PathId;
      readonly up: boolean;
      readonly tether: boolean;
      readonly lastHeardUs: number;
    }[];
  }[];
}
