/** One fault in the life of a pair of machines with plain clients at work, and where the clients' waits went. */
import { monotonicUs } from '../src/linux/clock.ts';
import type { Name, Pair } from '../test/sessions/pair.ts';
import { type Load, type Loss, mute, type Seen, type Wait } from '../test/sessions/trial.ts';

/** Resolves to the instant of the fault, CLOCK_MONOTONIC microseconds. */
type Harm = (pair: Pair, active: Name) => Promise<number>;

export const harms: Readonly<Record<string, Harm>> = {
  power: (pair, active) => pair.cut(active),
  silent: async (_pair, active) => {
    const atUs = monotonicUs();
    mute(true, active);
    return atUs;
  },
  kill: (pair, active) => pair.machines[active].kill('daemon'),
  relay: (pair, active) => pair.machines[active].kill('relay'),
  application: (pair, active) => pair.machines[active].kill('server'),
  switchover: async (pair, active) => {
    const atUs = monotonicUs();
    await pair.machines[active].switchover();
    return atUs;
  },
};

/** CLOCK_MONOTONIC, which all processes of this machine share. */
interface Moments {
  readonly faultUs: number;
  /** The other machine's daemon opened its fence. */
  readonly openedUs: number;
  /** Its relay had taken over. */
  readonly takenUs: number;
}

/** A wait that the fault fell into, or that began before the takeover was done. The parts make the whole. */
export interface Stall {
  readonly kind: string;
  readonly wholeMs: number;
  /** Before the fault: an ordinary wait until then. */
  readonly beforeMs: number;
  readonly detectionMs: number;
  readonly takeoverMs: number;
  /** After the takeover: until TCP had sent again what was lost, and the answer was there. */
  readonly tcpMs: number;
}

export interface Trial {
  readonly opened: number;
  readonly lost: readonly string[];
  /** Lost, and reported as not survivable before the fault, or after the role had moved more than once. */
  readonly known: readonly string[];
  readonly wrong: readonly string[];
  readonly stalls: readonly Stall[];
  readonly detectionMs: number;
  readonly takeoverMs: number;
  /** Connections that went to the other machine. */
  readonly sessions: number;
}

/** How late after the first connection the fault is at most: some are still being opened then. */
const faultMaxMs = 1500;
/** What the clients do when the role has moved: until no wait can have been overlooked. */
const settleMs = 300;

/** `settled`: the fault waits until all of the load is open. */
export async function play(pair: Pair, harm: Harm, load: Load, settled: boolean): Promise<Trial> {
  await pair.mirrored(0);
  const active = await pair.active();
  if (active === undefined) throw new Error('nobody is active');
  // Of the trial before.
  await pair.until('no connection is left', async () => {
    const { sessions } = await pair.machines[active].group();
    return sessions?.sessions === 0;
  });
  const next = pair.machines[pair.other(active)];
  const before = next.events.length;
  if (settled) await pair.load('ipv4', load);
  else {
    await pair.begin('ipv4', load);
    await pair.mirrored(1);
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * faultMaxMs));
  const faultUs = await harm(pair, active);
  const taken = () =>
    next.events.slice(before).find(({ code, atUs }) => code === 'sessionsTaken' && atUs > faultUs);
  await pair.until('the role has moved', async () => taken() !== undefined);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const seen = await pair.finish();
  const { atUs = 0, detail = {} } = taken() ?? {};
  const moments = { faultUs, openedUs: atUs - Number(detail['lateUs']), takenUs: atUs };
  const isKnown = knownLosses(pair, active, faultUs);
  return {
    opened: seen.opened,
    wrong: seen.wrong,
    lost: seen.lost.filter((loss) => !isKnown(loss)).map(describe(faultUs)),
    known: seen.lost.filter(isKnown).map(describe(faultUs)),
    stalls: stallsOf(seen, moments),
    detectionMs: (moments.openedUs - faultUs) / 1000,
    takeoverMs: (moments.takenUs - moments.openedUs) / 1000,
    sessions: Number(detail['sessions']),
  };
}

function describe(faultUs: number): (loss: Loss) => string {
  return ({ kind, port, begunUs, why }) =>
    `${kind} from port ${port}, begun ${((begunUs - faultUs) / 1000).toFixed(0)} ms after the fault: ${why}`;
}

/** What the active had reported before the fault as not survivable; all, when the role moved more than once. */
function knownLosses(pair: Pair, active: Name, faultUs: number): (loss: Loss) => boolean {
  const all = Object.values(pair.machines).flatMap(({ events }) => events);
  const moves = all.filter(
    ({ code, atUs, detail }) => code === 'transition' && detail['to'] === 'active' && atUs > faultUs,
  ).length;
  if (moves > 1) {
    process.stderr.write(`the role moved ${moves} times\n`);
    return () => true;
  }
  const said = pair.machines[active].events.filter(({ atUs }) => atUs < faultUs);
  const alone = said
    .filter(({ code }) => code === 'sessionAlone' || code === 'sessionDiverged')
    .map(({ detail }) => String(detail['flow']));
  const degraded = said.findLastIndex(({ code }) => code === 'sessionsDegraded');
  const again =
    degraded < 0 ? undefined : said.slice(degraded).find(({ code }) => code === 'sessionsMirrored');
  const agedUs = degraded < 0 ? 0 : (again?.atUs ?? Number.POSITIVE_INFINITY);
  return ({ port, begunUs }) => begunUs < agedUs || alone.some((flow) => flow.split(' ')[1] === String(port));
}

/** Of each connection the longest wait that the fault is to blame for. */
function stallsOf({ waits }: Seen, { faultUs, openedUs, takenUs }: Moments): readonly Stall[] {
  const longest = new Map<number, Wait>();
  for (const wait of waits) {
    if (wait.fromUs > takenUs || wait.toUs < faultUs) continue;
    const known = longest.get(wait.port);
    if (known === undefined || wait.toUs - wait.fromUs > known.toUs - known.fromUs)
      longest.set(wait.port, wait);
  }
  return [...longest.values()].map(({ kind, fromUs, toUs }) => {
    const within = (from: number, to: number): number =>
      Math.max(0, Math.min(toUs, to) - Math.max(fromUs, from)) / 1000;
    return {
      kind,
      wholeMs: (toUs - fromUs) / 1000,
      beforeMs: within(0, faultUs),
      detectionMs: within(faultUs, openedUs),
      takeoverMs: within(openedUs, takenUs),
      tcpMs: within(takenUs, Number.POSITIVE_INFINITY),
    };
  });
}
