/**
 * Three machines in the group and two failures: there is still one that takes over, and never a second voice.
 * frozen: the first standby's daemon is frozen, then the active one is killed; the second standby takes over, and the
 * frozen one, thawed, says nothing with the address. twice: the active one is killed, then its successor.
 *
 *   node bench/members.ts [--times 20] [--cases frozen,twice] [--interval MS]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import type { SignalName } from '../src/lab/fault.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { type MemberPlan, planFig1a } from '../src/lab/plan.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { progress, rehearse, type Shape } from './rehearsal.ts';
import { changesOfRole, type Death, doubles, formatDoubles } from './roles.ts';
import { formatSpread } from './statistics.ts';

const caseNames = ['frozen', 'twice'] as const;
type CaseName = (typeof caseNames)[number];

interface Options {
  readonly times: number;
  readonly cases: readonly CaseName[];
  readonly intervalMs?: number;
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      times: { type: 'string', default: '20' },
      cases: { type: 'string', default: caseNames.join(',') },
      interval: { type: 'string' },
    },
  });
  const asked = values.cases.split(',');
  const cases = caseNames.filter((name) => asked.includes(name));
  if (cases.length !== asked.length) throw new Error(`--cases ${values.cases}: ${caseNames.join(', ')}`);
  const interval = values.interval === undefined ? {} : { intervalMs: Number(values.interval) };
  return { times: Number(values.times), cases, ...interval };
}

/** Between the first failure and the second at most, milliseconds: before or after the others have noticed. */
const betweenMs = 100;
/** How long after an answer late voices are looked for, milliseconds. */
const aftermathMs = 250;
/** The judged window begins so long before the fault, microseconds. */
const preludeUs = 50_000;

interface Takeover {
  readonly faultAt: number;
  readonly victim: MemberPlan;
  readonly successor: MemberPlan;
  /** From the kill to host-a's first answer, milliseconds. */
  readonly answeredMs: number;
}

/** What a round did, and what was wrong. */
interface Round {
  readonly takeovers: readonly Takeover[];
  readonly troubles: string[];
}

function signal(director: Director, name: SignalName, member: MemberPlan): Promise<number> {
  return director.act([{ kind: 'signal', signal: name, to: 'daemon' }], member);
}

class Play {
  readonly deaths: Death[] = [];
  readonly #director: Director;

  constructor(director: Director) {
    this.#director = director;
  }

  async frozen(): Promise<Round> {
    const director = this.#director;
    const active = await director.ready();
    const [first, second] = director.plan.members.filter((member) => member !== active);
    if (first === undefined || second === undefined) throw new Error('this needs three members');
    await signal(director, 'SIGSTOP', first);
    await delay(Math.random() * betweenMs);
    const takeover = await this.#kill(active);
    const troubles = takeover.successor === second ? [] : [`${takeover.successor.name} took over`];
    const thawedUs = await signal(director, 'SIGCONT', first);
    await delay(aftermathMs);
    troubles.push(...(await this.#voices(takeover)));
    await director.system.start(active);
    const last = await director.ready();
    const untilUs = monotonicUs();
    if (last !== takeover.successor) troubles.push(`the role moved on to ${last.name}`);
    const frames = await this.#frames(first, takeover.successor, thawedUs, untilUs);
    if (frames > 0) troubles.push(`${frames} frames with the address from ${first.name} when it was thawed`);
    return { takeovers: [takeover], troubles };
  }

  async twice(): Promise<Round> {
    const director = this.#director;
    const active = await director.ready();
    const one = await this.#kill(active);
    await delay(Math.random() * betweenMs);
    const other = await this.#kill(one.successor);
    await delay(aftermathMs);
    const takeovers = [one, other];
    const troubles = (await Promise.all(takeovers.map((takeover) => this.#voices(takeover)))).flat();
    await Promise.all(takeovers.map(({ victim }) => director.system.start(victim)));
    const last = await director.ready();
    if (last !== other.successor) troubles.push(`the role moved on to ${last.name}`);
    return { takeovers, troubles };
  }

  /** Kills the daemon of `victim`, and waits until every host is answered by another member that lives. */
  async #kill(victim: MemberPlan): Promise<Takeover> {
    const director = this.#director;
    const faultAt = await signal(director, 'SIGKILL', victim);
    this.deaths.push({ member: victim.name, atUs: faultAt });
    await until(
      `every host is answered by another member than ${victim.name}`,
      () => director.answeringMember() !== undefined && director.answeringMember() !== victim,
      undefined,
      () => director.lastWords(),
    );
    const successor = director.answeringMember();
    const streams = await director.probes.judge({
      fromUs: faultAt - preludeUs,
      toUs: monotonicUs(),
      faultUs: faultAt,
      victim: victim.name,
      fencedUs: faultAt + director.system.lingerMs * 1000,
    });
    const answered = streams[director.probes.mainStream]?.firstAnswerUs ?? null;
    if (successor === undefined || answered === null) throw new Error('the answers ended again');
    return { faultAt, victim, successor, answeredMs: (answered - faultAt) / 1000 };
  }

  /** What the killed one's machine still said when its lease was over and another one had answered. */
  async #voices({ victim, successor, faultAt, answeredMs }: Takeover): Promise<string[]> {
    const fromUs = faultAt + Math.max(answeredMs, this.#director.system.lingerMs) * 1000;
    const frames = await this.#frames(victim, successor, fromUs, monotonicUs());
    return frames > 0 ? [`${frames} frames with the address from ${victim.name} after its death`] : [];
  }

  async #frames(of: MemberPlan, successor: MemberPlan, fromUs: number, untilUs: number): Promise<number> {
    const verdict = await this.#director.judgeCapture({
      ...{ faultAt: fromUs, fencedUs: fromUs, firstAnswer: fromUs, untilUs },
      ...{ victim: of, successor },
    });
    return verdict.victimFrames;
  }
}

function shape({ intervalMs }: Options): Shape {
  return { plan: planFig1a(3), ...(intervalMs === undefined ? {} : { intervalMs }) };
}

await rehearse(
  import.meta.filename,
  options,
  async (director, { times, cases }) => {
    await director.open();
    const metronome = new Metronome();
    const beganUs = monotonicUs();
    const play = new Play(director);
    let wrong = 0;
    for (const name of cases) {
      const answered: number[][] = [[], []];
      let troubled = 0;
      for (let time = 1; time <= times; time++) {
        const { takeovers, troubles } = await play[name]();
        for (const [index, { answeredMs }] of takeovers.entries()) answered[index]?.push(answeredMs);
        if (troubles.length > 0) troubled++;
        const chain = takeovers.map(
          ({ successor, answeredMs }) => `${successor.name} ${answeredMs.toFixed(1)} ms`,
        );
        progress(`${name} ${time}: ${[...chain, ...troubles].join('; ')}`);
      }
      wrong += troubled;
      const spreads = answered.filter((values) => values.length > 0).map((values) => formatSpread(values, 2));
      process.stdout.write(
        `${name}: ${times} times, ${troubled} with something wrong; answered after ${spreads.join(', then ')} ms ` +
          '(min / median / p99 / max)\n',
      );
    }
    const found = doubles(director, metronome, beganUs, play.deaths);
    if (wrong > 0) for (const change of changesOfRole(director, metronome, beganUs)) progress(change);
    metronome.stop();
    process.stdout.write(
      `${metronome.stalls.length} stalls of the machine; ${formatDoubles(found, beganUs)}`,
    );
    return wrong === 0 && found.every(({ stalls }) => stalls.length > 0);
  },
  shape,
);
