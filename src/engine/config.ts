/** What the engine is told at its start: plain data, already validated by the daemon (or drawn by the simulator). */
import type { BootNonce, GroupId, NodeId, PathId } from '../wire/control/message.ts';

export interface EngineConfig {
  readonly self: NodeId;
  readonly boot: BootNonce;
  /** How often a heartbeat goes to each peer on each path, microseconds (>= 1000). */
  readonly heartbeatIntervalUs: number;
  /** This many intervals without a heartbeat make a path silent. */
  readonly missCount: number;
  /** How long a start waits for paths that pass no traffic before it believes it is alone, microseconds. */
  readonly startupGraceUs: number;
  /**
   * How long it is asked, before the first activation of this life, whether somebody has the addresses, microseconds; 0:
   * not at all. Only where nobody is known to be active.
   */
  readonly probeUs: number;
  /** How long that activation waits at most for a port with carrier that has passed no frame yet, microseconds; 0: not. */
  readonly silentPortUs: number;
  /**
   * For so long after its start a member grants silent peers ten intervals more, microseconds: machines that are being
   * set up stand still for moments, and a member that has hardly heard anybody yet is no judge of that.
   */
  readonly settleUs: number;
  /** How long an active one in a planned switchover lets its own replies drain behind the forwarding, microseconds. */
  readonly drainUs: number;
  /** A planned switchover that has not finished after this long is called off, microseconds. */
  readonly switchoverTimeoutUs: number;
  /** When the announcement is repeated after a takeover, microseconds since the first. */
  readonly announceScheduleUs: readonly number[];
  /** The least time between two defences of a claimed address, microseconds (RFC 5227 §2.4 in spirit); see `announcer.ts`. */
  readonly defendIntervalUs: number;
  /** How a member is held back that loses the role again and again. */
  readonly damping: DampingConfig;
  /** How many term counters one reservation on disk covers. */
  readonly termBlock: number;
  readonly peers: readonly PeerConfig[];
  readonly groups: readonly GroupConfig[];
  /** Groups this node is a proxy of. */
  readonly proxied: readonly ProxiedGroupConfig[];
  /** Strict groups that this node has a vote in without being a member. */
  readonly witnessed: readonly WitnessedGroupConfig[];
  /** How long a registration lasts without a renewal, microseconds; it is renewed after a third of that. */
  readonly registrationUs: number;
  /** How long a proxy goes on sending packets to the place that took over from it, microseconds. */
  readonly stragglersUs: number;
}

export interface DampingConfig {
  /** For how long the second fall holds a member back, microseconds; each further one twice as long. 0: never. */
  readonly firstUs: number;
  /** The longest, microseconds. */
  readonly maxUs: number;
  /** A member that has been well for so long has no falls any more, microseconds; not less than `maxUs`. */
  readonly forgetUs: number;
}

export interface PeerConfig {
  readonly id: NodeId;
  readonly paths: readonly PathConfig[];
}

export interface PathConfig {
  readonly id: PathId;
  /** A direct cable: the end of a tether on it is proof of death, carrier loss on it is a signal about the peer. */
  readonly cable: boolean;
}

export interface GroupConfig {
  readonly id: GroupId;
  readonly members: readonly { readonly id: NodeId; readonly priority: number }[];
  /** The proxy this member registers with; 0: it serves the hosts' LAN itself. */
  readonly proxy: NodeId | 0;
  /** Every proxy of the group, also those of other members: they hear what this member says of itself. */
  readonly proxies: readonly NodeId[];
  /** Strict: the role needs a majority's promises. Undefined: available. */
  readonly quorum?: QuorumConfig;
  /** Take the role back from a lower-priority active member when healthy. Off unless asked for. */
  readonly preempt: boolean;
  /** Which signals of the active member mean "take over" (the patent's predetermined states). */
  readonly takeOverOn: {
    readonly silence: boolean;
    readonly processDeath: boolean;
    readonly carrier: boolean;
    readonly status: boolean;
  };
}

/** Who has a vote in a strict group, and on what terms; the same on every node. */
export interface QuorumConfig {
  /** Members and witness. */
  readonly voters: readonly NodeId[];
  /** Who may be promised the group. */
  readonly members: readonly NodeId[];
  /** How long a promise lasts, microseconds. */
  readonly promiseUs: number;
  /** By how much a node's monotonic clock may be too fast or too slow, parts per million. */
  readonly driftPpm: number;
}

export interface WitnessedGroupConfig {
  readonly id: GroupId;
  readonly quorum: QuorumConfig;
}

/** A group whose addresses this node answers for while one of its members is registered here as active. */
export interface ProxiedGroupConfig {
  readonly id: GroupId;
  /** Who may register with us. */
  readonly members: readonly NodeId[];
  /**
   * Where the other members are, as seen from the hosts' LAN: behind another proxy (its number), or there themselves
   * (their own). Packets that still reach us after a takeover are sent there.
   */
  readonly elsewhere: readonly { readonly member: NodeId; readonly place: NodeId }[];
  readonly takeOverOn: GroupConfig['takeOverOn'];
}
