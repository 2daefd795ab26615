/**
 * A kind of mirrored state, as the shadow sees it. On the active side it gathers what changed since the last commit; on the
 * standby it takes what was committed. Snapshots show committed state only, however far the program is with its changes.
 */
import type { SnapshotSource } from '../mirror/source.ts';

export interface MirroredState extends SnapshotSource {
  /** Something changed since the last `gather`. */
  readonly dirty: boolean;
  /** The records of what changed; from now on it counts as committed. */
  gather(): Uint8Array[];
  /** Forgets what changed since the last `gather`. */
  rollback(): void;
  /** Standby: another state is coming; what is applied until `replace` belongs to it. */
  begin(): void;
  /** Standby: a record or a piece of a snapshot. */
  apply(bytes: Uint8Array): void;
  /** Standby: the other state is whole, and is the state from now on. */
  replace(): void;
  /** Standby: the other state will not come. */
  abandon(): void;
}
