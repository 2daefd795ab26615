/**
 * A process of its own that does one thing with a fence, and is stopped (SIGSTOP, by itself) just before, or just after,
 * one of the transactions that this takes: between deciding and the kernel's answer. Says what came of it, a line each.
 *
 *   node owner.ts '{"deed":"acquire","stop":{"at":2,"side":"before"}}'
 */
import { monotonicUs } from '../../src/linux/clock.ts';
import { Fence } from '../../src/linux/fence/fence.ts';
import { NftablesSocket } from '../../src/linux/nftables/socket.ts';
import { config, first, second } from './pair.ts';

export type Deed = 'acquire' | 'acquireUntil' | 'join' | 'joinUntil' | 'renew' | 'extend' | 'yield' | 'mend';

export interface Task {
  readonly deed: Deed;
  readonly own: boolean;
  /** Which transaction of the deed, counted from 1, and on which side of it. */
  readonly stop: { readonly at: number; readonly side: 'before' | 'after' };
}

export const leaseMs = 100;
/** How long strict groups are held, milliseconds. */
export const limitMs = 60;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function run({ deed, own, stop }: Task): void {
  const fence = Fence.arm({ ...config, leaseMs, own });
  // As the reactor does: what was decided a lease ago is void; a limit is reckoned when it is asked for.
  const decidedUs = (): (() => boolean) => {
    const fromUs = monotonicUs();
    return () => monotonicUs() - fromUs < leaseMs * 1000;
  };
  const untilUs = { value: 0 };
  const left = (): number => Math.floor((untilUs.value - monotonicUs()) / 1000);
  const promise = (): void => {
    untilUs.value = monotonicUs() + limitMs * 1000;
  };
  promise();
  if (deed === 'join' || deed === 'joinUntil') fence.acquire(second, decidedUs());
  if (deed === 'renew' || deed === 'yield' || deed === 'mend') fence.acquire(first, decidedUs());
  if (deed === 'extend') fence.acquire(first, decidedUs(), left);
  promise();
  const decided = decidedUs();
  stopAt(stop);
  const done = {
    acquire: () => fence.acquire(first, decided),
    acquireUntil: () => fence.acquire(first, decided, left),
    join: () => fence.acquire(first, decided),
    joinUntil: () => fence.acquire(first, decided, left),
    renew: () => fence.renew() === 'held',
    extend: () => fence.extend(first, left),
    yield: () => fence.yield(first) === undefined,
    mend: () => fence.mend(decided, () => undefined).length === 0,
  }[deed]();
  say(done ? 'done' : 'refused');
  say(fence.holding && fence.renew() === 'held' ? 'held' : 'lost');
  // Whoever watches decides when it is over.
  setInterval(() => undefined, 1_000_000);
}

/** From here on transactions are counted. */
function stopAt({ at, side }: Task['stop']): void {
  let count = 0;
  const { commit, repeat } = NftablesSocket.prototype;
  const around = <Result>(work: () => Result): Result => {
    count++;
    if (count === at && side === 'before') process.kill(process.pid, 'SIGSTOP');
    const result = work();
    if (count === at && side === 'after') process.kill(process.pid, 'SIGSTOP');
    return result;
  };
  NftablesSocket.prototype.commit = function (requests) {
    around(() => commit.call(this, requests));
  };
  NftablesSocket.prototype.repeat = function (transaction) {
    return around(() => repeat.call(this, transaction));
  };
}

if (import.meta.main) run(JSON.parse(process.argv[2] ?? '') as Task);
