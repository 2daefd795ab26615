/**
 * After a takeover the old proxy must hold its tongue: for S seconds after each fault a host asks for the addresses again
 * and again, by broadcast and by unicast to the old proxy, and whatever the old proxy says for them is counted at the
 * switch.
 *
 *   node bench/silence.ts [--seconds 60] [--faults switchover,kill,…]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { faultByName, isFaultName } from '../src/lab/fault.ts';
import { placeOf } from '../src/lab/layout.ts';
import { Metronome } from '../src/lab/metronome.ts';
import type { NodePlan } from '../src/lab/plan.ts';
import { planFig1b } from '../src/lab/plan-fig1b.ts';
import { inNamespace } from '../src/lab/topology.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { progress, rehearse } from './rehearsal.ts';
import { changesOfRole } from './roles.ts';
import { unheard } from './verdict.ts';

interface Options {
  readonly seconds: number;
  readonly faults: readonly string[];
}

/** The old proxy lives, is woken again, or is started again. */
const usual = ['switchover', 'kill', 'silent', 'proxy-freeze', 'proxy-kill', 'proxy-stop'];
/** From the new one's announcement the old one has so long to hear of it, microseconds. */
const hearsayUs = 5_000;
/** Counted in stretches: the record of voices does not go back a minute. */
const stretchSeconds = 10;
const settledMs = 100;

function options(): Options {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, faults: { type: 'string' } },
  });
  return { seconds: Number(values.seconds), faults: values.faults?.split(',') ?? usual };
}

interface Hush {
  readonly claims: number;
  /** How much of the time was counted: a machine that stands still may give the old place the role again. */
  readonly seconds: number;
}

/** When a member of the place took the role again; nobody did: never. CLOCK_MONOTONIC microseconds. */
function backAt(director: Director, old: NodePlan, sinceUs: number): number {
  const back = director.occurrences().find(({ member, occurrence: { atUs, code, detail } }) => {
    const there = director.plan.members.find((each) => each.name === member);
    const isThere = there !== undefined && placeOf(there, director.plan) === old;
    return isThere && atUs > sinceUs && code === 'transition' && detail['to'] === 'acquiring';
  });
  return back?.occurrence.atUs ?? Number.POSITIVE_INFINITY;
}

/** One fault, mended at once; what the old proxy claimed during the time that follows, until it has to claim again. */
async function hush(director: Director, name: string, seconds: number): Promise<Hush> {
  if (!isFaultName(name)) throw new Error(`${name} is no fault`);
  const { plan, switchboard } = director;
  const fault = faultByName(name);
  const victim = await director.ready();
  const old = placeOf(victim, plan);
  const faultAt = await director.strike(fault, victim);
  await until('the other one answers', () => {
    const answering = director.answeringMember();
    return answering !== undefined && answering !== victim;
  });
  const successor = director.answeringMember() ?? victim;
  const announced = await switchboard.firstClaim(placeOf(successor, plan), faultAt);
  await director.mend(fault, victim);
  const { missed } = await switchboard.gaps();
  let claims = 0;
  let sinceUs = Math.max(monotonicUs() - 1, (announced ?? faultAt) + hearsayUs);
  for (let left = seconds; left > 0; left -= stretchSeconds) {
    await ask(director, old, Math.min(left, stretchSeconds));
    // What entered a moment ago may not be recorded yet.
    await delay(settledMs);
    const endUs = backAt(director, old, faultAt);
    const untilUs = Math.min(endUs, monotonicUs() - (settledMs * 1000) / 2);
    claims += await switchboard.voices(old, { sinceUs, untilUs }, 'claim');
    const why = await unheard(director, sinceUs, missed);
    if (why.length > 0) throw new Error(`${name}: ${why.join('; ')}`);
    if (untilUs === endUs) return { claims, seconds: Math.round((endUs - faultAt) / 1e6) };
    sinceUs = untilUs - 1;
  }
  return { claims, seconds };
}

/** A host asks everybody, and the old proxy alone, ten times a second. */
async function ask(director: Director, old: NodePlan, seconds: number): Promise<void> {
  const { hosts, service4, service6 } = director.plan;
  const host = hosts[1]?.name ?? '';
  for (const end = monotonicUs() + seconds * 1e6; monotonicUs() < end; ) {
    const arp = ['timeout', '1', 'arping', '-q', '-c', '1', '-w', '1', '-I', 'eth0'];
    inNamespace(host, ['sh', '-c', `${arp.join(' ')} ${service4} || true`]);
    inNamespace(host, ['sh', '-c', `timeout 1 ndisc6 -q -1 -w 100 ${service6} eth0 || true`]);
    // Asked by unicast, too: what a host does that believes its entry.
    inNamespace(host, ['ip', 'neigh', 'replace', service4, 'lladdr', old.mac, 'dev', 'eth0', 'nud', 'probe']);
    await delay(100);
  }
}

await rehearse(
  import.meta.filename,
  options,
  async (director, { seconds, faults }) => {
    await director.open();
    const metronome = new Metronome();
    let wrong = 0;
    for (const fault of faults) {
      const beganUs = monotonicUs();
      const hushed = await hush(director, fault, seconds);
      const changes = changesOfRole(director, metronome, beganUs).length;
      if (hushed.claims > 0) wrong++;
      process.stdout.write(
        `${fault}: ${hushed.claims} ARP or ND claims of the old proxy in ${hushed.seconds} s; ${changes} changes of role\n`,
      );
      progress(`${fault}: done`);
    }
    metronome.stop();
    return wrong === 0;
  },
  () => ({ plan: planFig1b({ topology: 'both', link: true }) }),
);
