/** The faults that the benchmark of overlaps draws from: what each does, and what may follow. */
import { setTimeout as delay } from 'node:timers/promises';
import type { DiskState } from '../src/lab/disk.ts';
import { ownPorts } from '../src/lab/layout.ts';
import type { MemberPlan, NodePlan } from '../src/lab/plan.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import { between, type Scene } from './scene.ts';
import { bothWays, type Wall } from './walls.ts';

export interface Trouble {
  readonly name: string;
  /** How often it is drawn. */
  readonly weight: number;
  /** Does it, waits, and undoes it. */
  readonly play: (scene: Scene) => Promise<void>;
  /** The role must stay where it is. */
  readonly quiet?: boolean;
  /** Daemons die: their last reports, of up to 20 ms before, with them. */
  readonly dies?: boolean;
  /** Only where there is a witness. */
  readonly witness?: boolean;
  /** Needs libfaketime. */
  readonly clock?: boolean;
}

const shortMs = 1000;
/** SIGSTOP lasts from 1 ms to this. */
const longMs = 10_000;

const words: Readonly<Record<DiskState, string>> = { well: 'well', full: 'full', readOnly: 'read-only' };

function cableOf(member: MemberPlan): readonly string[] {
  return member.cable === undefined ? [] : [member.cable.port];
}

const freezes: readonly Trouble[] = [
  { name: 'SIGSTOP of the active one', weight: 4, play: (s) => s.freeze([s.active], longMs) },
  { name: 'SIGSTOP of the standby', weight: 1, quiet: true, play: (s) => s.freeze([s.standby], shortMs) },
  { name: 'SIGSTOP of both', weight: 1, play: (s) => s.freeze([s.active, s.standby], shortMs) },
  {
    name: 'SIGSTOP of active one and witness',
    weight: 1,
    witness: true,
    play: (s) => s.freeze([s.active, ...witnessOf(s)], shortMs),
  },
  {
    name: 'SIGSTOP of the witness',
    weight: 1,
    witness: true,
    quiet: true,
    play: (s) => s.freeze(witnessOf(s), shortMs),
  },
  {
    name: 'SIGSTOP of the active one in a switchover',
    weight: 2,
    play: async (s) => {
      await switchOver(s);
      await s.freeze([s.active], shortMs);
    },
  },
];

const deaths: readonly Trouble[] = [
  { name: 'SIGKILL of the active one', weight: 2, dies: true, play: (s) => s.kill(s.active) },
  { name: 'SIGKILL of the standby', weight: 1, dies: true, quiet: true, play: (s) => s.kill(s.standby) },
  {
    name: 'SIGKILL of the witness',
    weight: 1,
    dies: true,
    witness: true,
    quiet: true,
    play: (s) => Promise.all(witnessOf(s).map((node) => s.kill(node))).then(() => undefined),
  },
  { name: 'SIGKILL storm', weight: 2, dies: true, play: storm },
  {
    name: 'SIGKILL of the active one in a switchover',
    weight: 1,
    dies: true,
    play: async (s) => {
      await switchOver(s);
      await s.kill(s.active);
    },
  },
];

const partitions: readonly Trouble[] = [
  {
    name: 'cable parted',
    weight: 1,
    quiet: true,
    play: (s) => s.wall(cableApart(s), shortMs),
  },
  {
    name: 'LAN parted between the nodes',
    weight: 1,
    quiet: true,
    play: (s) => s.wall(lanOnly(s), shortMs),
  },
  { name: 'members parted', weight: 3, play: (s) => s.part(membersApart(s), shortMs) },
  {
    name: 'the active one parted from members and witness',
    weight: 2,
    witness: true,
    play: (s) => s.part([...between(s.active, s.standby), ...between(s.active, s.witness)], shortMs),
  },
  {
    name: 'the active one parted from the witness',
    weight: 1,
    witness: true,
    quiet: true,
    play: (s) => s.wall(between(s.active, s.witness), shortMs),
  },
  { name: 'everything split in two, hosts too', weight: 2, play: (s) => s.part(split(s), shortMs) },
  {
    name: 'members parted in a switchover',
    weight: 1,
    play: async (s) => {
      await switchOver(s);
      await s.part(between(s.active, s.standby), shortMs);
    },
  },
  {
    name: 'the standby hears nothing of the active one',
    weight: 2,
    play: (s) => s.wall([[ownPorts(s.active), ownPorts(s.standby)]], shortMs),
  },
  {
    name: 'the active one hears nothing of the standby',
    weight: 1,
    quiet: true,
    play: (s) => s.wall([[ownPorts(s.standby), ownPorts(s.active)]], shortMs),
  },
  {
    name: 'one path, one way',
    weight: 2,
    quiet: true,
    play: (s) => {
      const [from, to] = s.chance.pick([
        [s.active, s.standby],
        [s.standby, s.active],
      ] as const);
      const ports = s.chance.pick([cableOf, (member: MemberPlan) => [member.lanPort]]);
      return s.wall([[ports(from), ports(to)]], shortMs);
    },
  },
];

const compounds: readonly Trouble[] = [
  {
    name: 'members parted, and a SIGSTOP or SIGKILL meanwhile',
    weight: 3,
    dies: true,
    play: (s) => together(s, s.part(s.chance.pick([split, membersApart])(s), shortMs)),
  },
  {
    name: 'one path parted, and a SIGSTOP or SIGKILL meanwhile',
    weight: 2,
    dies: true,
    play: (s) => together(s, s.wall(s.chance.pick([cableApart, lanOnly])(s), shortMs)),
  },
];

