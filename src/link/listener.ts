/** Where standbys connect: the mirror's port on each of this member's own addresses. */
import { createServer, type Server, type Socket } from 'node:net';
import type { LinkEnd } from '../mirror/link-end.ts';
import { Pump } from './pump.ts';

/** So many connections at once, proven or not; another one is closed at once. */
const connectionsMax = 32;
/** How often binding is tried while the address is not there, milliseconds. */
const bindRetryMs = 250;

export interface Place {
  readonly address: string;
  readonly port: number;
}

export interface ListenerOwner {
  /** An end for a new connection; undefined: nobody is wanted now. */
  accept(): LinkEnd | undefined;
  changed(): void;
  /** A place that cannot be listened on now; it is tried again. */
  unable(place: Place, why: string): void;
}

export class Listener {
  readonly #owner: ListenerOwner;
  readonly #servers = new Map<string, Server>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #pumps: Pump[] = [];
  #closed = false;

  constructor(owner: ListenerOwner) {
    this.#owner = owner;
  }

  /** Listens on these places from now on, besides those it has. */
  listenOn(places: readonly Place[]): void {
    for (const place of places) {
      const name = `${place.address} ${place.port}`;
      if (this.#servers.has(name)) continue;
      const server = createServer((socket) => this.#connected(socket));
      this.#servers.set(name, server);
      this.#bind(server, place);
    }
  }

  /** Every connection writes what it has. */
  write(): void {
    this.#pumps = this.#pumps.filter((pump) => !pump.over);
    for (const pump of this.#pumps) pump.write();
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const server of this.#servers.values()) server.close();
    for (const pump of this.#pumps) pump.close();
  }

  #bind(server: Server, place: Place): void {
    let told = false;
    server.on('error', (error) => {
      if (!told) this.#owner.unable(place, error.message);
      told = true;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (!this.#closed) server.listen(place.port, place.address);
      }, bindRetryMs);
      this.#timers.add(timer);
    });
    server.listen(place.port, place.address);
  }

  #connected(socket: Socket): void {
    this.#pumps = this.#pumps.filter((pump) => !pump.over);
    const end = this.#pumps.length < connectionsMax ? this.#owner.accept() : undefined;
    if (end === undefined) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    const pump = new Pump(socket, end, () => this.#owner.changed());
    this.#pumps.push(pump);
    pump.write();
  }
}
