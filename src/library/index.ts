/** What the package `understudy` offers to authors of programs: docs/MIRRORING.md. */
import { MirroredServer, type MirroredServerOptions } from './mirrored/server.ts';
import type { MirroredSocket } from './mirrored/socket.ts';
import type { ShadowOptions } from './options.ts';
import { Shadow } from './shadow.ts';

/**
 * A program's state, mirrored to the program on the standby. Add kinds of state, then `start`. Throws MirrorError
 * `badOption`.
 */
export function shadow(options: ShadowOptions): Shadow {
  return new Shadow(options);
}

/** A server whose copies run on both machines, fed the same by their relays. `onConnection` gets streams like `net.Socket`. */
export function mirroredServer(
  options: MirroredServerOptions,
  onConnection: (socket: MirroredSocket) => void,
): MirroredServer {
  return new MirroredServer(options, onConnection);
}

export type { Claim } from '../mirror/sink.ts';
export type { StandbyView } from '../mirror/source.ts';
export type { MirroredCell } from './cell.ts';
export { MirrorError, type MirrorErrorCode } from './errors.ts';
export type { Activation, ShadowEvents } from './events.ts';
export type { HandoffOptions } from './handoff.ts';
export type { MirroredLog } from './log.ts';
export type { MirroredMap } from './map.ts';
export type { MirroredServer, MirroredServerOptions } from './mirrored/server.ts';
export type { MirroredSocket } from './mirrored/socket.ts';
export type { MirroredTimer } from './mirrored/timers.ts';
export type { ShadowOptions } from './options.ts';
export type { GuardedSocket } from './output.ts';
export type { MirroredRegion } from './region.ts';
export type { Shadow } from './shadow.ts';
export type { Resolution } from './waiters.ts';
