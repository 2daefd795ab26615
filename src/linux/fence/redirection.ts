/** Where packets for a group go instead of here: on to another member, or into a TAP. */
import type { Ipv4Address, Ipv6Address } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { findInterface } from '../interfaces.ts';
import { type Expression, forward, forwardVia } from '../nftables/expression.ts';
import { flushChain, type NftablesRequest, newRule, type Table } from '../nftables/request.ts';
import { addressBytes } from '../route/requests.ts';
import { arrivingChain, deliveredChain, type FencedGroup } from './config.ts';
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

  /**
   * The groups' rules for arriving packets anew: of all groups that are redirected, and of `also`, one that is no more.
   * A redirection whose device is missing waits for it; its packets are refused.
   */
  requests(also?: FencedGroup): NftablesRequest[] {
    const redirected = [...this.#forwarded.values(), ...this.#diverted.values()].map(({ group }) => group);
    const groups = new Map(
      [...(also === undefined ? [] : [also]), ...redirected].map((one) => [one.id, one]),
    );
    return [...groups.values()].flatMap((group) => {
      const forwarding = this.#forwardingOf(group);
      return [
        flushChain(this.#table, arrivingChain(group)),
        ...arrivingRules(this.#table, group, [...forwarding, ...this.#divertingOf(group)]),
        flushChain(this.#table, deliveredChain(group)),
        ...forwarding.map((rule) => newRule(this.#table, deliveredChain(group), rule)),
      ];
    });
  }

  // Interfaces are asked for one by one: for a list of all, the kernel takes a lock which somebody who makes or removes
  // containers can hold for tens of milliseconds.
  #forwardingOf({ id }: FencedGroup): Rule[] {
    const forwarded = this.#forwarded.get(id);
    const lan = forwarded && findInterface(forwarded.group.interface);
    if (forwarded === undefined || lan === undefined) return [];
    return (['v4', 'v6'] as const).flatMap((family) => {
      const peer = forwarded.peers[family];
      return peer === undefined ? [] : [[...isFamily[family], ...forwardVia(lan, addressBytes(peer))]];
    });
  }

  #divertingOf({ id }: FencedGroup): Rule[] {
    const diverted = this.#diverted.get(id);
    const device = diverted && findInterface(diverted.tap);
    return device === undefined ? [] : [forward(device)];
  }
}
