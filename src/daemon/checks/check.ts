/** What a kind of check is: one run of it. Rhythm, rise and fall are the schedule's business. */
import type { CheckEntry } from '../config/format.ts';

export interface CheckOutcome {
  readonly ok: boolean;
  /** One short line for the operator. */
  readonly detail: string;
}

/** One run; never rejects: what goes wrong is the outcome. Ends soon after `signal` aborts (the timeout, or a stop). */
export type CheckRun = (signal: AbortSignal) => Promise<CheckOutcome>;

/** Makes the runs of one configured check. */
export type CheckKind<Kind extends CheckEntry['kind']> = (
  entry: Extract<CheckEntry, { kind: Kind }>,
) => CheckRun;
