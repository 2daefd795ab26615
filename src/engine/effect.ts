/** Everything the engine asks for. The reactor carries them out in order, in the same turn. */
import type { IpAddress, MacAddress } from '../wire/address.ts';
import type {
  ControlType,
  GroupId,
  MemberState,
  NodeId,
  PathId,
  Promised,
  Registration,
  RegistrationCode,
  Term,
} from '../wire/control/message.ts';
import type { PinnedRole } from './pin.ts';
import type { Instant } from './time.ts';

export type Effect =
  /** Send the heartbeat (all shared groups, `engine.records(peer)`) on one path. */
  | { readonly kind: 'beat'; readonly peer: NodeId; readonly path: PathId }
  /** Send a group-scoped datagram on every path to the peer that has carrier. */
  | {
      readonly kind: 'send';
      readonly peer: NodeId;
      readonly type: ControlType;
      readonly group: GroupId;
      readonly term: Term;
      readonly state: MemberState;
      readonly target: NodeId | 0;
      readonly registration?: Registration;
      readonly promise?: Promised;
    }
  /**
   * Open the fence for the group (kernel lease + held addresses). Answered by the event 'acquired'. `until`: strict groups;
   * the kernel closes it by itself then, if no 'extend' came.
   */
  | { readonly kind: 'acquire'; readonly group: GroupId; readonly term: Term; readonly until?: Instant }
  /** Strict groups: the fence may stay open until then. One that is closed stays closed. */
  | { readonly kind: 'extend'; readonly group: GroupId; readonly until: Instant }
  /** Close the fence for the group, first of all; then destroy sockets that are bound to its addresses. */
  | { readonly kind: 'yield'; readonly group: GroupId }
  /** Begin or stop answering ARP and ND for the group's addresses. */
  | { readonly kind: 'answer'; readonly group: GroupId; readonly on: boolean }
  /** Ask the LAN once whether anybody has one of the group's addresses. Whoever does is told by the event 'claim'. */
  | { readonly kind: 'probe'; readonly group: GroupId }
  /**
   * `ask`: announce each address, and put the unicast question to every neighbour known. Otherwise only what was claimed
   * by others since the last announcement.
   */
  | { readonly kind: 'announce'; readonly group: GroupId; readonly ask: boolean }
  /** Old active, planned: send new packets for the group on to the successor; 0 ends it. */
  | { readonly kind: 'forward'; readonly group: GroupId; readonly to: NodeId | 0 }
  /** Successor, planned: keep the group's packets in a bounded queue / deliver them in order / forget them. */
  | { readonly kind: 'hold'; readonly group: GroupId; readonly action: 'begin' | 'deliver' | 'discard' }
  /**
   * Proxy: packets for the group go to this node: a member registered here, or the place (another proxy, a member on the
   * hosts' LAN) that took over. 0: nowhere.
   */
  | { readonly kind: 'route'; readonly group: GroupId; readonly to: NodeId | 0 }
  /** Proxy: learn the physical address of a member that registered; member: of its proxy. Routing then waits for nothing. */
  | { readonly kind: 'resolve'; readonly group: GroupId; readonly node: NodeId }
  /** Ask the control plane to reserve term counters on disk up to and including `ceiling`. */
  | { readonly kind: 'reserveTerms'; readonly ceiling: number }
  /** Something an operator, a metric or a timeline wants to know. */
  | { readonly kind: 'report'; readonly report: Report }
  /** After 'stop': everything is handed over and said; the process may end. */
  | { readonly kind: 'stopped' };

/** Observable facts. `code` is stable; docs/EVENTS.md explains each. */
export type Report =
  | {
      readonly code: 'pathUp' | 'pathDown';
      readonly peer: NodeId;
      readonly path: PathId;
      readonly why: string;
    }
  | { readonly code: 'peerUp' | 'peerDown'; readonly peer: NodeId; readonly why: TakeoverCause }
  /** The fault as first seen, before a decision. */
  | { readonly code: 'faultSeen'; readonly peer: NodeId; readonly why: TakeoverCause }
  | {
      readonly code: 'transition';
      readonly group: GroupId;
      readonly from: MemberStateName;
      readonly to: MemberStateName;
      readonly term: Term;
      readonly why: string;
    }
  | { readonly code: 'announced'; readonly group: GroupId; readonly term: Term; readonly round: number }
  /** Another place of the group claims an address that we hold. */
  | { readonly code: 'claimed'; readonly group: GroupId; readonly member: NodeId }
  /** Before our first activation: somebody (a member, or 0) has the address already. Once for each MAC. */
  | {
      readonly code: 'addressInUse';
      readonly group: GroupId;
      readonly member: NodeId | 0;
      readonly address: IpAddress;
      readonly mac: MacAddress;
    }
  /** Our first activation waits for the first frame of a port that has carrier. */
  | { readonly code: 'waitsForPort'; readonly group: GroupId }
  | { readonly code: 'unreservedTerm'; readonly group: GroupId; readonly term: Term }
  | { readonly code: 'leaseLost'; readonly group: GroupId }
  /** Strict groups: the promises of a majority ran out under us. */
  | { readonly code: 'majorityLost'; readonly group: GroupId }
  | { readonly code: 'switchoverFailed'; readonly group: GroupId; readonly why: string }
  /** Having lost the role too often, this member lets others go before it for so long / does not any more. */
  | { readonly code: 'heldBack'; readonly group: GroupId; readonly falls: number; readonly us: number }
  | { readonly code: 'heldBackEnded'; readonly group: GroupId; readonly falls: number }
  /** What an operator has pinned this member's role as; null: nothing any more. */
  | {
      readonly code: 'maintenance';
      readonly group: GroupId;
      readonly role: PinnedRole | null;
      /** `heard`: another member is active, so that what is pinned is a standby. */
      readonly why: 'operator' | 'restored' | 'heard';
    }
  /** This node's part as a proxy of the group changed. `member`: whom it routes to, or 0. */
  | {
      readonly code: 'proxyTransition';
      readonly group: GroupId;
      readonly from: ProxyStateName;
      readonly to: ProxyStateName;
      readonly member: NodeId | 0;
      readonly term: Term;
      readonly why: string;
    }
  /** Proxy: a member's registration is new, or says something new. */
  | {
      readonly code: 'registered';
      readonly group: GroupId;
      readonly member: NodeId;
      readonly state: MemberState;
      readonly term: Term;
    }
  /** Proxy: a registration ran out, or was withdrawn. */
  | {
      readonly code: 'registrationEnded';
      readonly group: GroupId;
      readonly member: NodeId;
      readonly why: 'expired' | 'withdrawn';
    }
  /** Proxy: a request was refused. `term`: the highest seen. Member: its proxy refused it. */
  | {
      readonly code: 'registrationRefused';
      readonly group: GroupId;
      readonly member: NodeId;
      readonly proxy: NodeId;
      readonly why: RegistrationCode;
      readonly term: Term;
    }
  /** Member: the proxy has accepted our registration / it is lost to us. */
  | {
      readonly code: 'proxyFound' | 'proxyLost';
      readonly group: GroupId;
      readonly proxy: NodeId;
      readonly why: string;
    };

export type TakeoverCause = 'silence' | 'processDeath' | 'carrier' | 'status' | 'stopping' | 'heard';

export type MemberStateName =
  | 'starting'
  | 'standby'
  | 'acquiring'
  | 'active'
  | 'draining'
  | 'holding'
  | 'faulted'
  | 'stopped';

export type ProxyStateName = 'idle' | 'serving' | 'waiting' | 'relaying' | 'stopped';
