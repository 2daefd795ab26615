/**
 * How long two machines speak for the address at a time: N random faults, every frame that enters the switch judged. A
 * member may speak from when it says that it is active until another one says so by a higher term; what it says later
 * is overlap.
 *
 *   node bench/overlap.ts [--policy strict] [--times 100] [--seed 1] [--hogs 2]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Director } from '../src/lab/director.ts';
import { Metronome } from '../src/lab/metronome.ts';
import { type MemberPlan, type NodePlan, type Policy, planFig1a, switchNamespace } from '../src/lab/plan.ts';
import { inNamespace } from '../src/lab/topology.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { Hogs } from './hogs.ts';
import { progress, rehearse } from './rehearsal.ts';
import { formatSpread } from './statistics.ts';

interface Options {
  readonly policy: Policy;
  readonly times: number;
  readonly seed: number;
  readonly hogs: number;
}

/** One fault: begun and ended; `parted`: meanwhile members may not hear each other on any path. */
interface Trouble {
  readonly name: string;
  readonly parted: boolean;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

/** A stall so long before an overlap may be its cause, microseconds. */
const stallReachUs = 12_000;
const settledMs = 300;

function options(): Options {
  const { values } = parseArgs({
    options: {
      policy: { type: 'string', default: 'available' },
      times: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      hogs: { type: 'string', default: '0' },
    },
  });
  const policy = values.policy === 'strict' ? 'strict' : 'available';
  return { policy, times: Number(values.times), seed: Number(values.seed), hogs: Number(values.hogs) };
}

/** Chance from a seed (mulberry32): the same faults again. */
function chanceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Frames from one MAC to another that no bridge passes; hosts reach all. */
class Walls {
  constructor() {
    const chain = '{ type filter hook forward priority 0; }';
    inNamespace(switchNamespace, ['nft', `add table bridge walls; add chain bridge walls forward ${chain}`]);
  }

  build(from: readonly string[], to: readonly string[]): void {
    for (const one of from)
      for (const other of to)
        inNamespace(switchNamespace, [
          'nft',
          `add rule bridge walls forward ether saddr ${one} ether daddr ${other} drop`,
        ]);
  }

