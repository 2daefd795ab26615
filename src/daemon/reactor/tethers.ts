/**
 * Tethers: a TCP connection to each peer that carries one sealed greeting each way and then nothing. When the peer's
 * process dies, its kernel closes the connection, and that is the fastest sign of death there is. On a direct cable
 * it is proof; on any other path somebody between could have said it, so there it only shortens patience.
 *
 * The member with the higher id connects, once the peer's boot is proven on that path; the other listens. Both
 * greetings echo the other's boot nonce, so a tether belongs to one boot of each side.
 */

import { Stream, StreamListener } from '../../linux/stream-socket.ts';
import type { IpAddress } from '../../wire/address.ts';
import { type BootNonce, ControlType, MemberState, type NodeId, noTerm } from '../../wire/control/message.ts';
import { addressOf, type Outgoing, type Path, type Paths } from './paths.ts';
import type { Watch } from './watch.ts';

/** How long a connection may take to prove itself, and how long to wait between attempts, microseconds. */
const patienceUs = 1_000_000;
const retryUs = 100_000;
/** Connections that have not greeted yet, per listener: more than the peers there are is somebody else's noise. */
const unprovenMax = 8;

const greeting: Outgoing = {
  type: ControlType.tether,
  flags: 0,
  scope: 0,
  term: noTerm,
  state: MemberState.starting,
  intervalUs: 0,
  groups: [],
  target: 0,
};

interface Tether {
  readonly stream: Stream;
  readonly startedUs: number;
  /** Known from the start when we connect; from the greeting when we accept. */
  path: Path | undefined;
  readonly outgoing: boolean;
  connected: boolean;
  /** The peer's boot this tether is bound to; 0 until its greeting was believed. */
  boot: BootNonce;
  received: number;
  readonly inbox: Uint8Array;
}

export type TetherChange = (path: Path, up: boolean, proof: boolean, boot: BootNonce) => void;

export class Tethers {
  readonly #self: NodeId;
  readonly #paths: Paths;
  readonly #watch: Watch;
  readonly #changed: TetherChange;
  readonly #listeners: StreamListener[] = [];
  readonly #unproven: Set<Tether> = new Set();
  readonly #proven: Map<Path, Tether> = new Map();
  readonly #attemptAtUs: Map<Path, number> = new Map();

