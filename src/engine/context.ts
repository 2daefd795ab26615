/** What the engine's parts share: the configuration, the time of the event at hand, and where effects go. */
import type { EngineConfig } from './config.ts';
import type { Detector } from './detector.ts';
import type { Effect, Report } from './effect.ts';
import type { Terms } from './terms.ts';
import type { Instant } from './time.ts';
import type { Timers } from './timers.ts';

export interface Context {
  config: EngineConfig;
  now: Instant;
  /** The daemon stops in order: nothing is taken over any more. */
  stopping: boolean;
  /** Our word changed: a heartbeat goes to every peer at the end of this event. */
  beatDue: boolean;
  readonly timers: Timers;
  readonly terms: Terms;
  readonly detector: Detector;
  readonly emit: (effect: Effect) => void;
  readonly report: (report: Report) => void;
  /** A heartbeat to every peer on every path with carrier, now. */
  readonly beatAll: () => void;
}

/**
 * The wait of one rank. Whoever is first may notice a fault later than we do by up to the full count (we had a signal, it
 * has only silence), and its first heartbeat needs up to one interval more: a second standby that waits less collides.
 */
export function slotUs(config: EngineConfig): number {
  return (config.missCount + 1) * config.heartbeatIntervalUs;
}
