/**
 * What the process does so that the reactor's thread is never held up by a thread of its own process. `SCHED_FIFO` is
 * no help where a real-time thread waits for an ordinary one that a busy machine does not let run.
 *
 * Measured with four CPU hogs on two cores: with V8's defaults, turns of 20 to 90 ms several times in 20 s, nearly all of
 * them garbage collections that waited for helper threads. Compiling in helper threads is as bad: whoever hands over a job
 * takes the lock of Node's queue, and a helper that holds it may not get a CPU for 66 ms. The best compiler, done in place,
 * holds a turn up for 17 ms.
 */
import { raiseProcess } from '../linux/sched.ts';

/**
 * Collections and compiling are done by the thread that needs them, in pieces of a millisecond or so; nothing is handed to
 * helper threads. The young generation is large from the start: collecting it costs by what survives, not by its size, and it
 * never grows at a bad moment. These can only be given when the program starts.
 */
function flags(youngMiB: number): string[] {
  return [
    '--single-threaded',
    '--no-turbofan',
    `--min-semi-space-size=${youngMiB}`,
    `--max-semi-space-size=${youngMiB}`,
    '--no-memory-reducer',
    '--expose-gc',
  ];
}

/** Half of the young generation of each of the two threads, MiB. A witness takes nothing over, and is to be small. */
export const young = { member: 16, witness: 2 } as const;

/** Between the default and the highest: ahead of what runs on the machine, behind what it cannot do without. */
const niceness = -15;

/**
 * Starts the program again in this process, same pid and descriptors, with V8's flags; returns if it runs with them. `youngMiB`:
 * see `young`.
 */
export function restartSteady(youngMiB: number): void {
  const wanted = flags(youngMiB);
  if (wanted.every((flag) => process.execArgv.includes(flag))) return;
  const program = [process.execPath, ...wanted, ...process.execArgv, ...process.argv.slice(1)];
  process.execve?.(process.execPath, program, process.env);
}

/** Before the reactor's thread is made. Without the capability nothing changes, and `ready` says why FIFO is off. */
export function raiseThreads(): void {
  raiseProcess(niceness);
}
