/**
 * The interfaces that groups are served on, as ports of a switch: one that has just got carrier may pass nothing for as
 * long as spanning tree listens and learns. Until a frame has come, others are asked who they are: one that hears it
 * answers. The answers also tell later whose a claim is (`claims.ts`).
 */
import type { Event } from '../../engine/event.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { GroupLink } from '../bridge.ts';
import type { Claims } from './claims.ts';
import type { Groups } from './groups.ts';

/** So many hosts are asked beside the places of the groups. */
const hostsAsked = 8;

export interface PortsListener {
  feed(event: Event): void;
  /** The kernel is to ask for the physical addresses of these. */
  ask(interfaceName: string, addresses: readonly IpAddress[]): void;
}

export class Ports {
  readonly #links: readonly GroupLink[];
  readonly #groups: Groups;
  readonly #claims: Claims;
  readonly #told: PortsListener;
  /** Ports whose first frame is awaited, and for how many looks more others are asked. */
  readonly #silent: Map<string, number> = new Map();

  constructor(links: readonly GroupLink[], groups: Groups, claims: Claims, told: PortsListener) {
    this.#links = links;
    this.#groups = groups;
    this.#claims = claims;
    this.#told = told;
  }

  /** It got carrier. `looks`: for how many of them it may be silent. */
  rose(name: string, looks: number): void {
    if (!this.#links.some((link) => link.interface === name)) return;
    this.#silent.set(name, looks);
    this.#groups.awaitTraffic(name);
    this.#feed(name, false);
    this.#ask(name);
    this.evidence(name);
  }

  /** Its first frame came. */
  passes(name: string): void {
    this.#silent.delete(name);
    this.#feed(name, true);
  }

  /** Hosts there must be told again. */
  evidence(name: string): void {
    for (const { id, interface: on } of this.#links) {
      if (on === name) this.#told.feed({ kind: 'evidence', group: id, reason: 'carrierReturned' });
    }
  }

  /** Once a second. */
  look(): void {
    for (const [name, looks] of this.#silent) {
      if (looks <= 0) this.#silent.delete(name);
      else this.#silent.set(name, looks - 1);
      this.#ask(name);
    }
  }

  #ask(name: string): void {
    const hosts = this.#groups.responders.get(name)?.hosts.all.slice(-hostsAsked) ?? [];
    const addresses = [...this.#claims.placesOn(name), ...hosts];
    if (addresses.length > 0) this.#told.ask(name, addresses);
  }

  #feed(name: string, passes: boolean): void {
    for (const { id, interface: on } of this.#links) {
      if (on === name) this.#told.feed({ kind: 'port', group: id, passes });
    }
  }
}
