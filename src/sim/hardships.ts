/**
 * Faults of slow worlds only: what needs several machines at a time, or lasts. The brisk ones stay, seed by seed, what they
 * were.
 */
import { group, nodesOf } from './plan.ts';
import type { World } from './world.ts';

export type Fault = (world: World) => void;

/** Until a reservation of terms is on a slow disk. */
const slowDiskUs = [50_000, 500_000] as const;
/** What is waited for is looked for so often. */
const momentUs = 200;

/** Alone they leave the network and the scheduler as they are. */
export const calmHardships: Readonly<Record<string, Fault>> = {
  slowDisk: (world) => {
    const machine = world.random.pick(world.machines);
    machine.disk.slow([world.span(...slowDiskUs), world.span(...slowDiskUs)]);
    world.after(world.span(100_000, 800_000), () => machine.disk.mend());
  },
};

export const roughHardships: Readonly<Record<string, Fault>> = {
  /** The kernel is slow to say that it opened a fence, and the daemon hears something else meanwhile. */
  midway: (world) => {
    const members = world.machines.filter(({ isMember, alive }) => isMember && alive);
    const idle = members.filter(({ open }) => !open);
    if (idle.length === 0) return;
    const next = world.random.pick(idle);
    const us = world.random.between(100, world.plan.leaseUs / 2);
    const word = world.random.pick([
      { kind: 'stop' },
      { kind: 'health', group, healthy: true, reason: 'check' },
      { kind: 'switchover', group, target: 0 },
    ] as const);
    world.disturb(world.span(200_000, 600_000) + us, () => {
      next.slowAnswer = { us, word };
      return () => {
        next.slowAnswer = undefined;
      };
    });
    members.find(({ open }) => open)?.tell({ kind: 'switchover', group, target: next.id });
  },
  /** A queue fills up on the way to one machine, or from it: nothing is lost, all of it comes late. */
  lag: (world) => {
    const machine = world.random.pick(nodesOf(world.plan));
    const us = world.span(1_000, 40_000);
    world.disturb(world.span(20_000, 400_000), () => world.network.lag(machine, us));
  },
  /** Somebody is cut off, and all others are restarted meanwhile: nobody remembers what was promised to whom. */
  restarts: (world) => {
    const lonely = world.random.pick(world.plan.members);
    const begin = (): (() => void) => {
      const end = world.network.isolate(lonely, 'both');
      for (const machine of world.machines) {
        if (machine.id === lonely || !machine.alive) continue;
        world.down(machine, 'process');
        world.after(world.random.between(3_000, 20_000), () => world.up(machine));
      }
      return end;
    };
    world.disturb(world.span(20_000, 400_000), begin);
  },
};

/** Where promises count. */
export const strictHardships: Readonly<Record<string, Fault>> = {
  /** A member is cut off from all who promised it the group, and stands still when their promises end. */
  lastMoments: (world) => {
    const { quorum, leaseUs } = world.plan;
    if (quorum === undefined) return;
    const member = world.random.pick(world.machines.filter(({ isMember }) => isMember));
    const stillUs = world.random.between(leaseUs / 2, 3 * leaseUs);
    world.disturb(quorum.promiseUs + stillUs, () => world.network.isolate(member.id, 'both'));
    world.after(world.random.between(quorum.promiseUs / 2, quorum.promiseUs), () => {
      if (member.alive) member.freeze(stillUs);
    });
  },
  /** What was promised comes late, and the member that takes the role by it is cut off and stands still in that moment. */
  takenLate: (world) => {
    const { quorum, leaseUs } = world.plan;
    const members = world.machines.filter(({ isMember }) => isMember);
    const active = members.find(({ open }) => open);
    const idle = members.filter((member) => member.alive && member !== active);
    if (quorum === undefined || active === undefined || idle.length === 0) return;
    const next = world.random.pick(idle);
    const stillUs = world.random.between(leaseUs, 4 * leaseUs);
    // Later, and there would be too little left of it to take the role.
    const lateUs = Math.round(quorum.promiseUs * (0.15 + 0.27 * world.random.next()));
    const watchUs = 4 * (quorum.promiseUs + leaseUs);
    let watching = true;
    const ends: (() => void)[] = [];
    const watch = (): void => {
      if (!watching) return;
      if (!next.open) return world.after(momentUs, watch);
      watching = false;
      ends.push(world.network.isolate(next.id, 'both'));
      next.freeze(stillUs);
    };
    world.disturb(watchUs + stillUs, () => {
      ends.push(world.network.lag(next.id, lateUs));
      watch();
      return () => {
        watching = false;
        for (const end of ends) end();
      };
    });
    active.tell({ kind: 'switchover', group, target: next.id });
  },
  /** Answers to one member come late; it gives back what it asked for before they do, and asks again. Nobody else is active. */
  indecision: (world) => {
    const members = world.machines.filter(({ isMember, alive }) => isMember && alive);
    const active = members.find(({ open }) => open);
    const next = members.find((member) => member !== active);
    const { quorum, intervalUs, missCount } = world.plan;
    if (active === undefined || next === undefined || quorum === undefined) return;
    const lateUs = world.random.between(intervalUs, quorum.promiseUs / 2);
    const watchUs = missCount * intervalUs + 2 * quorum.promiseUs + 4 * lateUs;
    world.disturb(watchUs, () => world.network.lag(next.id, lateUs));
    world.down(active, 'process');
    world.after(world.random.between(0, watchUs), () => world.up(active));
    let healthy = true;
    for (let us = 0; us < watchUs; us += world.random.between(500, lateUs)) {
      healthy = !healthy;
      const passes = healthy;
      world.after(us, () => next.check(passes));
    }
    world.after(watchUs, () => next.check(true));
  },
};
