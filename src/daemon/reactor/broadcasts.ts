/**
 * What is said to everybody on a LAN about a group's addresses: announcements, and probes before the first one. Made in
 * advance, because a takeover sends them in the same turn; those of a large group leave a slice per turn.
 */
import { type IpAddress, isIpv4, type MacAddress } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import {
  arpAnnouncementReply,
  arpAnnouncementRequest,
  arpProbe,
  neighbourProbe,
  unsolicitedAdvertisement,
} from '../../wire/frame.ts';

/** So many frames leave in one turn. */
const sliceLength = 64;

type Frames = readonly Uint8Array[];

export class Broadcasts {
  readonly #addresses: ReadonlyMap<GroupId, readonly IpAddress[]>;
  readonly #announcements: Map<GroupId, Frames> = new Map();
  readonly #probes: Map<GroupId, Frames> = new Map();
  readonly #rounds: Map<GroupId, { readonly frames: Frames; next: number }> = new Map();
  #announcementOf: (address: IpAddress) => Frames = () => [];

  constructor(addresses: ReadonlyMap<GroupId, readonly IpAddress[]>) {
    this.#addresses = addresses;
  }

  /** Everything anew, said by this MAC. */
  make(mac: MacAddress, router: boolean): void {
    this.#announcementOf = (address) =>
      isIpv4(address)
        ? [arpAnnouncementReply(mac, address), arpAnnouncementRequest(mac, address)]
        : [unsolicitedAdvertisement(mac, address, router)];
    for (const [group, addresses] of this.#addresses) {
      this.#announcements.set(group, addresses.flatMap(this.#announcementOf));
      const probe = (address: IpAddress): Uint8Array =>
        isIpv4(address) ? arpProbe(mac, address) : neighbourProbe(mac, address);
      this.#probes.set(group, addresses.map(probe));
    }
  }

  /** Each address of the group, or these of them. Replaces what is still to be said about the group. */
  announce(group: GroupId, addresses?: Iterable<IpAddress>): void {
    const frames =
      addresses === undefined ? this.#announcements.get(group) : [...addresses].flatMap(this.#announcementOf);
    this.#begin(group, frames);
  }

  probe(group: GroupId): void {
    this.#begin(group, this.#probes.get(group));
  }

  get pending(): boolean {
    return this.#rounds.size > 0;
  }

  /** The group is ours no longer: nothing more is said for it. */
  drop(group: GroupId): void {
    this.#rounds.delete(group);
  }

  /** The next frames to send: of the group, or of the one that has waited longest. */
  slice(group: GroupId | undefined = this.#rounds.keys().next().value): Frames {
    const round = group === undefined ? undefined : this.#rounds.get(group);
    if (group === undefined || round === undefined) return [];
    const from = round.next;
    round.next += sliceLength;
    if (round.next >= round.frames.length) this.#rounds.delete(group);
    return round.frames.slice(from, round.next);
  }

  #begin(group: GroupId, frames: Frames = []): void {
    this.#rounds.set(group, { frames, next: 0 });
  }
}