const others: readonly Trouble[] = [
  { name: 'switchover', weight: 1, play: switchOver },
  ...(['full', 'readOnly'] as const).flatMap((state): Trouble[] => [
    { name: `disk ${words[state]}`, weight: 1, quiet: true, play: (s) => sickDisk(s, state) },
    {
      name: `disk ${words[state]}, and a restart`,
      weight: 1,
      dies: true,

      play: (s) => restartOnSickDisk(s, state),
    },
  ]),
  { name: 'wall clocks stepped', weight: 3, quiet: true, clock: true, play: stepClocks },
  { name: 'a stranger claims the addresses', weight: 3, quiet: true, play: spoof },
];

export const troubles: readonly Trouble[] = [...freezes, ...deaths, ...partitions, ...compounds, ...others];

function witnessOf({ witness }: Scene): readonly NodePlan[] {
  return witness === undefined ? [] : [witness];
}

function nodesOf(scene: Scene): readonly NodePlan[] {
  return [scene.active, scene.standby, ...witnessOf(scene)];
}

function lanOnly(scene: Scene): readonly Wall[] {
  const ports = nodesOf(scene).map(({ lanPort }) => lanPort);
  return ports.map((port) => [[port], ports.filter((other) => other !== port)]);
}

function cableApart({ active, standby }: Scene): readonly Wall[] {
  return bothWays([cableOf(active), cableOf(standby)]);
}

function membersApart({ active, standby }: Scene): readonly Wall[] {
  return between(active, standby);
}

/** Something happens to a process while something else lasts. */
async function together(scene: Scene, other: Promise<void>): Promise<void> {
  const { chance } = scene;
  const node = chance.pick([scene.active, scene.active, scene.standby, ...witnessOf(scene)]);
  const fatal = chance.next() < 0.5;
  const meanwhile = async (): Promise<void> => {
    await delay(chance.spread(1, 300));
    await (fatal ? scene.kill(node) : scene.freeze([node], shortMs));
  };
  await Promise.all([other, meanwhile()]);
}

/** Every second host and the witness, if chance says so, on the active one's side. */
function split(scene: Scene): readonly Wall[] {
  const { active, standby, chance, director } = scene;
  const sides: readonly [string[], string[]] = [[...ownPorts(active)], [...ownPorts(standby)]];
  const apart = [...director.plan.hosts, ...director.plan.strangers];
  for (const [index, { lanPort }] of apart.entries()) sides[index % 2 === 0 ? 0 : 1].push(lanPort);
  for (const node of witnessOf(scene)) chance.pick(sides).push(...ownPorts(node));
  return bothWays(sides);
}

/** Asked for, and not waited for: what follows happens in the middle of it. */
async function switchOver({ director, active, chance }: Scene): Promise<void> {
  await director.switchOver(active);
  await delay(chance.between(0, 20));
}

/** Kills in quick succession, each daemon started again at once, and some of them killed while they start. */
async function storm(scene: Scene): Promise<void> {
  const { chance, director } = scene;
  const started = new Map<NodePlan, Promise<unknown>>();
  for (let left = chance.whole(3, 6); left > 0; left--) {
    const node = chance.pick(nodesOf(scene));
    // One that still waits for its former life to end has no process yet: it is killed as soon as it has started.
    const kill = (): Promise<void> => scene.signal('SIGKILL', node).catch(() => undefined);
    await kill();
    await started.get(node)?.then(kill, () => undefined);
    const starting = director.system.start(node);
    starting.catch(() => undefined);
    started.set(node, starting);
    await scene.linger(1, 300);
  }
  await Promise.all(started.values());
}

async function sickDisk({ director, active, chance }: Scene, state: DiskState): Promise<void> {
  const nodes = chance.pick([[active], director.plan.members]);
  await Promise.all(nodes.map((node) => director.act([{ kind: 'disk', state }], node)));
  await delay(chance.spread(1, shortMs));
  await Promise.all(nodes.map((node) => director.act([{ kind: 'disk', state: 'well' }], node)));
}

async function restartOnSickDisk(scene: Scene, state: DiskState): Promise<void> {
  const { director, active, standby, chance } = scene;
  const node = chance.pick([active, standby]);
  await director.act([{ kind: 'disk', state }], node);
  try {
    await scene.kill(node);
    // It serves before its disk is well.
    await director.ready();
  } finally {
    await director.act([{ kind: 'disk', state: 'well' }], node);
  }
}

/** Steps of up to 30 years, forth and back, of one or all. */
async function stepClocks(scene: Scene): Promise<void> {
  const { director, chance } = scene;
  const nodes = chance.pick([[scene.active], [scene.standby], nodesOf(scene)]);
  for (let left = chance.whole(1, 3); left > 0; left--) {
    for (const node of nodes) {
      const aheadS = Math.round(chance.spread(1, 1e9)) * chance.pick([1, -1]);
      await director.act([{ kind: 'clock', aheadS }], node);
    }
    await scene.linger(1, 300);
  }
}

async function spoof(scene: Scene): Promise<void> {
  const { director, active, chance } = scene;
  for (let left = chance.whole(1, 5); left > 0; left--) {
    await director.act([{ kind: 'claim', times: chance.whole(1, 3) }], active);
    scene.claimedUs = monotonicUs();
    await scene.linger(1, 50);
  }
}
