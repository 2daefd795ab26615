/** One run's stage: who is active, what chance says, and the means to do harm. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Director } from '../src/lab/director.ts';
import type { SignalName } from '../src/lab/fault.ts';
import { ownPorts } from '../src/lab/layout.ts';
import type { MemberPlan, NodePlan } from '../src/lab/plan.ts';
import { monotonicUs } from '../src/linux/clock.ts';
import type { Chance } from './chance.ts';
import { bothWays, type Wall, type Walls } from './walls.ts';

/** CLOCK_MONOTONIC microseconds. */
export interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
}

export class Scene {
  readonly director: Director;
  readonly chance: Chance;
  readonly active: MemberPlan;
  readonly standby: MemberPlan;
  /** Of a strict group. */
  readonly witness: NodePlan | undefined;
  /** When the members could hear each other on no path. */
  readonly parted: Stretch[] = [];
  /** How long each thing lasted, milliseconds. */
  readonly lastedMs: number[] = [];
  /** When the stranger claimed the addresses last. */
  claimedUs: number | undefined;
  readonly #walls: Walls;

  constructor(director: Director, walls: Walls, chance: Chance, active: MemberPlan) {
    this.director = director;
    this.chance = chance;
    this.active = active;
    const { members, witnesses } = director.plan;
    this.standby = members.find((member) => member !== active) ?? active;
    this.witness = witnesses[0];
    this.#walls = walls;
  }

  /** Waits for a time drawn between these, short ones as often as long ones. */
  async linger(leastMs: number, mostMs: number): Promise<void> {
    const ms = this.chance.spread(leastMs, mostMs);
    this.lastedMs.push(Math.round(ms));
    await delay(ms);
  }

  async signal(signal: SignalName, node: NodePlan): Promise<void> {
    await this.director.act([{ kind: 'signal', signal, to: 'daemon' }], node);
  }

  /** Stops the daemons of `nodes`, waits, lets them go on. */
  async freeze(nodes: readonly NodePlan[], mostMs: number): Promise<void> {
    await Promise.all(nodes.map((node) => this.signal('SIGSTOP', node)));
    try {
      await this.linger(1, mostMs);
    } finally {
      await Promise.all(nodes.map((node) => this.signal('SIGCONT', node)));
    }
  }

  async kill(node: NodePlan): Promise<void> {
    await this.signal('SIGKILL', node);
    await this.linger(1, 300);
    await this.director.system.start(node);
  }

  /** Walls for a time. */
  async wall(walls: readonly Wall[], mostMs: number, leastMs = 1): Promise<void> {
    this.#walls.build(walls);
    try {
      await this.linger(leastMs, mostMs);
    } finally {
      this.#walls.fall();
    }
  }

  /** The same, with walls that leave the members no path. */
  async part(walls: readonly Wall[], mostMs: number, leastMs = 1): Promise<void> {
    const fromUs = monotonicUs();
    try {
      await this.wall(walls, mostMs, leastMs);
    } finally {
      this.parted.push({ fromUs, toUs: monotonicUs() });
    }
  }
}

/** Nothing from all ports of one to all ports of the other. */
export function between(one: NodePlan, other: NodePlan | undefined): readonly Wall[] {
  return other === undefined ? [] : bothWays([ownPorts(one), ownPorts(other)]);
}
