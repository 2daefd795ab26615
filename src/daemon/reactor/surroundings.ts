/**
 * What the kernel tells about the world around: carrier of the interfaces, hosts in the neighbour table, and what
 * others do to our addresses. Restores what was taken away, re-arms the fence when interfaces appear.
 */
import { type RouteEvent, RouteMonitor } from '../../linux/route/monitor.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import type { Link, Neighbour } from '../../linux/route/values.ts';
import type { IpAddress, MacAddress } from '../../wire/address.ts';

/** Neighbour states in which the kernel knows the MAC: REACHABLE, STALE, DELAY, PROBE, PERMANENT. */
const resolved = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

export interface Surrounded {
  /** Carrier of a watched interface changed. */
  carrier(interfaceName: string, up: boolean): void;
  /** An interface appeared or came back under another index (`rebind`), or has another MAC. */
  appeared(interfaceName: string, rebind: boolean): void;
  /** Something happened to an address or the state of the device with this index. */
  disturbed(index: number): void;
  host(index: number, address: IpAddress, mac: MacAddress): void;
}

export class Surroundings {
  readonly #monitor: RouteMonitor = RouteMonitor.open();
  readonly #route: RouteSocket = RouteSocket.open();
  readonly #links: Map<string, Link> = new Map();
  readonly #told: Surrounded;

  constructor(told: Surrounded) {
    this.#told = told;
  }

  get fd(): number {
    return this.#monitor.fd;
  }

  /** Reads everything the kernel knows now; later changes arrive by `receive`. */
  survey(): void {
    const present = new Set<string>();
    for (const link of this.#route.links()) {
      present.add(link.name);
      this.#link(link);
    }
    for (const name of this.#links.keys()) if (!present.has(name)) this.#gone(name);
    for (const neighbour of this.#route.neighbours()) this.#neighbour(neighbour);
  }

  carrierOf(interfaceName: string): boolean {
    return this.#links.get(interfaceName)?.carrier ?? false;
  }

  receive(): void {
    if (this.#monitor.receive((event) => this.#hear(event)) === 'overrun') {
      this.survey();
      for (const link of this.#links.values()) this.#told.disturbed(link.index);
    }
  }

  close(): void {
    this.#monitor.close();
    this.#route.close();
  }

  #hear(event: RouteEvent): void {
    if (event.kind === 'link') {
      if (event.removed) this.#gone(event.link.name);
      else this.#link(event.link);
      this.#told.disturbed(event.link.index);
    } else if (event.kind === 'address') {
      if (event.removed) this.#told.disturbed(event.address.index);
    } else if (event.kind === 'neighbour' && !event.removed) {
      this.#neighbour(event.neighbour);
    }
  }

  #link(link: Link): void {
    const known = this.#links.get(link.name);
    for (const other of this.#links.values()) {
      if (other.index === link.index && other.name !== link.name) this.#gone(other.name); // renamed
    }
    // Some events of a link leave the MAC out: that says nothing.
    const mac = link.mac ?? known?.mac;
    this.#links.set(link.name, mac === undefined ? link : { ...link, mac });
    if (known?.index !== link.index) this.#told.appeared(link.name, true);
    else if (known.mac !== mac) this.#told.appeared(link.name, false);
    if (known === undefined || known.carrier !== link.carrier) this.#told.carrier(link.name, link.carrier);
  }

  #gone(name: string): void {
    const known = this.#links.get(name);
    if (known === undefined) return;
    this.#links.delete(name);
    if (known.carrier) this.#told.carrier(name, false);
  }

  #neighbour(neighbour: Neighbour): void {
    if (neighbour.mac === undefined || (neighbour.state & resolved) === 0) return;
    this.#told.host(neighbour.index, neighbour.address, neighbour.mac);
  }
}
