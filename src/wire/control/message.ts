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
  /** Member -> its proxy: answer for me, and route to me, as the state and term in the header say (extension). */
  register: 8,
  /** Proxy -> member: what became of the request (extension); the term in the header is the highest seen. */
  registered: 9,
  /** Strict groups, member -> voter: promise me the group, or have it back (extension). The term is the one it is for. */
  promiseRequest: 10,
  /** Voter -> member: its answer (extension); the term in the header is the highest it has promised or seen. */
  promise: 11,
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
/**
 * GroupRecord flag: the sender is a proxy of the group, no member. `active`: it answers for the member that holds the
 * term; `draining`: it does so still, but stops in order and wants to be relieved; `holding`: it answers, but no member
 * is active, and packets wait; any other state: it does not answer.
 */
export const flagProxy = 0x0004;
/**
 * GroupRecord flag: the sender is a proxy and hears that the group is served elsewhere: by another proxy, or by a member
 * that is not registered with it. Its own members need not hear that one themselves to leave the role to it.
 */
export const flagElsewhere = 0x0008;
/** GroupRecord flag: the sender has lost the role too often of late; other able members go before it. */
export const flagHeldBack = 0x0010;
/**
 * GroupRecord flag: an operator has pinned the sender's role (maintenance). Active, it hands the role to nobody who asks;
 * else it takes it from nobody.
 */
export const flagPinned = 0x0020;

/** The most falls that a record can tell. */
export const fallsMax = 15;

/** What a proxy says to a request (RFC 5944 §3.4 in spirit). */
export const RegistrationCode = {
  accepted: 0,
  /** A higher term was seen: the header of the reply names it. */
  lowerTerm: 1,
  /** The receiver is no proxy of this group, or not for this member. */
  notYourProxy: 2,
  /** The proxy stops in order. */
  stopping: 3,
  /** The proxy's kernel refused, or its lease was lost. */
  unable: 4,
} as const;
export type RegistrationCode = (typeof RegistrationCode)[keyof typeof RegistrationCode];

/** The codes by number: for counters, events and logs. */
export const registrationCodeNames: ReadonlyMap<number, keyof typeof RegistrationCode> = new Map(
  (Object.keys(RegistrationCode) as (keyof typeof RegistrationCode)[]).map((name) => [
    RegistrationCode[name],
    name,
  ]),
);

/** The extension of `register` and `registered`. */
export interface Registration {
  /** Chosen by the member, one more for each request; the reply repeats it. 1..2^32-1. */
  readonly identification: number;
  /** How long the registration lasts without a renewal, milliseconds; 0 withdraws it. A reply says what was granted. */
  readonly lifetimeMs: number;
  /** `accepted` in a request. */
  readonly code: RegistrationCode;
}

/** What is said in a `promiseRequest` and in a `promise`. */
export const PromiseWord = {
  /** Request: promise me the group for the duration, to nobody else. */
  ask: 0,
  /** Request: the promise is not needed any more; the fence is closed. */
  giveBack: 1,
  /** Request: likewise, and the term was never used and never will be. */
  abandon: 2,
  /** Answer: promised, for the duration, from the moment of answering. */
  given: 3,
  /** Answer: it is promised to another member. */
  taken: 4,
  /** Answer: a higher term was promised or seen; the header names it. */
  lowerTerm: 5,
  /** Answer: not now: a former life's promises may still run, or the disk does not know such terms yet. */
  unable: 6,
} as const;
export type PromiseWord = (typeof PromiseWord)[keyof typeof PromiseWord];

/** The extension of `promiseRequest` and `promise`. */
export interface Promised {
  /** Chosen by the member, one more for each request; the answer repeats it. 1..2^32-1. */
  readonly identification: number;
  /** Microseconds; 0 where nothing is asked for or given. */
  readonly durationUs: number;
  readonly word: PromiseWord;
}

export interface GroupRecord {
  readonly group: GroupId;
  readonly state: MemberState;
  /** 0..255, higher is preferred. */
  readonly priority: number;
  /** 8 bits. */
  readonly flags: number;
  /** How often the sender has lost the role against its will of late, 0..`fallsMax`. */
  readonly falls: number;
  /** The same of the receiver, as the sender remembers it from the receiver's former lives; 0: it knows itself. */
  readonly yourFalls: number;
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
  /** Extension: `register` and `registered` only. */
  readonly registration?: Registration;
  /** Extension: `promiseRequest` and `promise` only. */
  readonly promise?: Promised;
}