  fall(): void {
    inNamespace(switchNamespace, ['nft', 'flush chain bridge walls forward']);
  }
}

function macsOf(node: NodePlan | MemberPlan): string[] {
  return [node.mac, ...('cable' in node && node.cable !== undefined ? [node.cable.mac] : [])];
}

function troubles(director: Director, walls: Walls, active: MemberPlan): readonly Trouble[] {
  const { members, witnesses } = director.plan;
  const standby = members.find((member) => member !== active) ?? active;
  const signal = (name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL', node: NodePlan): Promise<number> =>
    director.act([{ kind: 'signal', signal: name, to: 'daemon' }], node);
  const freeze = (node: NodePlan, name: string): Trouble => ({
    name,
    parted: false,
    begin: () => void signal('SIGSTOP', node),
    end: () => void signal('SIGCONT', node),
  });
  const death = (node: NodePlan, name: string): Trouble => ({
    name,
    parted: false,
    begin: () => void signal('SIGKILL', node),
    end: () => director.system.start(node),
  });
  const wall = (
    name: string,
    parted: boolean,
    pairs: readonly (readonly [NodePlan, NodePlan])[],
  ): Trouble => ({
    name,
    parted,
    begin: () => {
      for (const [from, to] of pairs) walls.build(macsOf(from), macsOf(to));
    },
    end: () => walls.fall(),
  });
  const both = (one: NodePlan, other: NodePlan): (readonly [NodePlan, NodePlan])[] => [
    [one, other],
    [other, one],
  ];
  const [witness] = witnesses;
  const withWitness = witness === undefined ? [] : both(active, witness);
  return [
    freeze(active, 'freeze of the active one'),
    freeze(standby, 'freeze of the standby'),
    death(active, 'SIGKILL of the active one'),
    death(standby, 'SIGKILL of the standby'),
    wall('members parted', true, both(active, standby)),
    wall('the active one parted from all', true, [...both(active, standby), ...withWitness]),
    wall('the standby hears nothing of the active one', true, [[active, standby]]),
    wall('the active one hears nothing of the standby', true, [[standby, active]]),
    {
      name: 'switchover',
      parted: false,
      begin: () => director.switchOver(active),
      end: () => undefined,
    },
    ...(witness === undefined
      ? []
      : [
          freeze(witness, 'freeze of the witness'),
          death(witness, 'SIGKILL of the witness'),
          wall('the active one parted from the witness', false, withWitness),
        ]),
  ];
}

interface Overlap {
  readonly us: number;
  readonly what: string;
  readonly stalled: boolean;
}

/** Every frame since `sinceUs` of a member that another one had succeeded. */
async function overlaps(director: Director, metronome: Metronome, sinceUs: number): Promise<Overlap[]> {
  const { members } = director.plan;
  const activations = director
    .occurrences()
    .filter(
      ({ occurrence: { code, detail, atUs } }) =>
        code === 'transition' && detail['to'] === 'active' && atUs > sinceUs,
    )
    .map(({ member, occurrence: { atUs, detail } }) => ({
      member,
      atUs,
      term: Number(detail['termCounter']),
    }))
    .sort((a, b) => a.atUs - b.atUs);
  const found: Overlap[] = [];
  for (const { member, atUs, term } of activations) {
    for (const other of members) {
      if (other.name === member) continue;
      const own = activations.find((one) => one.member === other.name && one.atUs > atUs);
      const untilUs = own?.atUs ?? monotonicUs();
      const last = await director.switchboard.lastVoice(other, { sinceUs: atUs, untilUs });
      if (last === null) continue;
      const stalled = metronome.during(atUs - stallReachUs, last).length > 0;
      found.push({ us: last - atUs, what: `${other.name} after ${member} (term ${term})`, stalled });
    }
  }
  return found;
}

async function play(director: Director, o: Options): Promise<boolean> {
  const chance = chanceFrom(o.seed);
  const walls = new Walls();
  await director.open();
  const metronome = new Metronome();
  const hogs = new Hogs(o.hogs);
  const worst = new Map<string, number[]>();
  let bad = 0;
  for (let time = 1; time <= o.times; time++) {
    const active = await director.ready();
    const sinceUs = monotonicUs();
    const choices = troubles(director, walls, active);
    const trouble = choices[Math.floor(chance() * choices.length)];
    if (trouble === undefined) throw new Error('nothing to choose from');
    // 1 ms to 3 s, short ones as often as long ones.
    const lengthMs = Math.round(10 ** (chance() * 3.48));
    await delay(chance() * 20);
    await trouble.begin();
    await delay(lengthMs);
    await trouble.end();
    await director.ready();
    await delay(settledMs);
    const found = await overlaps(director, metronome, sinceUs);
    const us = Math.max(0, ...found.map((each) => each.us));
    worst.set(trouble.name, [...(worst.get(trouble.name) ?? []), us / 1000]);
    const excused = trouble.parted && o.policy === 'available';
    const leaseUs = director.system.lingerMs * 1000;
    const guilty = found.filter((each) => !excused && each.us > (o.policy === 'strict' ? 0 : leaseUs));
    if (guilty.length > 0) bad++;
    const said = found.map((each) => `${each.us} µs ${each.what}${each.stalled ? ', machine stalled' : ''}`);
    progress(
      `${time}: ${trouble.name}, ${lengthMs} ms: ${said.join('; ') || 'no overlap'}${guilty.length > 0 ? ' BAD' : ''}`,
    );
  }
  process.stdout.write(
    `${o.policy}, ${o.times} faults, ${o.hogs} CPU hogs, ${metronome.stalls.length} stalls of the machine: `,
  );
  process.stdout.write(`${bad} beyond what the policy allows; worst overlap of each, milliseconds\n`);
  for (const [name, list] of [...worst].sort())
    process.stdout.write(`  ${name} (${list.length}): ${formatSpread(list, 3)}\n`);
  metronome.stop();
  await hogs.stop();
  return bad === 0;
}

await rehearse(import.meta.filename, options, play, ({ policy }) => ({ plan: planFig1a(2, policy) }));
