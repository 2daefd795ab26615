/** Whether the group is strict, and who has a vote in it. A witness has a path of its own to each member. */
import type { QuorumConfig } from '../engine/config.ts';
import type { NodeId } from '../wire/control/message.ts';
import type { Random } from './random.ts';
import type { Wiring } from './wiring.ts';

const witness = 21;
/** Twice what the machines' clocks are off by. */
const driftPpm = 400;
/** Long enough for a renewal, its answer and a turn or two, intervals. */
const promiseIntervals = [8, 12, 20];

export function drawQuorum(
  policy: Random,
  members: readonly NodeId[],
  wired: Wiring,
  { intervalUs, leastUs }: { readonly intervalUs: number; readonly leastUs: number },
): Wiring & { readonly quorum: QuorumConfig | undefined } {
  if (policy.chance(0.6)) return { ...wired, quorum: undefined };
  // Two members alone have no majority but both.
  const witnesses = members.length === 2 || policy.chance(0.3) ? [witness] : [];
  const paths = [...wired.paths];
  let last = Math.max(...paths.map(({ id }) => id));
  for (const id of witnesses)
    for (const member of members) paths.push({ id: ++last, cable: false, members: [member, id] });
  const promiseUs = Math.max(leastUs, policy.pick(promiseIntervals) * intervalUs);
  const quorum = { voters: [...members, ...witnesses], members, promiseUs, driftPpm };
  return { ...wired, paths, witnesses, quorum };
}
