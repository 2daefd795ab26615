/** What the control socket can ask of the daemon. */
import type { MaintenanceResult, ReloadResult, Status } from '../../api/types.ts';
import type { OccurrenceRing } from '../events/ring.ts';
import type { HandoffDesk } from '../handoff.ts';

export interface ControlSurface {
  readonly ring: OccurrenceRing;
  readonly handoffs: HandoffDesk;
  /** Throws CodedError unknownGroup unless this node is a member of it. */
  requireGroup(name: string): void;
  status(): Promise<Status>;
  /** Passes the wish on to the reactor; how it ends is told by events. `to` undefined: the best standby. */
  switchover(group: string, to: string | undefined): Promise<void>;
  /** Pins this member's role in the group, or ends that; resolves when it survives a restart. */
  maintenance(group: string, on: boolean): Promise<MaintenanceResult>;
  reload(): ReloadResult;
}
