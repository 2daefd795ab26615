/** What the switch does not pass on from one port to another, one way or both, carrier up (nftables, bridge family). */
import { switchNamespace } from '../src/lab/plan.ts';
import { inNamespace } from '../src/lab/topology.ts';

/** Nothing that enters at the first ports leaves at the second ones. */
export type Wall = readonly [from: readonly string[], to: readonly string[]];

const chain = 'bridge walls forward';

export class Walls {
  constructor() {
    this.#tell(['add table bridge walls', `add chain ${chain} { type filter hook forward priority 0; }`]);
  }

  /** All at once. */
  build(walls: readonly Wall[]): void {
    const rules = walls.flatMap(([from, to]) =>
      from.flatMap((one) => to.map((other) => `add rule ${chain} iifname ${one} oifname ${other} drop`)),
    );
    if (rules.length > 0) this.#tell(rules);
  }

  /** All of them. */
  fall(): void {
    this.#tell([`flush chain ${chain}`]);
  }

  #tell(commands: readonly string[]): void {
    inNamespace(switchNamespace, ['nft', commands.join('; ')]);
  }
}

export function bothWays([one, other]: Wall): readonly Wall[] {
  return [
    [one, other],
    [other, one],
  ];
}
