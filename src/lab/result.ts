/** What one run of the lab found: the object that `--json` prints. */
import type { FaultName } from './fault.ts';
import type { SessionCounts } from './pbx/sessions.ts';
import type { LabPlan } from './plan.ts';
import type { StreamResult } from './stream.ts';
import type { Trial } from './trial.ts';

export interface LabResult {
  readonly scenario: string;
  /** In the order in which they were played. */
  readonly faults: readonly FaultName[];
  readonly system: string;
  /** Every trial was as it must be. */
  readonly ok: boolean;
  /** Why it ended before its last trial. */
  readonly failure?: string;
  /** How the system under test was configured. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** Daemons and probes under SCHED_FIFO. */
  readonly fifo: boolean;
  readonly rootless: boolean;
  readonly kernel: string;
  /** Settings of the hosts' kernels that decide how they treat announcements: all at their defaults. */
  readonly hostSysctls: Readonly<Record<string, string>>;
  /** The machines and their addresses. */
  readonly plan: LabPlan;
  readonly trials: readonly Trial[];
  /** The TCP stream beside the probes, where one was asked for. */
  readonly stream?: StreamResult;
  /** Over all trials, where a host has sessions. */
  readonly sessions?: SessionCounts;
}
