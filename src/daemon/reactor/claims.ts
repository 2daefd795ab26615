/**
 * Somebody says by ARP or neighbour discovery that one of our addresses is his: the operator is told, the engine decides
 * what follows. A storm of claims says nothing new and must not take the turns of the loop.
 */
import type { IpAddress, MacAddress } from '../../wire/address.ts';
import type { GroupId, NodeId } from '../../wire/control/message.ts';
import type { ReactorConfig, ReactorReport } from '../bridge.ts';
import { addressOf } from './paths.ts';
import { describeClaim } from './responder.ts';

/** So often at most one group's claims are reported, microseconds. */
const reportIntervalUs = 1_000_000;
/** So often at most the engine hears of claims of one group, microseconds. */
const feedIntervalUs = 50_000;

export interface ClaimsListener {
  /** The MAC the kernel has for a node's address, if any. */
  macOf(address: IpAddress): MacAddress | undefined;
  claimed(group: GroupId, by: NodeId | 0): void;
  report(report: ReactorReport): void;
}

export class Claims {
  readonly #config: ReactorConfig;
  readonly #told: ClaimsListener;
  readonly #fedUs: Map<GroupId, number> = new Map();
  /** Heard too soon after the one before: the engine hears of the last of them when the interval is over. */
  readonly #owed: Map<GroupId, MacAddress> = new Map();
  readonly #reportedUs: Map<GroupId, number> = new Map();

  constructor(config: ReactorConfig, told: ClaimsListener) {
    this.#config = config;
    this.#told = told;
  }

  /** While the group's addresses are answered for here. */
  hear(group: GroupId, address: IpAddress, mac: MacAddress, nowUs: number): void {
    if (isDue(this.#reportedUs, group, nowUs, reportIntervalUs)) {
      this.#told.report({ code: 'foreignClaim', group, ...describeClaim(address, mac) });
    }
    this.#owed.set(group, mac);
    this.proceed(nowUs);
  }

  /** When the engine is to hear of what it has not heard yet; infinity: it has heard all. */
  get dueUs(): number {
    let dueUs = Number.POSITIVE_INFINITY;
    for (const group of this.#owed.keys())
      dueUs = Math.min(dueUs, (this.#fedUs.get(group) ?? Number.NEGATIVE_INFINITY) + feedIntervalUs);
    return dueUs;
  }

  /** Feeds what is due: hosts believe the last claim, so the last one must not go unanswered. */
  proceed(nowUs: number): void {
    for (const [group, mac] of this.#owed) {
      if (!isDue(this.#fedUs, group, nowUs, feedIntervalUs)) continue;
      this.#owed.delete(group);
      this.#told.claimed(group, this.#ownerOf(group, mac));
    }
  }

  /** Whose MAC it is: a node of the group, or 0. */
  #ownerOf(group: GroupId, mac: MacAddress): NodeId | 0 {
    const link = this.#config.groups.find(({ id }) => id === group);
    const owner = link?.memberAddresses.find(({ addresses }) =>
      addresses.some((address) => this.#told.macOf(addressOf(address)) === mac),
    );
    return owner?.member ?? 0;
  }
}

function isDue(last: Map<GroupId, number>, group: GroupId, nowUs: number, intervalUs: number): boolean {
  if (nowUs - (last.get(group) ?? Number.NEGATIVE_INFINITY) < intervalUs) return false;
  last.set(group, nowUs);
  return true;
}