  constructor(self: NodeId, paths: Paths, watch: Watch, changed: TetherChange) {
    this.#self = self;
    this.#paths = paths;
    this.#watch = watch;
    this.#changed = changed;
    const listening = new Set<string>();
    for (const { link } of paths.all) {
      const key = `${link.interface} ${link.localAddress} ${link.port}`;
      if (!link.tether || self > link.peer || listening.has(key)) continue;
      listening.add(key);
      const listener = StreamListener.open({
        interface: link.interface,
        localAddress: addressOf(link.localAddress),
        port: link.port,
        minTtl: 255 - link.hops,
      });
      this.#listeners.push(listener);
      watch.readable(listener.fd, () => this.#accept(listener, watch.nowUs()));
    }
  }

  isUp(path: Path): boolean {
    return this.#proven.has(path);
  }

  /** Called for every believed message: connects when we are the one to connect and the peer's boot is proven. */
  tend(path: Path, nowUs: number): void {
    if (!path.link.tether || this.#self < path.link.peer) return;
    const held = this.#proven.get(path);
    if (held !== undefined && held.boot === path.freshness.proven) return;
    if (nowUs < (this.#attemptAtUs.get(path) ?? 0)) return;
    this.#attemptAtUs.set(path, nowUs + retryUs);
    this.#expire(nowUs);
    if ([...this.#unproven].some((one) => one.path === path)) return;
    if (held !== undefined) this.#drop(held);
    const stream = Stream.connect({
      interface: path.link.interface,
      localAddress: addressOf(path.link.localAddress),
      to: path.peerAddress,
      port: path.link.port,
      minTtl: 255 - path.link.hops,
      userTimeoutMs: patienceUs / 1000,
    });
    this.#begin(stream, path, nowUs);
  }

  close(): void {
    for (const listener of this.#listeners) {
      this.#watch.forget(listener.fd);
      listener.close();
    }
    for (const tether of [...this.#unproven, ...this.#proven.values()]) this.#drop(tether);
  }

  #accept(listener: StreamListener, nowUs: number): void {
    this.#expire(nowUs);
    for (let accepted = listener.accept(); accepted !== undefined; accepted = listener.accept()) {
      if (this.#unproven.size >= unprovenMax || !this.#isPeer(accepted.from)) {
        this.#paths.count('tetherRefused');
        accepted.stream.close();
        continue;
      }
      const { from } = accepted;
      this.#begin(accepted.stream, undefined, nowUs, (path) => path.peerAddress === from);
    }
  }

  #isPeer(from: IpAddress): boolean {
    return this.#paths.all.some((path) => path.link.tether && path.peerAddress === from);
  }

  #begin(stream: Stream, path: Path | undefined, nowUs: number, mine?: (path: Path) => boolean): void {
    const tether: Tether = {
      stream,
      startedUs: nowUs,
      path: path ?? this.#paths.all.find((one) => one.link.tether && mine?.(one) === true),
      outgoing: path !== undefined,
      connected: path === undefined,
      boot: 0,
      received: 0,
      inbox: new Uint8Array(2 + 512),
    };
    this.#unproven.add(tether);
    if (tether.outgoing) this.#watch.writable(stream.fd, () => this.#connected(tether));
    else this.#watch.readable(stream.fd, () => this.#read(tether));
  }

  #connected(tether: Tether): void {
    if (tether.stream.connectError() !== 0) return this.#drop(tether);
    tether.connected = true;
    this.#watch.forget(tether.stream.fd);
    this.#watch.readable(tether.stream.fd, () => this.#read(tether));
    this.#greet(tether);
  }

  #greet(tether: Tether): void {
    if (tether.path === undefined) return;
    const length = this.#paths.sealed(tether.path, greeting);
    const framed = new Uint8Array(2 + length);
    framed[0] = length >> 8;
    framed[1] = length & 0xff;
    framed.set(this.#paths.buffer.subarray(0, length), 2);
    if (tether.stream.write(framed) !== 0) this.#drop(tether);
  }

  #read(tether: Tether): void {
    for (;;) {
      const room = tether.inbox.subarray(tether.received);
      // After its greeting a tether is silent: whatever else comes is read and dropped, up to the end.
      const result = tether.stream.read(room.length > 0 ? room : new Uint8Array(256));
      if (result === 'again') return;
      if (result === 'end' || result === 'reset' || result === 'timeout') return this.#ended(tether, result);
      if (tether.boot !== 0) continue;
      tether.received += result.bytes;
      if (!this.#greeted(tether)) return;
    }
  }

  /** False when the tether was dropped. */
  #greeted(tether: Tether): boolean {
    const { inbox, received, path } = tether;
    const length = received >= 2 ? ((inbox[0] ?? 0) << 8) | (inbox[1] ?? 0) : 0;
    if (received < 2 || (received < 2 + length && length + 2 <= inbox.length)) return true;
    const message =
      path === undefined || length + 2 > inbox.length
        ? undefined
        : this.#paths.open(path, inbox.subarray(2, 2 + length));
    if (path === undefined || message === undefined || message.type !== ControlType.tether) {
      this.#paths.count('tetherRefused');
      this.#drop(tether);
      return false;
    }
    tether.boot = message.senderBoot;
    this.#unproven.delete(tether);
    const former = this.#proven.get(path);
    this.#proven.set(path, tether);
    if (former !== undefined) this.#release(former);
    if (!tether.outgoing) this.#greet(tether);
    this.#changed(path, true, path.link.cable, tether.boot);
    return true;
  }

  #ended(tether: Tether, how: 'end' | 'reset' | 'timeout'): void {
    const { path } = tether;
    const counted = path !== undefined && this.#proven.get(path) === tether;
    this.#drop(tether);
    if (counted) this.#changed(path, false, path.link.cable && how !== 'timeout', tether.boot);
  }

  /** Unproven connections that had their time are closed. */
  #expire(nowUs: number): void {
    for (const tether of this.#unproven) if (nowUs - tether.startedUs > patienceUs) this.#drop(tether);
  }

  #drop(tether: Tether): void {
    this.#unproven.delete(tether);
    if (tether.path !== undefined && this.#proven.get(tether.path) === tether)
      this.#proven.delete(tether.path);
    this.#release(tether);
  }

  #release(tether: Tether): void {
    this.#watch.forget(tether.stream.fd);
    tether.stream.close();
  }
}
