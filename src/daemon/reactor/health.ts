/** Whether a group can be served from here: the word of its checks, and the carrier of its LAN. */
import type { GroupId } from '../../wire/control/message.ts';
import type { GroupLink } from '../bridge.ts';

interface Word {
  readonly healthy: boolean;
  readonly reason: string;
}

export class Health {
  readonly #groups: readonly GroupLink[];
  readonly #carrierOf: (interfaceName: string) => boolean;
  readonly #checks: Map<GroupId, Word> = new Map();

  constructor(groups: readonly GroupLink[], carrierOf: (interfaceName: string) => boolean) {
    this.#groups = groups;
    this.#carrierOf = carrierOf;
  }

  /** The word of a group's checks. */
  check(group: GroupId, word: Word): void {
    this.#checks.set(group, word);
  }

  /** Without carrier on its LAN nobody can be served from here, whatever the checks say. */
  of(group: GroupId): Word {
    const link = this.#groups.find((one) => one.id === group);
    const checks = this.#checks.get(group) ?? {
      healthy: link?.checked !== true,
      reason: 'no check has run yet',
    };
    if (link === undefined || this.#carrierOf(link.interface)) return checks;
    return { healthy: false, reason: `${link.interface} has no carrier` };
  }
}
