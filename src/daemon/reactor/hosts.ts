/**
 * The hosts of one LAN that may hold an entry for a group address: those in the kernel's neighbour table, and those
 * heard asking or announcing. Each gets the unicast question after an announcement.
 */
import { type IpAddress, isMulticastMac, type MacAddress } from '../../wire/address.ts';

/** Bound on what strangers can make us remember; the one heard longest ago goes first. */
const hostsMax = 2048;

export class Hosts {
  readonly #silent: ReadonlySet<IpAddress>;
  readonly #byAddress: Map<IpAddress, MacAddress> = new Map();

  /** `silent`: addresses nobody asks: the group's own, and members', since a standby that has them cannot answer. */
  constructor(silent: ReadonlySet<IpAddress>) {
    this.#silent = silent;
  }

  learn(address: IpAddress, mac: MacAddress): void {
    if (Number(address) === 0 || mac === 0 || isMulticastMac(mac) || this.#silent.has(address)) return;
    // Deleted first, so that it moves to the end: who was heard just now is the last to be forgotten.
    if (!this.#byAddress.delete(address) && this.#byAddress.size >= hostsMax) {
      const [oldest] = this.#byAddress.keys();
      if (oldest !== undefined) this.#byAddress.delete(oldest);
    }
    this.#byAddress.set(address, mac);
  }

  macOf(address: IpAddress): MacAddress | undefined {
    return this.#byAddress.get(address);
  }

  /** As of now. */
  get all(): readonly IpAddress[] {
    return [...this.#byAddress.keys()];
  }
}
