/**
 * The station on a host that has its ordinary programs use the exchange: opens their sessions, says when each has lived on after
 * a given moment, ends them, and tells what became of each. Commands and answers as in loop.ts, here on Node's own event loop.
 */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Chronicle, type Exchanged } from './chronicle.ts';
import { patienceMs } from './dialogue.ts';
import { callingStation, type Place, type Programs, programs } from './programs.ts';
import { nowUs } from './session-log.ts';
import type { Usage } from './usage.ts';

export interface HostOptions extends Place {
  /** What the feed follows: the whole journal, or the calling station. */
  readonly feed: 'journal' | 'station';
}

export type HostCommand =
  /** Opens a session of every program; answered with their number when each is in use. */
  | { readonly do: 'open'; readonly trial: number }
  /** Answered when every session has gone on from now, or is lost. */
  | { readonly do: 'settle' }
  /** Ends every session in order, and tells of those that were open at `sinceUs` or later: `HostReport`. */
  | { readonly do: 'close'; readonly sinceUs: number };

/** A line of the administration session, as it is said. */
export interface HostEvent {
  readonly exchanged: Exchanged;
}

/** What became of a program's sessions. */
export interface UsageReport {
  readonly name: Usage['name'];
  readonly by: Usage['by'];
  readonly opened: number;
  /** Ended in order, and every byte was right. */
  readonly survived: number;
  readonly bytes: number;
  readonly wrongBytes: number;
  /** The longest wait for something that was asked for or due, from `sinceUs` until all had settled, milliseconds. */
  readonly stallMs: number;
  /** Why the others were lost. */
  readonly lost: readonly string[];
}

export interface HostReport {
  readonly usages: readonly UsageReport[];
  readonly skipped: readonly string[];
  readonly exchanged: readonly Exchanged[];
}

interface Open extends Programs {
  /** Every session had gone on after the fault by then, microseconds. */
  settledUs: number;
  readonly chronicle: Chronicle;
}

const place = JSON.parse(process.argv[2] ?? '{}') as HostOptions;
let open: Open | undefined;

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function obey(command: HostCommand): Promise<unknown> {
  if (command.do === 'open') return await begin(command.trial);
  if (open === undefined) throw new Error('no session is open');
  if (command.do === 'settle') {
    const { usages } = open;
    for (const usage of usages) await settled(usage);
    open.settledUs = nowUs();
    return undefined;
  }
  const { usages, skipped, chronicle, settledUs } = open;
  open = undefined;
  const [feed, ...others] = usages;
  await Promise.all(others.map((usage) => usage.stop()));
  await feed?.stop();
  const report: HostReport = {
    usages: usages.map((usage) => reportOf(usage, command.sinceUs, settledUs)),
    skipped,
    exchanged: chronicle.exchanged,
  };
  return report;
}

async function begin(trial: number): Promise<number> {
  const station = place.feed === 'station' ? callingStation(trial) : undefined;
  const chronicle = new Chronicle((exchanged) => say({ exchanged } satisfies HostEvent), station);
  open = { ...programs(place, chronicle, trial), chronicle, settledUs: Number.MAX_SAFE_INTEGER };
  for (const usage of open.usages) {
    usage.start();
    await settled(usage);
    const lost = usage.sessions.at(-1)?.lost;
    if (lost !== undefined) throw new Error(`${usage.name} (${usage.by}) could not begin: ${lost}`);
  }
  return open.usages.length;
}

/** Resolves when the session in use has gone on from now, or is lost, which shows within its patience. */
async function settled(usage: Usage): Promise<void> {
  const sinceUs = nowUs();
  while (usage.provenSince(sinceUs) === false && nowUs() - sinceUs < 2000 * patienceMs) await delay(2);
}

function reportOf({ name, by, sessions }: Usage, sinceUs: number, settledUs: number): UsageReport {
  const judged = sessions.filter(({ endedUs }) => endedUs === undefined || endedUs >= sinceUs);
  const sum = (of: (log: (typeof judged)[number]) => number): number =>
    judged.reduce((total, log) => total + of(log), 0);
  return {
    name,
    by,
    opened: judged.length,
    survived: judged.filter((log) => log.lost === undefined && log.wrongBytes === 0).length,
    bytes: sum((log) => log.bytes),
    wrongBytes: sum((log) => log.wrongBytes),
    stallMs: Math.max(
      0,
      ...judged.map((log) => Math.round(log.longestWaitUs(sinceUs, settledUs) / 100) / 10),
    ),
    lost: judged.flatMap((log) => log.lost ?? []),
  };
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, ...command } = JSON.parse(line) as HostCommand & { readonly id: number };
    obey(command as HostCommand).then(
      (done) => say({ id, done: done ?? null }),
      (error: unknown) => say({ id, failed: error instanceof Error ? error.message : String(error) }),
    );
  })
  .on('close', () => process.exit(0));
