/** What goes wrong, and what operators do. Each fault says its name, so that a run can tell what it went through. */
import type { Machine } from './machine.ts';
import { group } from './plan.ts';
import type { World } from './world.ts';

type Fault = (world: World) => void;

/** Faults of single machines and of cables: the other members' paths keep working, so nothing excuses two voices. */
const calmFaults: Readonly<Record<string, Fault>> = {
  crash: (world) => down(world, 'process', false),
  powerLoss: (world) => down(world, 'power', false),
  stop: (world) => {
    const machine = anyAlive(world);
    machine?.tell({ kind: 'stop' });
  },
  switchover: (world) => {
    const target = world.random.chance(0.5) ? 0 : world.random.pick(world.plan.members);
    anyAlive(world)?.tell({ kind: 'switchover', group, target });
  },
  unhealthy: (world) => {
    const machine = anyAlive(world);
    machine?.tell({ kind: 'health', group, healthy: false, reason: 'check' });
    world.after(world.random.between(1_000, 300_000), () => {
      machine?.tell({ kind: 'health', group, healthy: true, reason: 'check' });
    });
  },
  claim: (world) => anyAlive(world)?.tell({ kind: 'claim', group, member: 0 }),
  evidence: (world) => anyAlive(world)?.tell({ kind: 'evidence', group, reason: 'clockGap' }),
};

/** The network or the scheduler misbehaves: two voices may be heard for a bounded time. */
const roughFaults: Readonly<Record<string, Fault>> = {
  freeze: (world) => freeze(world, world.random.between(1_000, 200_000)),
  stall: (world) => freeze(world, world.random.between(500, 12_000)),
  cableCut: (world) => {
    const cables = world.plan.paths.filter(({ cable }) => cable);
    if (cables.length === 0) return;
    const { id } = world.random.pick(cables);
    world.disturb(
      world.random.between(5_000, 400_000),
      () => world.cut(id, true),
      () => world.cut(id, false),
    );
  },
  lanCut: (world) => {
    const lan = world.plan.paths.find(({ cable }) => !cable);
    if (lan === undefined) return;
    world.disturb(
      world.random.between(5_000, 400_000),
      () => world.cut(lan.id, true),
      () => world.cut(lan.id, false),
    );
  },
  partition: (world) => {
    const lonely = world.random.pick(world.plan.members);
    const oneWay = world.random.chance(0.3);
    const begin = () => {
      for (const path of world.plan.paths) {
        for (const other of path.members) {
          if (other === lonely || !path.members.includes(lonely)) continue;
          world.network.block(path.id, lonely, other);
          if (!oneWay) world.network.block(path.id, other, lonely);
        }
      }
    };
    world.disturb(world.random.between(2_000, 400_000), begin, () => world.network.healAll());
  },
  storm: (world) => {
    const share = world.random.pick([0.1, 0.3, 0.6]);
    const begin = () => {
      world.network.stormLossShare = share;
      world.network.stormDelayUs = world.random.between(0, 20_000);
    };
    world.disturb(world.random.between(5_000, 300_000), begin, () => world.network.healAll());
  },
  diskLoss: (world) => down(world, 'process', true),
};

export const calmNames: readonly string[] = Object.keys(calmFaults);
export const roughNames: readonly string[] = [...calmNames, ...calmNames, ...Object.keys(roughFaults)];

export function inject(world: World, name: string): void {
  const fault = calmFaults[name] ?? roughFaults[name];
  if (fault === undefined) throw new RangeError(`no fault is called ${name}`);
  world.checker.caused();
  world.trace(0, () => `fault: ${name}`);
  fault(world);
}

function anyAlive(world: World): Machine | undefined {
  const alive = world.machines.filter((machine) => machine.alive);
  return alive.length === 0 ? undefined : world.random.pick(alive);
}

function down(world: World, how: 'process' | 'power', diskLost: boolean): void {
  const machine = anyAlive(world);
  if (machine === undefined) return;
  world.trace(machine.id, () => `dies (${how}${diskLost ? ', disk lost' : ''})`);
  world.down(machine, how);
  if (diskLost) {
    machine.loseDisk();
    world.checker.diskLost();
  }
  world.after(world.random.between(3_000, 600_000), () => world.up(machine));
}

function freeze(world: World, us: number): void {
  const machine = anyAlive(world);
  if (machine === undefined) return;
  world.trace(machine.id, () => `freezes for ${us} µs`);
  machine.freeze(us);
  world.disturb(
    us,
    () => {},
    () => {},
  );
}
