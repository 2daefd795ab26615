/** What the lab asks of the redundancy system under test, so that the same faults can be done to another one. */
import type { Occurrence } from '../api/types.ts';
import type { MemberPlan } from './plan.ts';

export interface System {
  readonly name: string;
  /** What was configured, for the output. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** How long the machine of a dead or frozen daemon may go on speaking with the address, milliseconds. */
  readonly lingerMs: number;
  /** Starts the daemon of a member in its namespace, after an earlier one has ended; resolves when it runs. */
  start(member: MemberPlan): Promise<void>;
  /** What a signal to the daemon goes to: its process id, or minus its process group where it is several processes. */
  target(member: MemberPlan): number;
  /** Who is active, and whether every member is ready for the next fault. */
  view(): Promise<View>;
  /** What the member's daemon reported since its first start; empty for a system that reports nothing. */
  occurrences(member: MemberPlan): readonly Occurrence[];
  /** The last words of a member's daemon, for an error message. */
  lastWords(member: MemberPlan): string;
  /** Path of the socket on which the member's daemon answers questions. */
  controlSocket?(member: MemberPlan): string;
  /** A planned switchover away from `from`. */
  switchover?(from: MemberPlan): Promise<void>;
}

export interface View {
  /** Names of the members that are active: one, when all is well. */
  readonly active: readonly string[];
  readonly ready: boolean;
  /** What is still missing when not ready. */
  readonly why: string;
}
