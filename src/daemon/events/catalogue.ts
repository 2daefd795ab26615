/**
 * Every event: how grave it is, what it means, what to do. The codes are stable; `docs/EVENTS.md` is this table in
 * prose, and a test keeps them equal. A code's level may be raised or lowered by what it reports (`describe.ts`).
 */
import type { Occurrence } from '../../api/types.ts';
import type { Report } from '../../engine/effect.ts';
import type { ReactorReport } from '../bridge.ts';

export interface EventKind {
  readonly level: Occurrence['level'];
  readonly meaning: string;
  /** What an operator does about it; empty: nothing. */
  readonly action: string;
}

/** What the control plane notices itself. */
export type ControlCode =
  | 'started'
  | 'ready'
  | 'realtimeMissing'
  | 'termsFound'
  | 'termsRepaired'
  | 'firstBoot'
  | 'stateLost'
  | 'termsReserved'
  | 'termsNotReserved'
  | 'configWarning'
  | 'check'
  | 'health'
  | 'switchoverAsked'
  | 'maintenanceLost'
  | 'maintenanceNotKept'
  | 'handoffLate'
  | 'reloaded'
  | 'reloadRefused'
  | 'connectionsRemain'
  | 'relay'
  | 'relayEnded'
  | 'sessionsMirrored'
  | 'sessionsDegraded'
  | 'sessionsTaken'
  | 'sessionsYielded'
  | 'sessionDiverged'
  | 'sessionAlone'
  | 'stopping'
  | 'stopped'
  | 'reactorFailed';

export type EventCode = Report['code'] | ReactorReport['code'] | ControlCode;

