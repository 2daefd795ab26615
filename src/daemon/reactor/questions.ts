/**
 * The questions still to be put after an announcement, a slice per turn: a LAN may hold thousands of hosts (or somebody
 * who pretends so), and neither the lease nor a heartbeat may wait for them.
 */
import { type IpAddress, isIpv4, type MacAddress } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { arpQuestion, neighbourQuestion } from '../../wire/frame.ts';
import type { Hosts } from './hosts.ts';

/** So many leave in one turn: some 100 µs. */
const sliceLength = 128;

interface Round {
  readonly group: GroupId;
  readonly about: IpAddress;
  readonly hosts: readonly IpAddress[];
  next: number;
}

export class Questions {
  #rounds: Round[] = [];

  get pending(): boolean {
    return this.#rounds.length > 0;
  }

  /** "Who has HOST, tell `about`", to each host of its family. Replaces a round about it that is still going on. */
  begin(group: GroupId, about: IpAddress, hosts: readonly IpAddress[]): void {
    this.#rounds = this.#rounds.filter((round) => round.about !== about);
    if (hosts.length > 0) this.#rounds.push({ group, about, hosts, next: 0 });
  }

  /** The group is ours no longer: nothing more is said for it. */
  drop(group: GroupId): void {
    this.#rounds = this.#rounds.filter((round) => round.group !== group);
  }

  /** The next frames to send. */
  slice(ours: MacAddress, hosts: Hosts): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (
      let round = this.#rounds[0];
      round !== undefined && frames.length < sliceLength;
      round = this.#rounds[0]
    ) {
      const host = round.hosts[round.next++];
      if (host === undefined) {
        this.#rounds.shift();
        continue;
      }
      const mac = hosts.macOf(host);
      if (mac === undefined) continue;
      const { about } = round;
      if (isIpv4(about) && isIpv4(host)) frames.push(arpQuestion(ours, about, mac, host));
      else if (!isIpv4(about) && !isIpv4(host)) frames.push(neighbourQuestion(ours, about, mac, host));
    }
    return frames;
  }
}
