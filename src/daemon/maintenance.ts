/** Maintenance as the control plane sees it: what is pinned is kept on the disk, and requests are answered when it is. */
import { CodedError, describeFailure } from '../api/errors.ts';
import type { Status } from '../api/types.ts';
import type { PinnedRole } from '../engine/pin.ts';
import type { Journal } from './events/journal.ts';
import type { Pins } from './state/pins.ts';

export class Maintenance {
  readonly #pins: Pins;
  readonly #journal: Journal;
  readonly #known: Map<string, PinnedRole | null>;
  /** Why the last write failed, once it is over. */
  #kept: Promise<string | undefined> = Promise.resolve(undefined);

  /** `found`: what the disk says of earlier lives. */
  constructor(pins: Pins, found: ReadonlyMap<string, PinnedRole>, journal: Journal) {
    this.#pins = pins;
    this.#journal = journal;
    this.#known = new Map(found);
  }

  /** The engine says what is pinned now. */
  changed(group: string, role: PinnedRole | null): void {
    if ((this.#known.get(group) ?? null) === role) return;
    this.#known.set(group, role);
    this.#kept = this.#keep(group, role);
  }

  /** Resolves when the disk has what the engine said. @throws CodedError stateUnusable */
  async kept(): Promise<void> {
    const why = await this.#kept;
    if (why === undefined) return;
    throw new CodedError('stateUnusable', why, 'what was asked holds until the daemon ends; check its disk');
  }

  async #keep(group: string, role: PinnedRole | null): Promise<string | undefined> {
    try {
      await this.#pins.set(group, role);
      return undefined;
    } catch (error) {
      const { message } = describeFailure(error);
      this.#journal.say('maintenanceNotKept', `${group}: ${message}`, { group });
      return message;
    }
  }
}

/**
 * A switchover moves no pinned role: neither from an active member that is in maintenance nor to a standby that is.
 * @throws CodedError inMaintenance
 */
export function refusePinned({ node, groups }: Status, name: string, to: string | undefined): void {
  const group = groups.find((each) => each.name === name);
  if (group === undefined) return;
  const pinned = group.others.filter(({ maintenance }) => maintenance).map((other) => other.name);
  if (group.maintenance !== null) pinned.push(node);
  for (const member of [group.active, to]) {
    if (member === null || member === undefined || !pinned.includes(member)) continue;
    const what =
      member === to ? `${member} is in maintenance` : `${member}, which is active, is in maintenance`;
    throw new CodedError(
      'inMaintenance',
      `${name}: ${what}`,
      `on ${member}: understudy maintenance ${name} off`,
    );
  }
}
