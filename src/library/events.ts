/** What a shadow tells its program. */
import type { Claim } from '../mirror/sink.ts';
import type { StandbyView } from '../mirror/source.ts';
import type { Term } from '../wire/control/message.ts';

export interface Activation {
  readonly term: Term;
  /**
   * What the state is worth: `complete`: everything that was ever resolved; `uncertain`: commits may be missing;
   * `nothing`: there never was one here, the program begins anew.
   */
  readonly state: Claim;
}

export interface ShadowEvents {
  /** The role is ours, and the state is what was committed. */
  readonly active: [activation: Activation];
  /** The role is not ours any more; what was not resolved will not be. */
  readonly standby: [];
  /** Something about a standby changed, seen from the active side. */
  readonly standbys: [standbys: readonly StandbyView[]];
  /** Something that an operator should know, in a sentence. */
  readonly trouble: [what: string];
}
