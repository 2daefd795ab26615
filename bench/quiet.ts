/**
 * Nothing fails, the machine is busy: for M minutes nobody may take over and nobody outside may notice anything.
 *
 *   node bench/quiet.ts [--minutes 10] [--hogs 4] [--cable-out] [--lan-loss 1] [--garbage 1000]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readStatus } from '../src/lab/control-client.ts';
import type { Director } from '../src/lab/director.ts';
import { faultByName } from '../src/lab/fault.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { switchNamespace } from '../src/lab/plan.ts';
import { inNamespace } from '../src/lab/topology.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { Churn, formatChurn } from './garbage.ts';
import { Hogs } from './hogs.ts';
import { progress, rehearse } from './rehearsal.ts';
import { changesOfRole } from './roles.ts';

interface Options {
  readonly minutes: number;
  readonly hogs: number;
  readonly cableOut: boolean;
  /** Percent of what the members send to each other on the LAN. */
  readonly lanLoss: number;
  /** To be made in each daemon's control plane, MiB. */
  readonly garbage: number;
}

/** The probes remember so much; longer runs are judged in pieces. */
const pieceMs = 60_000;
/** What is still to be done when the time is over gets so much more, and again, milliseconds. */
const overtimeMs = 2000;

/** What the probes saw. */
interface Witness {
  readonly sent: number;
  readonly lost: number;
  readonly blackoutMs: number;
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      hogs: { type: 'string', default: '4' },
      'cable-out': { type: 'boolean', default: false },
      'lan-loss': { type: 'string', default: '0' },
      garbage: { type: 'string', default: '0' },
    },
  });
  return {
    minutes: Number(values.minutes),
    hogs: Number(values.hogs),
    cableOut: values['cable-out'],
    lanLoss: Number(values['lan-loss']),
    garbage: Number(values.garbage),
  };
}

function loseOnLan(director: Director, percent: number): void {
  const [one, other] = director.plan.members.map((member) => member.lanPort);
  const chain = 'add table bridge loss; add chain bridge loss f { type filter hook forward priority 0; }';
  const rules = [`"${one}" oifname "${other}"`, `"${other}" oifname "${one}"`].map(
    (pair) => `add rule bridge loss f iifname ${pair} numgen random mod 1000 < ${percent * 10} drop`,
  );
  inNamespace(switchNamespace, ['nft', [chain, ...rules].join('; ')]);
}

/** Makes garbage in every daemon, spread over the run. `done` resolves when it is made, and rejects with a daemon. */
function churn(
  director: Director,
  o: Options,
): { readonly churns: readonly Churn[]; readonly done: Promise<unknown> } {
  const { plan, system } = director;
  const sockets = o.garbage > 0 ? plan.members.flatMap((m) => system.controlSocket?.(m) ?? []) : [];
  const churns = sockets.map((socket) => new Churn(socket));
  const done = Promise.all(churns.map((each) => each.run(o.garbage, o.minutes * 60_000)));
  // Awaited at the end of the run.
  done.catch(() => undefined);
  return { churns, done };
}

/** Lets the time pass, and longer while `busy`; tells what the probes made of it. */
async function watch(director: Director, minutes: number, busy: () => boolean): Promise<Witness> {
  const witness = { sent: 0, lost: 0, blackoutMs: 0 };
  const beganUs = monotonicUs();
  for (let left = minutes * 60_000; left > 0 || busy(); left -= pieceMs) {
    const fromUs = monotonicUs();
    await delay(left > 0 ? Math.min(left, pieceMs) : overtimeMs);
    const window = { fromUs, toUs: monotonicUs() - 100_000, faultUs: fromUs, victim: '', fencedUs: fromUs };
    for (const summary of Object.values(await director.probes.judge(window))) {
      witness.lost += summary.lost;
      witness.sent += summary.sent;
      if (summary.intervalUs < 1000) witness.blackoutMs = Math.max(witness.blackoutMs, summary.blackoutMs);
    }
    const passed = ((monotonicUs() - beganUs) / 60e6).toFixed(1);
    progress(`${passed} min: ${witness.lost} of ${witness.sent} requests lost`);
  }
  return witness;
}

/** How late each daemon's reactor ever was, microseconds. */
async function lateness(director: Director): Promise<string> {
  const { plan, system } = director;
  const sockets = plan.members.flatMap((member) => system.controlSocket?.(member) ?? []);
  const statuses = await Promise.all(sockets.map((socket) => readStatus(socket)));
  return statuses.map(({ node, lateness: { maxUs } }) => `${node} ${maxUs} µs`).join(', ');
}

await rehearse(import.meta.filename, options, async (director, o) => {
  await director.open();
  const active = await director.ready();
  if (o.cableOut) await director.act(faultByName('cable').strike(active, director.plan), active);
  if (o.lanLoss > 0) loseOnLan(director, o.lanLoss);
  const metronome = new Metronome();
  const hogs = new Hogs(o.hogs);
  const beganUs = monotonicUs();
  const { churns, done } = churn(director, o);
  let churning = true;
  const ended = (): void => {
    churning = false;
  };
  done.then(ended, ended);
  const { sent, lost, blackoutMs } = await watch(director, o.minutes, () => churning);
  await done;
  const reports = director.occurrences().filter(({ occurrence }) => occurrence.atUs > beganUs);
  for (const change of changesOfRole(director, metronome, beganUs)) progress(change);
  const codes: Record<string, number> = {};
  for (const { occurrence } of reports) codes[occurrence.code] = (codes[occurrence.code] ?? 0) + 1;
  const { transition: transitions = 0 } = codes;
  metronome.stop();
  await hogs.stop();
  const conditions = [
    `${((monotonicUs() - beganUs) / 60e6).toFixed(1)} min`,
    `${o.hogs} CPU hogs`,
    ...(o.cableOut ? ['cable out'] : []),
    `${o.lanLoss} % LAN loss`,
    ...(churns.length > 0 ? [formatChurn(churns)] : []),
  ];
  process.stdout.write(
    `quiet: ${conditions.join(', ')}: ` +
      `${transitions} changes of role, ${lost} of ${sent} requests lost, longest gap ${blackoutMs.toFixed(2)} ms, ` +
      `reactors late by at most ${await lateness(director)}; ` +
      `${metronome.stalls.length} stalls of the machine; events ${JSON.stringify(codes)}\n`,
  );
  return transitions === 0;
});
