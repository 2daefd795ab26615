/** What the lab asks of the redundancy system under test, so that the same faults can be done to another one. */
import type { Occurrence } from '../api/types.ts';
import type { DiskState } from './disk.ts';
import type { MemberPlan, NodePlan } from './plan.ts';
import type { ProxyView, View } from './readiness.ts';

export interface System {
  readonly name: string;
  /** What was configured, for the output. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** How long the machine of a dead or frozen daemon may go on speaking with the address, milliseconds. */
  readonly lingerMs: number;
  /** How long after a takeover's announcement the old place may need to hear of it, milliseconds. */
  readonly hearsayMs: number;
  /** Starts the daemon of a machine in its namespace, after an earlier one has ended; resolves when it runs. */
  start(node: NodePlan): Promise<void>;
  /** What a signal to the daemon goes to: its process id, or minus its process group where it is several processes. */
  target(node: NodePlan): number;
  /** Who is active, and whether every machine is ready for the next fault. */
  view(): Promise<View>;
  /** Every daemon has run long enough to judge the others with its usual patience. */
  settled?(): boolean;
  /** What the machine's daemon reported since its first start; empty for a system that reports nothing. */
  occurrences(node: NodePlan): readonly Occurrence[];
  /** The last words of a machine's daemon, for an error message. */
  lastWords(node: NodePlan): string;
  /** Ends every daemon at once (SIGKILL). */
  kill(): void;
  /** Path of the socket on which the machine's daemon answers questions. */
  controlSocket?(node: NodePlan): string;
  /** What each proxy does, by its own word; null for one that does not answer. */
  proxies?(): Promise<Readonly<Record<string, ProxyView | null>>>;
  /** At least so many connections of the mirrored service are on both members. */
  mirrored?(least: number): Promise<{ readonly ready: boolean; readonly why: string }>;
  /** A planned switchover away from `from`. */
  switchover?(from: MemberPlan): Promise<void>;
  /** The disk with the machine's state is full, read-only, or well again. */
  setDisk?(node: NodePlan, state: DiskState): void;
  /** The daemon's wall clock is so many seconds ahead of the machine's from now on. */
  setClock?(node: NodePlan, aheadS: number): void;
}
