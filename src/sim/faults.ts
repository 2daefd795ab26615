/** What goes wrong, and what operators do. Each fault says its name, so that a run can tell what it went through. */
import { calmHardships, type Fault, roughHardships, strictHardships } from './hardships.ts';
import { claimBy } from './lan.ts';
import type { Machine } from './machine.ts';
import { group, lanOf, nodesOf, type Plan } from './plan.ts';
import type { World } from './world.ts';

/** Shorter than a lease: longer ones end it, and rightly so. */
const standstillMaxUs = 15_000;
const aimedShare = 0.65;

/** Faults of single machines: the paths keep working, so nothing excuses two voices. */
const calmFaults: Readonly<Record<string, Fault>> = {
  crash: (world) => down(world, 'process', false),
  powerLoss: (world) => down(world, 'power', false),
  stop: (world) => {
    const machine = anyAlive(world);
    machine?.tell({ kind: 'stop' });
  },
  switchover: (world) => {
    const target = world.random.chance(0.5) ? 0 : world.random.pick(world.plan.members);
    const machine = anyAlive(world, isMember);
    // Whoever waits because somebody has the address is overruled.
    if (machine?.id === target) world.checker.overruled(machine);
    machine?.tell({ kind: 'switchover', group, target });
  },
  unhealthy: (world) => {
    const machine = anyAlive(world, isMember);
    machine?.check(false);
    world.after(world.span(1_000, 300_000), () => machine?.check(true));
  },
  claim: (world) => anyAlive(world)?.tell(claimBy(0)),
  evidence: (world) => anyAlive(world)?.tell({ kind: 'evidence', group, reason: 'clockGap' }),
};

/** The network or the scheduler misbehaves: two voices may be heard for a bounded time. */
const roughFaults: Readonly<Record<string, Fault>> = {
  freeze: (world) => freeze(world, world.span(1_000, 200_000)),
  stall: (world) => freeze(world, world.span(500, 12_000)),
  cableCut: (world) => {
    const cables = world.plan.paths.filter(({ cable }) => cable);
    if (cables.length === 0) return;
    const { id } = world.random.pick(cables);
    world.disturb(world.span(5_000, 400_000), () => world.cut(id));
  },
  lanCut: (world) => {
    const lan = lanOf(world.plan);
    if (lan === undefined) return;
    world.disturb(world.span(5_000, 400_000), () => world.cut(lan.id));
  },
  partition: (world) => {
    const lonely = world.random.pick(nodesOf(world.plan));
    const way = world.random.pick(['both', 'both', 'mute', 'deaf'] as const);
    world.disturb(world.span(2_000, 400_000), () => world.network.isolate(lonely, way));
  },
  storm: (world) => {
    const share = world.random.pick([0.1, 0.3, 0.6]);
    world.disturb(world.span(5_000, 300_000), () =>
      world.network.storm(share, world.random.between(0, 20_000)),
    );
  },
  diskLoss: (world) => down(world, 'process', true),
  /** One path between two machines, in one direction or in both. */
  pathPart: (world) => {
    const path = world.random.pick(world.plan.paths.filter(({ members }) => members.length > 1));
    const from = world.random.pick(path.members);
    const to = world.random.pick(path.members.filter((other) => other !== from));
    const how = world.random.chance(0.5) ? 'oneWay' : 'bothWays';
    world.disturb(world.span(2_000, 400_000), () => world.network.block(path, from, to, how));
  },
};

/** Where there are proxies, calm too. */
const proxyFaults: Readonly<Record<string, Fault>> = {
  proxyCrash: (world) => down(world, 'process', false, isProxy),
  proxyPowerLoss: (world) => down(world, 'power', false, isProxy),
  proxyStop: (world) => anyAlive(world, isProxy)?.tell({ kind: 'stop' }),
  /** A frame that says another place has taken over, and it is not true. */
  falseClaim: (world) => {
    const proxy = anyAlive(world, isProxy);
    const others = lanOf(world.plan)?.members.filter((id) => id !== proxy?.id) ?? [];
    if (others.length > 0) proxy?.hearAnnouncement(world.random.pick(others));
  },
};

/** And rough. */
const roughProxyFaults: Readonly<Record<string, Fault>> = {
  proxyFreeze: (world) => freeze(world, world.span(1_000, 200_000), isProxy),
  lanPartition: (world) => {
    const lan = lanOf(world.plan);
    if (lan === undefined || lan.members.length < 2) return;
    const lonely = world.random.pick(lan.members);
    const oneWay = world.random.chance(0.3);
    world.disturb(world.span(2_000, 400_000), () =>
      world.network.part(lan, lonely, oneWay ? 'mute' : 'both'),
    );
  },
};

/** All machines are processes of one that stands still: when it goes on, each has been late, and nobody was silent. */
const hostFaults: Readonly<Record<string, Fault>> = {
  standstill: (world) => {
    const us = world.span(1_000, standstillMaxUs);
    for (const machine of world.machines) machine.freeze(us);
  },
};

