/**
 * The control protocol's values: what members say to each other over each path. The bytes are in `codec.ts`, the
 * trailer in `seal.ts`, who is believed in `freshness.ts`.
 *
 * Every datagram has one fixed header, then typed extensions, then an HMAC-SHA256 trailer over all of it. A heartbeat
 * has node scope and carries one `GroupRecord` for each group the two nodes share.
 */

/** A member's number in the cluster, 1..65535, from the configuration. */
export type NodeId = number;
/** A group's number, 1..2^32-1: the first 32 bits of SHA-256 of its name; clashes are refused by the configuration. */
export type GroupId = number;
/** A path's number between two members, 1..255, equal on both ends, under the HMAC. */
export type PathId = number;
/** 48 random bits drawn at each start of the daemon; 0 means "not known yet". */
export type BootNonce = number;

/** Compared by counter, then by member. `counter` < 2^48. Counter 0 means "none seen". */
export interface Term {
  readonly counter: number;
  readonly member: NodeId;
}

export const noTerm: Term = { counter: 0, member: 0 };

/** Negative when a is lower than b, 0 when equal, positive when higher. */
export function compareTerms(a: Term, b: Term): number {
  return a.counter !== b.counter ? a.counter - b.counter : a.member - b.member;
}

/** The kinds of datagram. */
export const ControlType = {
  /** Liveness and the state of all shared groups; sent every interval on every path. */
  heartbeat: 1,
  /** Opens a tether: first bytes on the TCP connection, same format and trailer. */
  tether: 2,
  /** Asks the active member to hand the group (scope) over to `target` (extension); from any member. */
  switchoverRequest: 3,
  /** Active -> successor: hold the group's packets, I am about to forward them to you. */
  prepare: 4,
  /** Successor -> active: holding. */
  prepared: 5,
  /** Old active -> successor: my fence is closed; the term in the header is the one I gave up. */
  released: 6,
  /** Either -> the other: the planned switchover is off; forwarding and holding end. */
  abort: 7,
} as const;
export type ControlType = (typeof ControlType)[keyof typeof ControlType];

/** What a member says of itself in a group. */
export const MemberState = {
  starting: 0,
  standby: 1,
  active: 2,
  /** Active, handing over (fence still open). */
  draining: 3,
  /** Successor in a planned switchover: holding packets, fence closed. */
  holding: 4,
  /** Not eligible: a check fails, carrier is out, maintenance. */
  faulted: 5,
  /** Leaving: the daemon stops in order. */
  stopped: 6,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** Header flag: the sender stops in order and no longer holds anything (node scope). */
export const flagStopping = 0x0001;
/** GroupRecord flag: a term was used without a reservation on disk (the state directory is lost or slow). */
export const flagUnreserved = 0x0001;
/**
 * GroupRecord flag: the sender hands the role over, or has done so and waits to hear its chosen successor active; nobody
 * else takes it meanwhile.
 */
export const flagHandsOver = 0x0002;

export interface GroupRecord {
  readonly group: GroupId;
  readonly state: MemberState;
  /** 0..255, higher is preferred. */
  readonly priority: number;
  readonly flags: number;
  /** Active: the term it holds. Otherwise: the highest term seen. */
  readonly term: Term;
}

export interface ControlMessage {
  readonly type: ControlType;
  /** Header flags, 16 bits. */
  readonly flags: number;
  /** First 48 bits of SHA-256 of the cluster's name. */
  readonly cluster: number;
  readonly sender: NodeId;
  readonly receiver: NodeId;
  readonly path: PathId;
  readonly senderBoot: BootNonce;
  /** The receiver's boot nonce as the sender last heard it; 0 before anything was heard. */
  readonly echoBoot: BootNonce;
  /** Counts up on each path from 1 at each boot; < 2^48. */
  readonly sequence: number;
  /** 0: node scope; else the group this datagram is about. */
  readonly scope: GroupId | 0;
  /** For group scope: see the type; else `noTerm`. */
  readonly term: Term;
  /** For group scope: the sender's state there; else 0. */
  readonly state: MemberState;
  /** Extension: the sender's heartbeat interval, microseconds (heartbeat only), else 0. */
  readonly intervalUs: number;
  /** Extension: heartbeat only, else empty. */
  readonly groups: readonly GroupRecord[];
  /** Extension: the member a switchoverRequest, prepare or released is for, else 0. */
  readonly target: NodeId | 0;
}
