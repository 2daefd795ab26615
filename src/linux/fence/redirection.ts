/** Where packets for a group go instead of here: on to another member, or into a TAP. */
import type { Ipv4Address, Ipv6Address } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { type Expression, forward, forwardVia } from '../nftables/expression.ts';
import { flushChain, type NftablesRequest, type Table } from '../nftables/request.ts';
import { addressBytes } from '../route/requests.ts';
import type { Link } from '../route/values.ts';
import { arrivingChain, type FencedGroup } from './config.ts';
import { arrivingRules, isFamily } from './ruleset.ts';

interface Peers {
  readonly v4?: Ipv4Address;
  readonly v6?: Ipv6Address;
}

type Rule = readonly Expression[];

export class Redirections {
  readonly #table: Table;
  readonly #forwarded: Map<GroupId, { group: FencedGroup; peers: Peers }> = new Map();
  readonly #diverted: Map<GroupId, { group: FencedGroup; tap: string }> = new Map();

  constructor(table: Table) {
    this.#table = table;
  }

  forward(group: FencedGroup, peers: Peers): void {
    this.#forwarded.set(group.id, { group, peers });
  }

  /** False: it was not forwarded. */
  stopForwarding(group: GroupId): boolean {
    return this.#forwarded.delete(group);
  }

  divert(group: FencedGroup, tap: string): void {
    this.#diverted.set(group.id, { group, tap });
  }

  /** False: it was not diverted. */
  stopDiverting(group: GroupId): boolean {
    return this.#diverted.delete(group);
  }

  /** Nothing is forwarded or diverted. */
  get none(): boolean {
    return this.#forwarded.size === 0 && this.#diverted.size === 0;
  }

  /**
   * The groups' rules for arriving packets anew: of all groups that are redirected, and of `also`, one that is no more.
   * A redirection whose device is missing waits for it; its packets are refused.
   */
  requests(links: readonly Link[], also?: FencedGroup): NftablesRequest[] {
    const indexes = new Map(links.map((link) => [link.name, link.index]));
    const redirected = [...this.#forwarded.values(), ...this.#diverted.values()].map(({ group }) => group);
    const groups = new Map(
      [...(also === undefined ? [] : [also]), ...redirected].map((one) => [one.id, one]),
    );
    return [...groups.values()].flatMap((group) => [
      flushChain(this.#table, arrivingChain(group)),
      ...arrivingRules(this.#table, group, this.#rulesOf(group, indexes)),
    ]);
  }

  #rulesOf({ id }: FencedGroup, indexes: ReadonlyMap<string, number>): Rule[] {
    const rules: Rule[] = [];
    const forwarded = this.#forwarded.get(id);
    const lan = indexes.get(forwarded?.group.interface ?? '');
    for (const family of ['v4', 'v6'] as const) {
      const peer = forwarded?.peers[family];
      if (lan === undefined || peer === undefined) continue;
      rules.push([...isFamily[family], ...forwardVia(lan, addressBytes(peer))]);
    }
    const device = indexes.get(this.#diverted.get(id)?.tap ?? '');
    if (device !== undefined) rules.push(forward(device));
    return rules;
  }
}
