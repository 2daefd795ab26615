/**
 * How a standby reaches the active member: over the paths in their order, one connection at a time. When a connection
 * breaks, or cannot be made, the next path is tried at once; after a round in vain there is a pause that grows.
 */
import { connect, type Socket } from 'node:net';
import type { LinkEnd } from '../mirror/link-end.ts';
import { Pump } from './pump.ts';

/** How long a connection may take to be made before the next path is tried, milliseconds. */
const connectTimeoutMs = 300;
/** Pauses between rounds in vain, milliseconds. */
const pauseMinMs = 20;
const pauseMaxMs = 500;
/** A connection that lasted so long was a good one: the path has broken, which is no failure to connect. Milliseconds. */
const goodAfterMs = 1000;

export interface Route {
  readonly localAddress: string;
  readonly address: string;
  readonly port: number;
}

export interface Target {
  readonly member: string;
  readonly routes: readonly Route[];
}

export interface DialerOwner {
  /** An end for a connection that was made. */
  connected(member: string): LinkEnd;
  changed(): void;
}

export class Dialer {
  readonly #owner: DialerOwner;
  #target: Target | undefined;
  #nth = 0;
  #inVain = 0;
  #pauseMs = pauseMinMs;
  #socket: Socket | undefined;
  #pump: Pump | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(owner: DialerOwner) {
    this.#owner = owner;
  }

  /** From now on the connection is to this member; undefined: to nobody. */
  aim(target: Target | undefined): void {
    if (JSON.stringify(target) === JSON.stringify(this.#target)) return;
    this.#target = target;
    this.#nth = 0;
    this.#inVain = 0;
    this.#pauseMs = pauseMinMs;
    this.#drop();
    this.#dial();
  }

  write(): void {
    this.#pump?.write();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#pump = undefined;
    socket?.destroy();
  }

  #dial(): void {
    const target = this.#target;
    const route = target?.routes[this.#nth % target.routes.length];
    if (target === undefined || route === undefined) return;
    const { address: host, port, localAddress } = route;
    const socket = connect({ host, port, localAddress });
    this.#socket = socket;
    let connectedMs = Number.POSITIVE_INFINITY;
    this.#timer = setTimeout(() => socket.destroy(), connectTimeoutMs);
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      clearTimeout(this.#timer);
      connectedMs = performance.now();
      if (socket !== this.#socket) return;
      this.#pump = new Pump(socket, this.#owner.connected(target.member), () => this.#owner.changed());
      this.#pump.write();
    });
    socket.once('close', () => {
      if (socket === this.#socket) this.#next(performance.now() - connectedMs >= goodAfterMs);
    });
  }

  /** The connection is over, or could not be made. */
  #next(good: boolean): void {
    clearTimeout(this.#timer);
    this.#socket = undefined;
    this.#pump = undefined;
    this.#nth++;
    if (good) {
      this.#inVain = 0;
      this.#pauseMs = pauseMinMs;
    } else {
      this.#inVain++;
    }
    if (this.#inVain < (this.#target?.routes.length ?? 0)) return this.#dial();
    this.#inVain = 0;
    this.#timer = setTimeout(() => this.#dial(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, pauseMaxMs);
  }
}
