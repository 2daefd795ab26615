/**
 * Watches the machine itself: a thread per CPU, scheduled ahead of everything, that should wake every millisecond.
 * When it wakes late by more than `stallUs`, the machine stood still (its hypervisor, its firmware), and whatever was
 * measured meanwhile measured that. Runs as a station: one JSON line per stall.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { setFifo } from '../linux/sched.ts';
import { StationLoop, say } from './loop.ts';

/** CLOCK_MONOTONIC microseconds: asleep from fromUs to toUs. */
export interface Stall {
  readonly cpu: number;
  readonly fromUs: number;
  readonly toUs: number;
}

const beatUs = 1000;
const stallUs = 4000;
const priority = 98;

export class Metronome {
  readonly stalls: Stall[] = [];
  readonly #children = Array.from({ length: availableParallelism() }, (_, cpu) => {
    const command = ['-c', String(cpu), process.execPath, import.meta.filename, String(cpu)];
    const child = spawn('taskset', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (line) =>
      this.stalls.push(JSON.parse(line) as Stall),
    );
    return child;
  });

  /** The stalls that overlap a stretch of time. */
  during(fromUs: number, toUs: number): readonly Stall[] {
    return this.stalls.filter((stall) => stall.fromUs < toUs && stall.toUs > fromUs);
  }

  stop(): void {
    for (const child of this.#children) child.stdin.end();
  }
}

/** Called in the child. */
function beat(cpu: number): void {
  const why = setFifo(priority);
  if (why !== null)
    process.stderr.write(`metronome without real-time scheduling counts load as stalls: ${why}\n`);
  let dueUs = 0;
  new StationLoop<never>(() => null).run((nowUs) => {
    if (dueUs !== 0 && nowUs - dueUs > stallUs) say({ cpu, fromUs: dueUs, toUs: nowUs } satisfies Stall);
    if (nowUs >= dueUs) dueUs = nowUs + beatUs;
    return dueUs;
  });
}

if (import.meta.main) beat(Number(process.argv[2] ?? 0));
