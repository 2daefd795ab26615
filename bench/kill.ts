/**
 * The active daemon is killed (SIGKILL) at random moments, also while it starts: afterwards its machine must be as it
 * was before the daemon ever ran, but for the closed fence, and nothing with the address may leave it.
 *
 *   node bench/kill.ts [--times 100]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { Metronome } from '../src/lab/metronome.ts';
import type { MemberPlan } from '../src/lab/plan.ts';
import { inNamespace, ip } from '../src/lab/topology.ts';
import { until } from '../src/lab/until.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { progress, rehearse } from './rehearsal.ts';
import { type Death, doubles, formatDoubles } from './roles.ts';

function options(): { readonly times: number } {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '100' } } });
  return { times: Number(values.times) };
}

/** Addresses, routes, rules and links of a machine, one a line. Lifetimes and counters left out. */
function inventory(member: MemberPlan): string[] {
  const show = (...args: string[]): string[] =>
    ip(['-n', member.name, '-o', ...args])
      .split('\n')
      .map((line) => line.replace(/\s*(valid_lft|preferred_lft) \S+/g, '').trim())
      .filter((line) => line !== '');
  return [
    ...show('addr', 'show').map((line) => `address ${line.replace(/ tentative/, '')}`),
    ...show('route', 'show', 'table', 'all').map((line) => `route ${line}`),
    ...show('-6', 'route', 'show', 'table', 'all').map((line) => `route ${line}`),
    ...show('rule', 'show').map((line) => `rule ${line}`),
    ...show('-6', 'rule', 'show').map((line) => `rule ${line}`),
  ].sort();
}

/** Every link but lo has its link-local address, and duplicate address detection is over. */
function settled(member: MemberPlan): boolean {
  const links = member.cable === undefined ? 1 : 2;
  const addresses = ip(['-n', member.name, '-o', 'addr', 'show']);
  return addresses.split('inet6 fe80:').length === links + 1 && !addresses.includes('tentative');
}

function difference(before: readonly string[], after: readonly string[]): string[] {
  return [
    ...after.filter((line) => !before.includes(line)).map((line) => `left behind: ${line}`),
    ...before.filter((line) => !after.includes(line)).map((line) => `missing: ${line}`),
  ];
}

function tables(member: MemberPlan): string[] {
  return inNamespace(member.name, ['nft', 'list', 'tables'])
    .split('\n')
    .filter((line) => line !== '' && !line.includes(' understudy-'))
    .map((line) => `left behind: ${line}`);
}

async function kill(director: Director, victim: MemberPlan, deaths: Death[]): Promise<number> {
  const atUs = await director.act([{ kind: 'signal', signal: 'SIGKILL', to: 'daemon' }], victim);
  deaths.push({ member: victim.name, atUs });
  return atUs;
}

/** Kills the victim `afterMs` after now and says what was wrong afterwards. */
async function killOnce(
  director: Director,
  victim: MemberPlan,
  afterMs: number,
  before: readonly string[],
  deaths: Death[],
): Promise<string[]> {
  await delay(afterMs);
  const faultAt = await kill(director, victim, deaths);
  const answered = (): boolean => {
    const member = director.answeringMember();
    return member !== undefined && member !== victim;
  };
  await until('every host is answered by the other one', answered, 20_000);
  const firstAnswer = monotonicUs();
  await delay(100);
  const successor = director.answeringMember();
  const untilUs = Number.MAX_SAFE_INTEGER;
  const capture = await director.judgeCapture({
    faultAt,
    victim,
    successor,
    firstAnswer,
    // Until its lease has run out, the kernel of a machine whose daemon was killed may go on speaking.
    fencedUs: faultAt + director.system.lingerMs * 1000,
    untilUs,
  });
  const troubles = [...difference(before, inventory(victim)), ...tables(victim)];
  if (capture.victimFrames > 0)
    troubles.push(`${capture.victimFrames} frames with the address after its death`);
  return troubles;
}

await rehearse(import.meta.filename, options, async (director, { times }) => {
  // The link-local addresses settle first: they are part of the inventory.
  await until('addresses are settled', () => director.plan.members.every(settled));
  const before = new Map(director.plan.members.map((member) => [member, inventory(member)]));
  await director.open();
  const metronome = new Metronome();
  const deaths: Death[] = [];
  const beganUs = monotonicUs();
  let wrong = 0;
  for (let time = 1; time <= times; time++) {
    const active = await director.ready();
    // Every third time the standby dies first, somewhere in its start, and starts again.
    const standby = director.plan.members.find((member) => member !== active);
    if (time % 3 === 0 && standby !== undefined) {
      await kill(director, standby, deaths);
      await director.system.start(standby);
      await delay(Math.random() * 200);
      await kill(director, standby, deaths);
      await director.system.start(standby);
      await director.ready();
    }
    const troubles = await killOnce(director, active, Math.random() * 100, before.get(active) ?? [], deaths);
    if (troubles.length > 0) wrong++;
    progress(`kill ${time}: ${active.name}: ${troubles.join('; ') || 'clean'}`);
    await director.system.start(active);
  }
  await director.ready();
  const found = doubles(director, metronome, beganUs, deaths);
  metronome.stop();
  process.stdout.write(
    `kill: ${times} times SIGKILL: ${wrong} times something was left behind or spoke, ` +
      `${metronome.stalls.length} stalls of the machine\n${formatDoubles(found, beganUs)}`,
  );
  return wrong === 0 && found.every(({ stalls }) => stalls.length > 0);
});
