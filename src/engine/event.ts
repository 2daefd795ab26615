/** Everything that can happen to the engine. The reactor (or the simulator) feeds these in the order they arrived. */
import type { IpAddress, MacAddress } from '../wire/address.ts';
import type { BootNonce, ControlMessage, GroupId, NodeId, PathId } from '../wire/control/message.ts';

export type Event =
  /**
   * First event of every turn of the loop, before the sockets' messages: how much later than the planned deadline the
   * loop woke, microseconds. The engine adds it to its patience: a stall of ours is not the peer's death.
   */
  | { readonly kind: 'turn'; readonly lateUs: number }
  /** Last event of every turn, after every ready socket was drained: only now may silence be believed. */
  | { readonly kind: 'drained' }
  /** An authenticated, fresh datagram (wire/control/freshness said 'believed'). */
  | { readonly kind: 'message'; readonly path: PathId; readonly message: ControlMessage }
  /** The carrier of the interface under a path changed (netlink). */
  | { readonly kind: 'carrier'; readonly peer: NodeId; readonly path: PathId; readonly up: boolean }
  /** A tether to the peer's present boot was proven, or ended. `proof`: on a direct cable, so its end is death. */
  | {
      readonly kind: 'tether';
      readonly peer: NodeId;
      readonly path: PathId;
      readonly up: boolean;
      readonly proof: boolean;
      /** The boot at the other end. Without it the end of a tether is taken for the end of the present boot. */
      readonly boot?: BootNonce;
    }
  /** Answer to the effect 'acquire', in the same turn. */
  | { readonly kind: 'acquired'; readonly group: GroupId; readonly ok: boolean }
  /**
   * The kernel lease ran out under us (renewal said ENOENT), or the fence is gone: every group held is lost. `group`: only
   * that strict group's own time did.
   */
  | { readonly kind: 'leaseLost'; readonly group?: GroupId }
  /** The control plane wrote the ceiling to disk: counters up to and including it may be used. */
  | { readonly kind: 'termsReserved'; readonly ceiling: number }
  /** The sum of the group's checks and the state of its interface changed (control plane, rise and fall applied). */
  | { readonly kind: 'health'; readonly group: GroupId; readonly healthy: boolean; readonly reason: string }
  /** Planned switchover asked for by the operator; target 0: the best standby. */
  | { readonly kind: 'switchover'; readonly group: GroupId; readonly target: NodeId | 0 }
  /** An operator pins what this member is in the group, or ends that. */
  | { readonly kind: 'maintenance'; readonly group: GroupId; readonly on: boolean }
  /** Leave in order: hand over what is held, then say goodbye. */
  | { readonly kind: 'stop' }
  /** Someone whose MAC is not ours sent ARP/ND claiming an address of the group. `member`: whose MAC it is, or 0. */
  | {
      readonly kind: 'claim';
      readonly group: GroupId;
      readonly member: NodeId | 0;
      readonly address: IpAddress;
      readonly mac: MacAddress;
    }
  /** Someone whose MAC is lower than ours asks whether anybody has an address of the group: he wants it himself. */
  | { readonly kind: 'rival'; readonly group: GroupId }
  /** The group's interface got carrier and has passed no frame since, or has passed the first one. */
  | { readonly kind: 'port'; readonly group: GroupId; readonly passes: boolean }
  /** Evidence that hosts may have missed an announcement: a clock gap, the LAN's carrier came back. */
  | { readonly kind: 'evidence'; readonly group: GroupId; readonly reason: 'clockGap' | 'carrierReturned' };