export const eventKinds: Readonly<Record<EventCode, EventKind>> = {
  started: kind('info', 'the daemon starts', ''),
  ready: kind('info', 'the reactor runs: the fence is armed and the paths are open', ''),
  realtimeMissing: kind(
    'warn',
    'the reactor runs without SCHED_FIFO although asked to; the lease may lapse under load',
    'grant CAP_SYS_NICE, or set realtime: false and a longer lease',
  ),
  configWarning: kind('warn', 'the configuration is valid but worth a look', 'do what the message says'),
  termsFound: kind('debug', 'the reserved terms of the last run were found on the disk', ''),
  firstBoot: kind('info', 'the state directory is new: this member has never run with it', ''),
  termsRepaired: kind(
    'warn',
    'one copy of the reserved terms was missing or damaged; the other one was used and nothing is lost',
    'check the disk of stateDir',
  ),
  stateLost: kind(
    'error',
    'the reserved terms of an earlier run are gone; a term may be used twice if no peer remembers it',
    'check the disk of stateDir; start this member while another one is running',
  ),
  termsReserved: kind('debug', 'more terms were reserved on the disk', ''),
  termsNotReserved: kind(
    'error',
    'terms could not be reserved on the disk; the daemon goes on, and tries each second until `termsReserved`',
    'check the disk of stateDir',
  ),
  check: kind('info', 'a check turned healthy or unhealthy (warn), or ran for the first time', ''),
  health: kind('info', 'the sum of a group’s checks changed; unhealthy (warn) makes this member faulted', ''),
  switchoverAsked: kind('info', 'an operator asked for a planned switchover', ''),
  handoffLate: kind(
    'warn',
    'a program did not hand its state over in time; the switchover begins without it',
    'see why the program is slow, or raise switchover.handoffMs',
  ),
  reloaded: kind(
    'info',
    'the configuration was read again and taken over',
    'restart for what needsRestart lists',
  ),
  reloadRefused: kind(
    'error',
    'the new configuration has problems, or the daemon is still starting; the old one stays',
    'correct the file, reload again',
  ),
  connectionsRemain: kind(
    'warn',
    'connections on an address that was given up could not be ended; they speak again when it is taken next',
    'give the kernel CONFIG_INET_DIAG_DESTROY, or restart the programs that hold them',
  ),
  relay: kind(
    'info',
    'the relay of a mirrored group serves, or is gone (error): then this member cannot have the role',
    'see relayEnded for why',
  ),
  relayEnded: kind(
    'error',
    'the process of a relay ended and is started again; its connections go on at the other member where that had them',
    'see its last words',
  ),
  sessionsMirrored: kind(
    'info',
    'active: there is a standby for the connections, and packets wait for it',
    '',
  ),
  sessionsDegraded: kind(
    'warn',
    'active: the service goes on without a standby, and no connection would survive',
    'see why the other member’s relay does not answer: its daemon, the paths, its load',
  ),
  sessionsTaken: kind(
    'info',
    'the role came: connections of the other member go on here; where this one may have been behind they were reset (error)',
    'where they were reset: raise mirror.degradeAfterMs, or see why the members did not hear each other before',
  ),
  sessionsYielded: kind(
    'info',
    'the role went: connections that both members have are replicas here now; the others ended (warn)',
    '',
  ),
  sessionDiverged: kind(
    'error',
    'the two servers of a connection said different things; the active’s counts, and a takeover resets the connection',
    'the server must answer the same bytes with the same bytes: compare its versions and data on both members',
  ),
  sessionAlone: kind(
    'warn',
    'a connection lives on the active only: its replica could not be kept, or did not come to its end in time',
    'see whether the standby’s server runs and keeps up',
  ),
  stopping: kind('info', 'the daemon hands over what it holds and then ends', ''),
  stopped: kind('info', 'everything was handed over', ''),
  reactorFailed: kind(
    'error',
    'the reactor ended; the process ends, its addresses go, and a peer takes over',
    'restart the daemon; report the message',
  ),
  pathUp: kind('info', 'a path to a peer passes heartbeats', ''),
  pathDown: kind(
    'warn',
    'a path to a peer no longer passes heartbeats',
    'check the cable, the interface, the peer',
  ),
  peerUp: kind('info', 'a peer is heard', ''),
  peerDown: kind(
    'warn',
    'a peer is not heard on any path, its process ended, or it said goodbye (info)',
    'check the peer',
  ),
  twin: kind(
    'error',
    'another machine says that it is this node, or the peer: its configuration was copied with `node`, or it was cloned',
    'stop the daemon on that machine, or give it a node of its own',
  ),
  faultSeen: kind('warn', 'the first sign of a fault of a peer, before anything was decided', ''),
  transition: kind('info', 'this member’s role in a group changed', ''),
  announced: kind(
    'debug',
    'the group’s addresses were announced on the LAN (round 0 is the takeover itself, and the first time that hosts are told anew because a peer is heard again or the port passes its first frame)',
    '',
  ),
  claimed: kind(
    'warn',
    'another place of the group claimed an address that this machine answers for; the members do not hear each other',
    'mend a path between them: the lower term yields at once',
  ),
  foreignClaim: kind(
    'warn',
    'a machine that is no place of the group claimed one of its addresses by ARP or neighbour discovery; who only asks for an address that is answered for here: info',
    'find the machine with that MAC and take the address off it',
  ),
  addressInUse: kind(
    'error',
    'the first activation after the start is put off: somebody has the address already, a stranger or a member that is not heard',
    'take the address off that machine, or mend the paths; `understudy switchover GROUP --to` this member takes it all the same',
  ),
  waitsForPort: kind(
    'warn',
    'the first activation waits for the first frame of a port that has carrier but passes nothing yet (spanning tree)',
    'where nobody else is on the LAN: set startup.silentPortMs: 0; make it an edge port of the switch',
  ),
  unreservedTerm: kind(
    'warn',
    'the role was taken with a term that the disk does not know yet',
    'check the disk of stateDir',
  ),
  leaseLost: kind(
    'error',
    'the kernel lease ran out while active; the fence closed and the role was given up',
    'raise lease.leaseMs, allow realtime, or take load off the machine',
  ),
  majorityLost: kind(
    'error',
    'strict: the promises of a majority ran out while active; the fence closed and the role was given up',
    'check the paths to the other members and to the witness',
  ),
  lapse: kind(
    'error',
    'a lease renewal came too late',
    'raise lease.leaseMs, allow realtime, or take load off the machine',
  ),
  switchoverFailed: kind(
    'warn',
    'a planned switchover was called off, or this member’s checks fail and no standby is able; the role stays',
    'see why, then ask again',
  ),
  heldBack: kind(
    'warn',
    'this member lost the role again and again; for a while other able members go before it, and it does not preempt',
    'see why it fell: the events before, its checks, its log',
  ),
  heldBackEnded: kind('info', 'it is not held back any more, or has the role', ''),
  maintenance: kind(
    'warn',
    'this member’s role is pinned: by an operator, since an earlier life, or as standby because another is active (info when it ended)',
    'when the work is done: `understudy maintenance GROUP off`',
  ),
  maintenanceLost: kind(
    'error',
    'what was in maintenance cannot be read any more; nothing is',
    'check the disk of stateDir; turn maintenance on again where it is needed',
  ),
  maintenanceNotKept: kind(
    'error',
    'the change of maintenance could not be written: a restart undoes it',
    'check the disk of stateDir',
  ),
  carrier: kind('info', 'the carrier of an interface came back, or went (warn)', 'check cable and switch'),
  proxyTransition: kind('info', 'this proxy’s part in a group changed', ''),
  registered: kind('info', 'a member registered with this proxy, or says something new', ''),
  registrationEnded: kind(
    'warn',
    'a registration ran out, or its member withdrew it',
    'where it ran out: check the member',
  ),
  registrationRefused: kind(
    'warn',
    'a proxy refused a registration: `lowerTerm`, `notYourProxy`, `stopping` or `unable`',
    '`notYourProxy`: the two configurations differ; `unable`: see the proxy’s own events',
  ),
  proxyFound: kind('info', 'this member’s proxy has accepted its registration', ''),
  proxyLost: kind('warn', 'this member’s proxy is gone, or was started again', 'check the proxy'),
  restored: kind(
    'warn',
    'something removed an address, a route, a rule or the fence; it was put back',
    'tell the program that did it (often a network manager) to leave it alone',
  ),
  trouble: kind(
    'error',
    'the operating system refused an operation of the reactor, or held packets were dropped',
    'see the message',
  ),
};

function kind(level: EventKind['level'], meaning: string, action: string): EventKind {
  return { level, meaning, action };
}
