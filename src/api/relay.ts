/**
 * What a daemon and its relays tell each other: JSON, one object per line, on a unix socket beside the control socket. A
 * relay says which group it serves, gets its plan and the role, and from then on each change of the role as it happens. The
 * end of the connection is the end of the relay. Types, and where the socket is.
 */

/** A server, as text: an address and a port, or the path of a unix socket. */
export type ServerPlaceText = { readonly address: string; readonly port: number } | { readonly path: string };

/** What answers: a server that the relay connects to, or a mirrored program that connects to the relay at a path. */
export type AnswererText = { readonly backend: ServerPlaceText } | { readonly program: string };

export interface RelayPlan {
  readonly group: string;
  /** Names of the nftables table and of the TAP device. */
  readonly table: string;
  readonly gate: string;
  /** The LAN first; then the waiting room's device. */
  readonly interfaces: readonly string[];
  readonly addresses: readonly string[];
  /** TCP port. */
  readonly service: number;
  readonly answerer: AnswererText;
  /** What the two relays have in common, and nobody else; and who they are. */
  readonly scope: string;
  readonly node: string;
  readonly partner: string;
  /** 64 hexadecimal digits each. */
  readonly keys: readonly string[];
  readonly encrypt: boolean;
  readonly listens: boolean;
  readonly routes: readonly { readonly local: string; readonly remote: string }[];
  readonly port: number;
  readonly policy: 'degrade' | 'wait';
  readonly degradeAfterMs: number;
}

export type ToRelay =
  | { readonly kind: 'plan'; readonly plan: RelayPlan }
  /** `atUs`: when the reactor did it, CLOCK_MONOTONIC. */
  | { readonly kind: 'role'; readonly active: boolean; readonly atUs: number }
  | { readonly kind: 'refused'; readonly why: string }
  /** Orderly: nothing of the relay is to be left. */
  | { readonly kind: 'stop' };

export type FromRelay =
  | { readonly kind: 'hello'; readonly group: string; readonly pid: number }
  /** The service's sockets are there. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly report: RelayReport }
  | { readonly kind: 'counts'; readonly counts: RelayStatus };

interface Moment {
  readonly atUs: number;
  readonly lateUs: number;
}

export type RelayReport =
  /** Active: packets wait for the standby from now on; `sessions`: older connections that it has, too. */
  | { readonly event: 'mirrored'; readonly sessions: number }
  /** Active: on without a standby. */
  | { readonly event: 'degraded'; readonly why: string }
  /**
   * The role came: so many connections go on, and so many were reset, because the standby could not know that it had all of
   * them. `lateUs`: from the reactor's word to the end of it, which was at `atUs` of CLOCK_MONOTONIC.
   */
  | ({ readonly event: 'tookOver'; readonly sessions: number; readonly reset: number } & Moment)
  /** The role went: so many connections are replicas now, so many ended here. */
  | ({ readonly event: 'stoodBy'; readonly sessions: number; readonly lost: number } & Moment)
  /**
   * Active: a connection does not survive although both machines had it from its beginning. Its replica said something else,
   * could not be kept, or did not come to its end in time. `offset`: what both had said until then, bytes.
   */
  | {
      readonly event: 'diverged' | 'lost' | 'overdue';
      readonly flow: string;
      readonly offset: number;
    };

/** A mirrored service on one machine, in numbers. */
export interface RelayStatus {
  /** The relay's process. */
  readonly pid: number;
  /** False: the program behind it is not there, or was not fed everything. Of a server its own checks tell. */
  readonly healthy: boolean;
  readonly role: 'active' | 'standby';
  /** The other machine's relay: not connected, connected, or what it says that it is. */
  readonly partner: 'absent' | 'met' | 'active' | 'standby';
  readonly mirroring: 'mirrored' | 'alone' | 'waiting';
  /** Connections that this machine has a socket of; of these, those that survive its end. */
  readonly sessions: number;
  readonly survivable: number;
  /** Since the relay's start: connections given up; reset at a takeover; whose two programs said different things. */
  readonly lost: number;
  readonly reset: number;
  readonly diverged: number;
  /** Closed without their replica, which did not come to its end in time. */
  readonly overdue: number;
  /** Packets of connections that nobody knew, answered with a reset. */
  readonly refused: number;
  /** What waits for the standby now, bytes; packets turned away because too much waited. */
  readonly bytesBehind: number;
  readonly dropped: number;
  /** How long packets waited for the standby: `steps[i]` of them at most 2^i µs, and more than half of that. */
  readonly latency: {
    readonly count: number;
    readonly sumUs: number;
    readonly p50Us: number;
    readonly p99Us: number;
    readonly maxUs: number;
    readonly steps: readonly number[];
  };
}

/** Where the daemon with this control socket waits for its relays. */
export function relaySocket(controlSocket: string): string {
  return `${controlSocket.replace(/\.sock$/, '')}.relay`;
}
