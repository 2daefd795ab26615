/** What a relay tells its daemon. */
import type { LatencyReport } from './latency.ts';

/** What happened. */
export type MachineReport =
  /** Active: there is a standby, and packets wait for it. `sessions`: older ones that it has, too. */
  | { readonly event: 'mirrored'; readonly sessions: number }
  /** Active: on without a standby. */
  | { readonly event: 'degraded'; readonly why: string }
  /** The role came: with so many connections of the other machine, of which so many had to be reset. */
  | { readonly event: 'tookOver'; readonly sessions: number; readonly reset: number }
  /** The role went: so many connections go on as replicas, so many ended here. */
  | { readonly event: 'stoodBy'; readonly sessions: number; readonly lost: number }
  /**
   * Active: a connection does not survive although both machines had it from its beginning. Its replica said something else,
   * could not be kept, or did not come to its end in time. `offset`: what both had said until then, bytes.
   */
  | {
      readonly event: 'diverged' | 'lost' | 'overdue';
      readonly flow: string;
      readonly offset: number;
    };

export interface PartnerCounts {
  /** The other machine: not connected, connected, or what it says that it is. */
  readonly partner: 'absent' | 'met' | 'active' | 'standby';
  readonly mirroring: 'mirrored' | 'alone' | 'waiting';
  /** Packets sent to the standby, and turned away because too many waited. */
  readonly committed: number;
  readonly dropped: number;
  /** What waits for the standby now. */
  readonly bytesBehind: number;
  readonly latency: LatencyReport;
  readonly refusedFrames: Readonly<Record<string, number>>;
}

/** In numbers, for whoever watches. */
export interface MachineCounts extends PartnerCounts {
  readonly role: 'active' | 'standby';
  /** Connections that this machine has a socket of. */
  readonly sessions: number;
  /** Of these, those that began on the other machine. */
  readonly replicas: number;
  /** Of all, those that both machines have from their beginning. */
  readonly survivable: number;
  /** Connections given up: no room, no socket, or nobody else had them when the role went. */
  readonly lost: number;
  /** Known not to go on after a takeover; and clients that were told so by a reset after it. */
  readonly doomed: number;
  readonly reset: number;
  /** Whose two programs said different things. */
  readonly diverged: number;
  /** Closed without their replica, which did not come to its end in time. */
  readonly overdue: number;
  /** Packets of connections that nobody here knew, answered with a reset. */
  readonly refused: number;
  /** A shared program is there, and was fed everything. True without one. */
  readonly healthy: boolean;
  /** See `ReplicaInput`. */
  readonly partials: number;
  readonly repeats: number;
}
