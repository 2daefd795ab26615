/**
 * Machines, hosts, and the state that a test starts from. Tests of one file share a stage; each begins with `settle`, which
 * mends whatever an earlier one did.
 */
import { nodesOf, placeOf } from '../../src/lab/layout.ts';
import type { LabPlan, MemberPlan, NodePlan, ProxyPlan } from '../../src/lab/plan.ts';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { claimMs, Host } from './host.ts';
import { Machines } from './machines.ts';

/** Daemons start, compile, and settle: milliseconds on a machine with other things to do. */
const settleMs = 30_000;
/** So often a test is tried where daemons stand still for longer than their lease. */
const attemptsMax = 3;

/** The parts of a figure: who is active is the primary system, in the patent's words. */
export interface Cast {
  readonly primary: MemberPlan;
  readonly redundant: MemberPlan;
  /** The machines at whose physical addresses the hosts find the two: themselves, or their proxies. */
  readonly first: NodePlan;
  readonly second: NodePlan;
}

export class Stage extends Machines {
  readonly hosts: readonly Host[];

  constructor(plan: LabPlan) {
    super(plan);
    this.hosts = plan.hosts.map((host) => new Host(host, plan));
  }

  /**
   * A test's whole work. Where the machine is so busy that a daemon stands still for longer than its lease, the kernel
   * silences that, as it must, and no claim speaks of it: then once more, from the set-up.
   */
  async steadily(work: () => Promise<void>): Promise<void> {
    let failure: unknown;
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const sinceUs = monotonicUs();
      try {
        return await work();
      } catch (error) {
        // What cannot be set up again failed all the same.
        failure = error instanceof SetUpError ? (failure ?? error) : error;
        const lapsed = nodesOf(this.plan).some((node) => this.report(node, sinceUs, 'lapse') !== undefined);
        if (!lapsed) break;
      }
    }
    throw failure;
  }

  /**
   * Everything runs, one member is active (`active`: this one), and every host talks to it, so that its table has it or its
   * proxy; with `mute`, the hosts have said nothing yet.
   */
  settle(o: { readonly active?: string; readonly mute?: boolean } = {}): Promise<Cast> {
    return setUp(async () => {
      this.mend();
      for (const host of this.hosts) host.unpin();
      await this.#run(nodesOf(this.plan));
      let primary = await this.#ready();
      if (o.active !== undefined && o.active !== primary.name) {
        await this.system.switchover(primary);
        await this.until(`${o.active} is active`, async () => (await this.#ready()).name === o.active);
        primary = await this.#ready();
      }
      if (o.mute !== true) await this.talk(primary, settleMs);
      for (const host of this.hosts) host.ears.forget();
      return this.cast(primary);
    });
  }

  /** As `settle`, but from nothing, and asking no more than that one member is active and the hosts are answered. */
  async serving(): Promise<Cast> {
    await this.begin(nodesOf(this.plan));
    return await setUp(async () => {
      let active: readonly string[] = [];
      const one = async (): Promise<boolean> => {
        ({ active } = await this.system.view());
        return active.length === 1;
      };
      await until('one member is active', one, settleMs, () => this.told());
      const primary = this.member(active[0] ?? '');
      await this.talk(primary, settleMs);
      return this.cast(primary);
    });
  }

  /** Every host talks to this member until it is answered, over every address. */
  async talk(member: MemberPlan, timeoutMs = claimMs): Promise<void> {
    for (const talk of this.hosts.flatMap((host) => host.talks)) {
      await talk.untilAnsweredBy(member.name, timeoutMs);
    }
  }

  cast(primary: MemberPlan): Cast {
    const redundant = this.plan.members.find((member) => member !== primary) ?? primary;
    const first = placeOf(primary, this.plan);
    return { primary, redundant, first, second: placeOf(redundant, this.plan) };
  }

  member(name: string): MemberPlan {
    return this.#found(this.plan.members, name);
  }

  proxy(name: string): ProxyPlan {
    return this.#found(this.plan.proxies, name);
  }

  /** From nothing: no daemon runs but those of these machines. */
  begin(nodes: readonly NodePlan[]): Promise<void> {
    return setUp(async () => {
      this.mend();
      for (const node of nodesOf(this.plan)) if (this.runs(node)) this.kill(node);
      await this.#run(nodes);
    });
  }

  /** Starts daemons: proxies first, and not all at once, since starting takes the processor. */
  async #run(nodes: readonly NodePlan[]): Promise<void> {
    const idle = nodes.filter((node) => !this.runs(node));
    const isMember = ({ name }: NodePlan): boolean =>
      this.plan.members.some((member) => member.name === name);
    await Promise.all(idle.filter((node) => !isMember(node)).map((node) => this.start(node)));
    await Promise.all(idle.filter(isMember).map((node) => this.start(node)));
  }

  async #ready(): Promise<MemberPlan> {
    let view = await this.system.view();
    const ready = async (): Promise<boolean> => {
      view = await this.system.view();
      return view.ready;
    };
    await until('every machine is ready', ready, settleMs, () => `${view.why}\n${this.told()}`);
    return this.member(view.active[0] ?? '');
  }

  #found<Node extends NodePlan>(nodes: readonly Node[], name: string): Node {
    const node = nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`the plan has no ${name}`);
    return node;
  }
}

class SetUpError extends Error {}

/** What fails before the stimulus says so: it is no failure of the claim. */
async function setUp<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw new SetUpError(`set-up: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
