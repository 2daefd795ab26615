/** Where everything that happened is told: to the ring (and its followers) and to the log. */
import type { Occurrence } from '../../api/types.ts';
import type { FromReactor } from '../bridge.ts';
import type { Names } from '../config/resolve.ts';
import { type ControlCode, eventKinds } from './catalogue.ts';
import { type Description, describeReport } from './describe.ts';
import { OccurrenceRing } from './ring.ts';

/** The part of a pino logger that is used. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export class Journal {
  readonly ring: OccurrenceRing = new OccurrenceRing();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Something the control plane noticed, now; or something it was told of that was at `atUs`. */
  say(
    code: ControlCode,
    message: string,
    {
      atUs = monotonicUs(),
      ...more
    }: Partial<Omit<Description, 'message'>> & { readonly atUs?: number } = {},
  ): void {
    this.#add(code, atUs, { message, detail: {}, ...more });
  }

  /** Something the reactor reported. */
  report({ atUs, report }: Extract<FromReactor, { kind: 'report' }>, names: Names): void {
    this.#add(report.code, atUs, describeReport(report, names));
  }

  #add(code: keyof typeof eventKinds, atUs: number, description: Description): void {
    const level: Occurrence['level'] = description.level ?? eventKinds[code].level;
    const occurrence = this.ring.add({ atUs, code, ...description, level });
    const { message, level: _, ...fields } = occurrence;
    this.#log[level](fields, message);
  }
}

/** CLOCK_MONOTONIC, microseconds: the clock of the reactor's reports. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
