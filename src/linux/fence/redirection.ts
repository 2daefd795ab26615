/** Where packets for a group go instead of here: on to another member, or into a TAP. */
import { type IpAddress, type Ipv4Address, type Ipv6Address, isIpv4 } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { type Expression, forward, forwardVia, is } from '../nftables/expression.ts';
import { flushChain, type NftablesRequest, type Table } from '../nftables/request.ts';
import { addressBytes } from '../route/requests.ts';
import type { Link } from '../route/values.ts';
import type { FencedGroup } from './config.ts';
import { arriving4, arriving6, frameDestination4, frameDestination6 } from './ruleset.ts';

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

  /** The rules for arriving packets anew. A redirection whose device is missing waits for it; its packets are refused. */
  requests(links: readonly Link[]): NftablesRequest[] {
    const indexes = new Map(links.map((link) => [link.name, link.index]));
    const rules = { v4: [] as Rule[], v6: [] as Rule[] };
    const add = (address: IpAddress, action: Rule): void => {
      const field = isIpv4(address) ? frameDestination4 : frameDestination6;
      (isIpv4(address) ? rules.v4 : rules.v6).push([...field, is('equal', addressBytes(address)), ...action]);
    };
    for (const { group, peers } of this.#forwarded.values()) {
      const lan = indexes.get(group.interface);
      for (const address of group.addresses) {
        const peer = isIpv4(address) ? peers.v4 : peers.v6;
        if (lan !== undefined && peer !== undefined) add(address, forwardVia(lan, addressBytes(peer)));
      }
    }
    for (const { group, tap } of this.#diverted.values()) {
      const device = indexes.get(tap);
      for (const address of group.addresses) if (device !== undefined) add(address, forward(device));
    }
    return [
      flushChain(this.#table, 'arriving4'),
      flushChain(this.#table, 'arriving6'),
      ...arriving4(this.#table, rules.v4),
      ...arriving6(this.#table, rules.v6),
    ];
  }
}
