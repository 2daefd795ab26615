/**
 * The questions still to be put after an announcement, a slice per turn: a LAN may hold thousands of hosts (or somebody
 * who pretends so), a group a thousand addresses, and neither the lease nor a heartbeat may wait for them.
 */
import { type IpAddress, isIpv4, type MacAddress } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { arpQuestion, neighbourQuestion } from '../../wire/frame.ts';
import type { Hosts } from './hosts.ts';

/** So many leave in one turn: some 100 µs. */
const sliceLength = 128;

/** Each host is asked about each address of its family, address by address. */
interface Round {
  readonly addresses: readonly IpAddress[];
  readonly hosts: { readonly v4: readonly IpAddress[]; readonly v6: readonly IpAddress[] };
  nextAddress: number;
  nextHost: number;
}

export class Questions {
  readonly #rounds: Map<GroupId, Round> = new Map();

  get pending(): boolean {
    return this.#rounds.size > 0;
  }

  /** "Who has HOST, tell ADDRESS". Replaces a round of the group that is still going on. */
  begin(group: GroupId, addresses: readonly IpAddress[], hosts: readonly IpAddress[]): void {
    const v4 = hosts.filter((host) => isIpv4(host));
    const v6 = hosts.filter((host) => !isIpv4(host));
    if (hosts.length > 0) {
      this.#rounds.set(group, { addresses, hosts: { v4, v6 }, nextAddress: 0, nextHost: 0 });
    } else this.#rounds.delete(group);
  }

  /** The group is ours no longer: nothing more is said for it. */
  drop(group: GroupId): void {
    this.#rounds.delete(group);
  }

  /** The next frames to send. */
  slice(ours: MacAddress, hosts: Hosts): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const [group, round] of this.#rounds) {
      for (let more = true; more && frames.length < sliceLength; ) {
        const pair = next(round);
        more = pair !== undefined;
        const frame = pair && question(ours, pair, hosts);
        if (frame !== undefined) frames.push(frame);
      }
      if (round.nextAddress >= round.addresses.length) this.#rounds.delete(group);
    }
    return frames;
  }
}

interface Pair {
  readonly about: IpAddress;
  readonly host: IpAddress;
}

/** Undefined: that was all. */
function next(round: Round): Pair | undefined {
  for (;;) {
    const about = round.addresses[round.nextAddress];
    if (about === undefined) return undefined;
    const hosts = isIpv4(about) ? round.hosts.v4 : round.hosts.v6;
    const host = hosts[round.nextHost++];
    if (host !== undefined) return { about, host };
    round.nextAddress++;
    round.nextHost = 0;
  }
}

/** Undefined: the host has been forgotten. */
function question(ours: MacAddress, { about, host }: Pair, hosts: Hosts): Uint8Array | undefined {
  const mac = hosts.macOf(host);
  if (mac === undefined) return undefined;
  if (isIpv4(about) && isIpv4(host)) return arpQuestion(ours, about, mac, host);
  return !isIpv4(about) && !isIpv4(host) ? neighbourQuestion(ours, about, mac, host) : undefined;
}
