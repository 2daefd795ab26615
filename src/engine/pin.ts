/**
 * Maintenance: an operator has pinned what this member is in the group. Active, it keeps the role whatever its checks say,
 * and hands it to nobody but for an orderly stop; else it takes the role from nobody, whatever it sees. What others may
 * rely on stays: it yields to a higher term, and speaks only with the lease and, in a strict group, a majority's promises.
 */
import type { GroupId } from '../wire/control/message.ts';
import type { Context } from './context.ts';

/** What was pinned. A pinned active that lost the role for safety's sake takes it again, unless another member did. */
export type PinnedRole = 'active' | 'standby';

export class Pin {
  readonly #context: Context;
  readonly #group: GroupId;
  #role: PinnedRole | undefined;

  /** `role`: as it was in an earlier life. */
  constructor(context: Context, group: GroupId, role: PinnedRole | undefined) {
    this.#context = context;
    this.#group = group;
    if (role !== undefined) this.set(role, 'restored');
  }

  get role(): PinnedRole | undefined {
    return this.#role;
  }

  set(role: PinnedRole | undefined, why: 'operator' | 'restored' | 'heard'): void {
    if (role === this.#role) return;
    this.#role = role;
    this.#context.beatDue = true;
    this.#context.report({ code: 'maintenance', group: this.#group, role: role ?? null, why });
  }
}