/** Where a machine has a vote and nothing else. */
const witnessFaults: Readonly<Record<string, Fault>> = {
  witnessCrash: (world) => down(world, 'process', false, isWitness),
  witnessPowerLoss: (world) => down(world, 'power', false, isWitness),
  witnessStop: (world) => anyAlive(world, isWitness)?.tell({ kind: 'stop' }),
};

/** Where members look before their first activation. */
const lanFaults: Readonly<Record<string, Fault>> = {
  stranger: (world) => world.lan.invade(world.span(10_000, 300_000)),
};

/** And rough. */
const roughLanFaults: Readonly<Record<string, Fault>> = {
  /** What a member says and what is said to it is dropped, also when it starts anew meanwhile; the LAN is as it was. */
  filter: (world) => {
    const deaf = anyAlive(world, isMember);
    if (deaf !== undefined) filter(world, [deaf], world.random.chance(0.7) ? 20_000 : undefined);
  },
  /** The same for all of them: they start at one time, and none hears the others. */
  filters: (world) => filter(world, world.machines.filter(isMember), 2_000),
};

/** Where an operator pins roles, calm too. */
const upkeepFaults: Readonly<Record<string, Fault>> = {
  maintenance: (world) => {
    const machine = anyAlive(world, isMember);
    machine?.pin(true);
    world.after(world.span(20_000, 600_000), () => machine?.pin(false));
  },
};

const all: Readonly<Record<string, Fault>> = {
  ...upkeepFaults,
  ...witnessFaults,
  ...hostFaults,
  ...calmFaults,
  ...calmHardships,
  ...roughFaults,
  ...roughHardships,
  ...strictHardships,
  ...proxyFaults,
  ...roughProxyFaults,
  ...lanFaults,
  ...roughLanFaults,
};

/** What may happen in a world of this plan; what is named more often happens more often. */
export function faultNames(plan: Plan): readonly string[] {
  const { calm, proxies, witnesses, standstills, tempo, lan, maintenance, quorum } = plan;
  const watched = lan.probeUs > 0;
  const calmNames = Object.keys({
    ...calmFaults,
    ...(proxies.length === 0 ? {} : proxyFaults),
    ...(witnesses.length === 0 ? {} : witnessFaults),
    ...(standstills ? hostFaults : {}),
    ...(tempo.beats > 1 ? calmHardships : {}),
    ...(watched ? lanFaults : {}),
    ...(maintenance ? upkeepFaults : {}),
  });
  if (calm) return calmNames;
  const rough = Object.keys({
    ...roughFaults,
    ...(proxies.length === 0 ? {} : roughProxyFaults),
    ...(tempo.beats > 1 ? roughHardships : {}),
    ...(tempo.beats > 1 && quorum !== undefined ? strictHardships : {}),
    ...(watched ? roughLanFaults : {}),
  });
  return [...calmNames, ...calmNames, ...rough];
}

export function inject(world: World, name: string): void {
  const fault = all[name];
  if (fault === undefined) throw new RangeError(`no fault is called ${name}`);
  world.checker.caused();
  world.trace(0, () => `fault: ${name}`);
  fault(world);
}

type Kind = (machine: Machine) => boolean;
const isProxy: Kind = (machine) => machine.isProxy;
const isMember: Kind = (machine) => machine.isMember;
const isWitness: Kind = (machine) => !machine.isMember && !machine.isProxy;
const anyKind: Kind = () => true;

/** In slow worlds whoever is active is hurt more often than the others: what happens to it moves roles. */
function anyAlive(world: World, kind: Kind = anyKind): Machine | undefined {
  const alive = world.machines.filter((machine) => machine.alive && kind(machine));
  const open = alive.filter((machine) => machine.open);
  const aimed = world.plan.tempo.beats > 1 && open.length > 0 && world.random.chance(aimedShare);
  return alive.length === 0 ? undefined : world.random.pick(aimed ? open : alive);
}

function down(world: World, how: 'process' | 'power', diskLost: boolean, kind: Kind = anyKind): void {
  const machine = anyAlive(world, kind);
  if (machine === undefined) return;
  world.trace(machine.id, () => `dies (${how}${diskLost ? ', disk lost' : ''})`);
  world.down(machine, how);
  if (diskLost) {
    machine.loseDisk();
    world.checker.diskLost(machine);
  }
  world.after(world.awayUs(), () => world.up(machine));
}

function freeze(world: World, us: number, kind: Kind = anyKind): void {
  const machine = anyAlive(world, kind);
  if (machine === undefined) return;
  world.trace(machine.id, () => `freezes for ${us} µs`);
  machine.freeze(us);
  world.disturb(us, () => () => {});
}

/** `withinUs`: those that live end, and start again one after the other in so long. */
function filter(world: World, deaf: readonly Machine[], withinUs: number | undefined): void {
  const begin = (): (() => void) => {
    const end = world.network.mute(deaf.map(({ id }) => id));
    for (const machine of deaf) {
      if (withinUs === undefined || !machine.alive) continue;
      world.down(machine, 'process');
      world.after(3_000 + world.random.between(0, withinUs), () => world.up(machine));
    }
    return end;
  };
  world.disturb(world.span(300_000, 1_000_000), begin, 'lan');
}
