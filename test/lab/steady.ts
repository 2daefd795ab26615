/**
 * What is tried in real time on a machine that is itself stopped now and then (a shared host, a snapshot) proves nothing
 * while it stands still. A metronome under SCHED_FIFO tells: a test that failed while it was late is run again, twice at
 * most, and says so; one that failed on a machine that ran on has failed.
 */
import type { TestContext } from 'node:test';
import { Metronome, type Stall } from '../../src/lab/metronome.ts';

const attemptsMax = 3;

export type Body = (context: TestContext) => Promise<void>;

/** `before`: stalls of what the first attempt judges, where that was played before it began. */
export function steady(body: Body, before: () => readonly Stall[] = () => []): Body {
  return async (context) => {
    for (let attempt = 1; ; attempt++) {
      const metronome = new Metronome();
      try {
        return await body(context);
      } catch (error) {
        const stalls = attempt === 1 ? [...before(), ...metronome.stalls] : metronome.stalls;
        const longestUs = Math.max(0, ...stalls.map(({ fromUs, toUs }) => toUs - fromUs));
        if (longestUs === 0 || attempt === attemptsMax) throw error;
        const [why = ''] = String(error).split('\n');
        context.diagnostic(`once more: the machine stood still for up to ${longestUs} µs; ${why}`);
      } finally {
        metronome.stop();
      }
    }
  };
}
