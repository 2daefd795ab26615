/** The socket of a connection that the other machine's kernel accepted: as the client knows it, in the middle of the connection. */
import { monotonicUs } from '../linux/clock.ts';
import { OperationError } from '../linux/errors.ts';
import { ServiceSocket } from '../linux/service-socket.ts';
import { openRepaired } from '../linux/tcp-repair.ts';
import type { SocketPlan } from '../sessions/handshake.ts';
import { add } from '../sessions/sequence.ts';

/** As much as the active may have promised in our name, bytes. */
const receiveWindow = { scaled: 8 << 20, plain: 65_535 } as const;

export function receiveWindowOf({ windowScale }: SocketPlan): number {
  return windowScale === undefined ? receiveWindow.plain : receiveWindow.scaled;
}

/** `sinceUs`: when its SYN was here. Undefined: the kernel cannot make it. */
export function openReplica(plan: SocketPlan, sinceUs: number): ServiceSocket | undefined {
  try {
    const timestamp = clockNow(plan, sinceUs);
    return new ServiceSocket(openRepaired({ ...plan, receiveWindow: receiveWindowOf(plan), timestamp }));
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    return undefined;
  }
}

/** What the active's clock shows now, at most: it answered the SYN after we had it. */
function clockNow(plan: SocketPlan, sinceUs: number): number | undefined {
  if (plan.timestamp === undefined) return undefined;
  return add(plan.timestamp, Math.ceil((monotonicUs() - sinceUs) / 1000) + 1);
}
