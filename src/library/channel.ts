/**
 * A kind of mirrored state, as the shadow sees it. On the active side it tells what changed since the last commit; on the
 * standby it takes what was committed. Snapshots show committed state only, however far the program is with its changes.
 */
import type { SnapshotSource } from '../mirror/source.ts';

export interface MirroredState extends SnapshotSource {
  /** Something may have changed since the last `keep`. */
  readonly dirty: boolean;
  /** The records of what changed, which stays a change until `keep`. Throws when a value cannot be cloned. */
  changes(): Uint8Array[];
  /** The changes count as committed. */
  keep(): void;
  /** Forgets the changes since the last `keep`. */
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
