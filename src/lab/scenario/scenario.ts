import type { LabOptions } from '../arguments.ts';
import type { LabResult } from '../result.ts';

/** What a scenario is told about the place where it runs. */
export interface Surroundings {
  /** SCHED_FIFO is permitted. */
  readonly fifo: boolean;
  readonly rootless: boolean;
  /** One line for people, while it runs. */
  readonly progress: (line: string) => void;
  /** Prints the result while everything still runs; with `--keep`, resolves when the user has seen enough. */
  readonly present: (result: LabResult) => Promise<void>;
}

/** A network, the systems in it and what is done to them. Runs inside namespaces of its own. */
export type Scenario = (options: LabOptions, surroundings: Surroundings) => Promise<LabResult>;
