/** The configuration file's values after validation, defaults filled in. `schema.ts` checks them, field by field. */

export interface ConfigFile {
  readonly cluster: string;
  readonly node: string;
  readonly key?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly stateDir?: string | undefined;
  readonly control?: string | undefined;
  readonly log: { readonly level: LogLevel };
  readonly heartbeat: { readonly intervalMs: number; readonly misses: number };
  readonly lease: { readonly leaseMs?: number | undefined; readonly renewMs: number };
  readonly startup: { readonly graceMs: number; readonly probeMs: number; readonly silentPortMs: number };
  readonly realtime: { readonly fifoPriority: number } | false;
  readonly announce: { readonly scheduleMs: readonly number[]; readonly defendIntervalMs: number };
  readonly switchover: {
    readonly drainMs: number;
    readonly timeoutMs: number;
    readonly handoffMs: number;
    readonly holdBytes: number;
  };
  readonly proxy: ProxySettings;
  readonly damping: DampingSettings;
  readonly strict: StrictSettings;
  readonly members: Readonly<Record<string, { readonly id: number }>>;
  readonly paths: Readonly<Record<string, PathEntry>>;
  readonly groups: Readonly<Record<string, GroupEntry>>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface PathEntry {
  readonly id: number;
  readonly kind: 'cable' | 'lan';
  readonly port: number;
  readonly hops: number;
  readonly tether: boolean;
  readonly members: Readonly<Record<string, { readonly interface: string; readonly address: string }>>;
}

/** What concerns proxies only, on proxies and on members behind them. */
export interface ProxySettings {
  /** How long a registration lasts without a renewal, milliseconds. */
  readonly registrationMs: number;
  /** How long a proxy sends on what still reaches it after another place took over, milliseconds. */
  readonly stragglersMs: number;
  /** The waiting room, all groups together, bytes. */
  readonly holdBytes: number;
  /** Packets in the waiting room that are older are dropped, milliseconds. */
  readonly holdAgeMs: number;
}

/** How a member that loses the role again and again is held back, milliseconds. */
export interface DampingSettings {
  /** After the second fall; each further one holds back twice as long. 0: never. */
  readonly firstMs: number;
  /** The longest. */
  readonly maxMs: number;
  /** Well for so long, a member has no falls any more. */
  readonly forgetMs: number;
}

/** What concerns strict groups only; the same on every member and on the witness. */
export interface StrictSettings {
  /** How long a promise lasts, milliseconds; default: a lease and a half less two heartbeats, or the least. */
  readonly promiseMs?: number | undefined;
  /** By how much a node's monotonic clock may be too fast or too slow, parts per million. */
  readonly driftPpm: number;
}

export interface GroupEntry {
  readonly interface?: string | undefined;
  readonly addresses: readonly string[];
  readonly members: Readonly<Record<string, GroupMemberEntry>>;
  /** Answer for the addresses on the hosts' LAN, for members that are not on it. */
  readonly proxies?: Readonly<Record<string, GroupProxyEntry>> | undefined;
  readonly policy: 'available' | 'strict';
  /** Strict: a node that has a vote without being a member. */
  readonly witness?: string | undefined;
  readonly preempt: boolean;
  readonly standbyAddress: 'present' | 'absent';
  readonly takeOverOn: {
    readonly silence: boolean;
    readonly processDeath: boolean;
    readonly carrier: boolean;
    readonly status: boolean;
  };
  readonly checks: readonly CheckEntry[];
  /** A service whose TCP connections survive a takeover. */
  readonly mirror?: MirrorEntry | undefined;
}

export interface MirrorEntry {
  readonly mode: 'concurrent';
  /** The service's TCP port on the group's addresses. */
  readonly service: number;
  /** The server behind it on each member: `ADDRESS:PORT`, `[ADDRESS]:PORT`, or the path of a unix socket. */
  readonly backend?: string | undefined;
  /** Or the path at which a program made with `mirroredServer` connects to its relay. */
  readonly program?: string | undefined;
  readonly policy: 'degrade' | 'wait';
  readonly degradeAfterMs: number;
  readonly encrypt: boolean;
  /** TCP port on the paths' addresses, by which the members' relays reach each other. */
  readonly port: number;
  /** The daemon starts the relay; else somebody runs `understudy relay`. */
  readonly supervised: boolean;
}

export interface GroupMemberEntry {
  readonly priority: number;
  /** Overrides the group's interface on this member. */
  readonly interface?: string | undefined;
  /**
   * The member's own addresses on that LAN; default: those it has on attached `lan` paths over the same interface, with
   * a proxy also on cables.
   */
  readonly lanAddresses?: readonly string[] | undefined;
  /** The proxy that it registers with; without one it serves the hosts' LAN itself. */
  readonly proxy?: string | undefined;
  /** The proxy's addresses on the member's LAN; default: its ends of the attached paths that both share there. */
  readonly gateways?: readonly string[] | undefined;
}

export interface GroupProxyEntry {
  /** The hosts' LAN. */
  readonly interface: string;
  /** The proxy's own addresses there; default: those it has on attached `lan` paths over the interface. */
  readonly lanAddresses?: readonly string[] | undefined;
}

interface CheckRhythm {
  readonly name: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Successes in a row that make it healthy again. */
  readonly rise: number;
  /** Failures in a row that make it unhealthy. */
  readonly fall: number;
}

export type CheckEntry = CheckRhythm &
  (
    | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
    | { readonly kind: 'exec'; readonly command: readonly string[] }
    | { readonly kind: 'interface'; readonly interface: string }
  );
