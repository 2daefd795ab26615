/**
 * What the control socket speaks (HTTP and JSON over a unix socket) and what the CLI, the lab and later the dashboard
 * read. Types only: nobody who imports this reaches the daemon.
 *
 *   GET  /v1/status                      -> Status
 *   GET  /metrics                        -> mirrored services, in Prometheus' text format
 *   GET  /v1/events?follow=1&since=SEQ   -> one Occurrence per line (NDJSON); follow keeps the connection open
 *   POST /v1/switchover {group, to?}     -> {accepted: true} or Problem
 *   POST /v1/maintenance {group, on}     -> MaintenanceResult or Problem
 *   POST /v1/reload                      -> ReloadResult or Problem
 *   GET  /v1/handoff?group=GROUP         -> one HandoffNotice per line, as planned switchovers come
 *   POST /v1/handoff {group, id}         -> {accepted: true}: the state is handed over
 */

import type { RelayStatus } from './relay.ts';

export type Role =
  | 'starting'
  | 'standby'
  | 'acquiring'
  | 'active'
  | 'draining'
  | 'holding'
  | 'faulted'
  | 'stopped';

export interface Status {
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  /** Since the daemon's start, milliseconds (monotonic). */
  readonly uptimeMs: number;
  readonly realtime: { readonly fifo: boolean; readonly why: string | null };
  readonly lease: {
    readonly leaseMs: number;
    readonly held: boolean;
    readonly lapses: number;
    readonly renewals: number;
  };
  readonly groups: readonly GroupStatus[];
  /** Groups this node is a proxy of. */
  readonly proxied: readonly ProxiedStatus[];
  /** This node's votes in strict groups, as a member or as their witness. */
  readonly votes: readonly VoteStatus[];
  readonly peers: readonly PeerStatus[];
  /** Ignored datagrams by reason since the start. */
  readonly refused: Readonly<Record<string, number>>;
  readonly lateness: { readonly lastUs: number; readonly maxUs: number };
}

export interface GroupStatus {
  readonly name: string;
  readonly role: Role;
  readonly term: { readonly counter: number; readonly member: string };
  /** The member believed active, or null. */
  readonly active: string | null;
  /** All of them, this one too. Of two terms with the same counter the higher `id` is the higher term. */
  readonly members: readonly { readonly name: string; readonly id: number }[];
  readonly addresses: readonly string[];
  readonly interface: string;
  readonly healthy: boolean;
  /** What the first activation since the start waits for; null: for nothing. */
  readonly waitsFor: 'port' | 'probe' | 'address' | null;
  /** Null: nobody else has claimed an address. */
  readonly conflict: ConflictStatus | null;
  readonly checks: readonly CheckStatus[];
  /** What an operator has pinned this member's role as (`understudy maintenance`); null: nothing. */
  readonly maintenance: 'active' | 'standby' | null;
  /** How often this member has lost the role of late against its will, and for how much longer that holds it back. */
  readonly damping: { readonly falls: number; readonly heldBackMs: number };
  /** The other members that are heard. */
  readonly others: readonly OtherMember[];
  /** What an operator should know of, in words. */
  readonly warnings: readonly string[];
  /** Its mirrored service, as this member's relay sees it; null: there is none, or the relay does not run. */
  readonly sessions: RelayStatus | null;
  /** Relays of it that ended and were started again, since the daemon's start; null: no service is mirrored. */
  readonly relayRestarts: number | null;
  /** The proxy this member registers with, and whether that has accepted it; null without one. */
  readonly proxy: { readonly name: string; readonly registered: boolean } | null;
}

/** The last claim of another machine for an address of the group, by ARP or neighbour discovery. */
export interface ConflictStatus {
  readonly address: string;
  readonly mac: string;
  /** Another place of the group, heard while this machine answered; null: a stranger. */
  readonly member: string | null;
  readonly interface: string;
  /** It said so by itself, answered or asked with the address as its own, or only asked whether anybody has it. */
  readonly how: 'announcement' | 'answer' | 'question' | 'probe';
  /** CLOCK_MONOTONIC of this machine. */
  readonly atUs: number;
  /** All claims for addresses of the group since the start. */
  readonly claims: number;
}

export interface OtherMember {
  readonly name: string;
  /** It could take the role now. */
  readonly able: boolean;
  readonly maintenance: boolean;
  readonly heldBack: boolean;
}

export interface VoteStatus {
  readonly group: string;
  /** The member that has this node's promise; null: nobody has it. */
  readonly promisedTo: string | null;
  /** How long the promise lasts without a renewal, microseconds. */
  readonly remainingUs: number;
}

/** What a proxy does for a group: docs/ARCHITECTURE.md has the table of its states. */
export type ProxyRole = 'idle' | 'serving' | 'waiting' | 'relaying' | 'stopped';

export interface ProxiedStatus {
  readonly name: string;
  readonly role: ProxyRole;
  /** It answers ARP and neighbour solicitations for the addresses. */
  readonly answering: boolean;
  /** Where packets go: the member served, or the place that took over; null: nowhere. */
  readonly routesTo: string | null;
  readonly term: { readonly counter: number; readonly member: string };
  readonly addresses: readonly string[];
  readonly interface: string;
  /** Packets in the waiting room. */
  readonly held: number;
  readonly conflict: ConflictStatus | null;
  readonly registrations: readonly {
    readonly member: string;
    readonly state: string;
    /** Until it runs out, microseconds. */
    readonly remainingUs: number;
  }[];
}

export interface CheckStatus {
  readonly name: string;
  readonly kind: string;
  readonly healthy: boolean;
  /** What the last run said; null before the first. */
  readonly detail: string | null;
}

export interface PeerStatus {
  readonly name: string;
  readonly up: boolean;
  readonly paths: readonly {
    readonly name: string;
    readonly up: boolean;
    readonly tether: boolean;
    readonly lastHeardUs: number | null;
    /** This node's own address on the path, and the peer's. */
    readonly localAddress: string;
    readonly peerAddress: string;
  }[];
}

/** One event. Times are CLOCK_MONOTONIC microseconds of this machine; in the lab all machines share that clock. */
export interface Occurrence {
  readonly sequence: number;
  readonly atUs: number;
  /** Stable, see docs/EVENTS.md: the engine's report codes, and the daemon's own. */
  readonly code: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly group?: string;
  readonly peer?: string;
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}

/** A planned switchover begins as soon as every program that was told has answered, or `withinMs` after this. */
export interface HandoffNotice {
  readonly id: number;
  readonly group: string;
  /** Who is to be active; null: not known yet. */
  readonly to: string | null;
  readonly withinMs: number;
}

export interface ReloadResult {
  readonly changed: readonly string[];
  /** What differs but only takes effect after a restart. */
  readonly needsRestart: readonly string[];
}

export interface MaintenanceResult {
  readonly group: string;
  /** What this member's role is pinned as now; null: not. */
  readonly role: 'active' | 'standby' | null;
  /** As in the status of the group. */
  readonly warnings: readonly string[];
}

export interface Problem {
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string };
}
