/**
 * Tethers: a TCP connection to each peer that carries one sealed greeting each way and then nothing. When the peer's
 * process dies, its kernel closes the connection, and that is the fastest sign of death there is. On a direct cable
 * it is proof; on any other path somebody between could have said it, so there it only shortens patience. A reset is no
 * proof anywhere: a kernel that gives a silent connection up, because of a cable that was out, resets it as well.
 *
 * The member with the higher id connects, once the peer's boot is proven on that path; the other listens. Both
 * greetings echo the other's boot nonce, so a tether belongs to one boot of each side. The connector confirms with one
 * byte: a greeting read long after it was sent may come from a connection that its sender has given up since.
 */

import { Stream, StreamListener } from '../../linux/stream-socket.ts';
import type { IpAddress } from '../../wire/address.ts';
import { type BootNonce, ControlType, MemberState, type NodeId, noTerm } from '../../wire/control/message.ts';
import { addressOf, type Outgoing, type Path, type Paths } from './paths.ts';
import type { Watch } from './watch.ts';

/** How long a connection may take to prove itself, and how long to wait between attempts, microseconds. */
const patienceUs = 1_000_000;
const retryUs = 100_000;
/** Connections that have not greeted yet: more than the peers there are is somebody else's noise. */
const unprovenMax = 8;

/** Enough for a greeting and its confirmation; somebody who talks without end does not hold the loop. */
const readsPerTurn = 8;
/** What the connector says when it has read the listener's greeting. */
const confirmation = Uint8Array.of(1);
/** Where bytes go that nobody reads. */
const afterwards = new Uint8Array(256);

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
  /** The peer's boot this tether is bound to; 0 until its greeting was believed. */
  boot: BootNonce;
  /** Both sides know that the other one has greeted. */
  proven: boolean;
  received: number;
  readonly inbox: Uint8Array;
}

interface Listening {
  readonly interface: string;
  readonly listener: StreamListener;
}

export type TetherChange = (path: Path, up: boolean, proof: boolean, boot: BootNonce) => void;

export class Tethers {
  readonly #self: NodeId;
  readonly #paths: Paths;
  readonly #watch: Watch;
  readonly #changed: TetherChange;
  #listeners: Listening[] = [];
  readonly #unproven: Set<Tether> = new Set();
  readonly #proven: Map<Path, Tether> = new Map();
  readonly #attemptAtUs: Map<Path, number> = new Map();

  constructor(self: NodeId, paths: Paths, watch: Watch, changed: TetherChange) {
    this.#self = self;
    this.#paths = paths;
    this.#watch = watch;
    this.#changed = changed;
    for (const name of new Set(paths.all.map(({ link }) => link.interface))) this.#listen(name);
  }

  /** The interface came back under a new index: what was bound to the old one is over, and proves nothing. */
  reopen(interfaceName: string): void {
    for (const tether of [...this.#unproven, ...this.#proven.values()]) {
      if (tether.path?.link.interface !== interfaceName) continue;
      const { path, boot, proven } = tether;
      this.#drop(tether);
      if (proven) this.#changed(path, false, false, boot);
    }
    for (const entry of this.#listeners.filter((one) => one.interface === interfaceName)) this.#deafen(entry);
    this.#listen(interfaceName);
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
    for (const entry of this.#listeners) this.#deafen(entry);
    for (const tether of [...this.#unproven, ...this.#proven.values()]) this.#drop(tether);
  }

  #listen(interfaceName: string): void {
    const listening = new Set<string>();
    for (const { link } of this.#paths.all) {
      const key = `${link.localAddress} ${link.port}`;
      if (link.interface !== interfaceName || !link.tether || this.#self > link.peer || listening.has(key))
        continue;
      listening.add(key);
      const listener = StreamListener.open({
        interface: link.interface,
        localAddress: addressOf(link.localAddress),
        port: link.port,
        minTtl: 255 - link.hops,
      });
      this.#listeners.push({ interface: interfaceName, listener });
      this.#watch.readable(listener.fd, () => this.#accept(listener, this.#watch.nowUs()));
    }
  }

  #deafen(entry: Listening): void {
    this.#listeners = this.#listeners.filter((one) => one !== entry);
    this.#watch.forget(entry.listener.fd);
    entry.listener.close();
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
      boot: 0,
      proven: false,
      received: 0,
      inbox: new Uint8Array(2 + 512),
    };
    this.#unproven.add(tether);
    if (tether.outgoing) this.#watch.writable(stream.fd, () => this.#connected(tether));
    else this.#watch.readable(stream.fd, () => this.#read(tether));
  }

  #connected(tether: Tether): void {
    if (tether.stream.connectError() !== 0) return this.#drop(tether);
    this.#watch.forget(tether.stream.fd);
    this.#watch.readable(tether.stream.fd, () => this.#read(tether));
    this.#greet(tether);
  }

  /** False when the tether was dropped. */
  #greet(tether: Tether): boolean {
    if (tether.path === undefined) return false;
    const length = this.#paths.sealed(tether.path, greeting);
    const framed = new Uint8Array(2 + length);
    framed[0] = length >> 8;
    framed[1] = length & 0xff;
    framed.set(this.#paths.buffer.subarray(0, length), 2);
    return this.#write(tether, framed);
  }

  #write(tether: Tether, bytes: Uint8Array): boolean {
    if (tether.stream.write(bytes) === 0) return true;
    this.#drop(tether);
    return false;
  }

  #read(tether: Tether): void {
    for (let reads = 0; reads < readsPerTurn; reads++) {
      const room = tether.boot === 0 ? tether.inbox.subarray(tether.received) : afterwards;
      const result = tether.stream.read(room);
      if (result === 'again') return;
      if (result === 'end' || result === 'reset' || result === 'timeout') return this.#ended(tether, result);
      if (tether.proven) continue; // A proven tether is silent: whatever else comes is dropped, up to the end.
      if (tether.boot !== 0) this.#prove(tether);
      else {
        tether.received += result.bytes;
        if (!this.#greeted(tether)) return;
      }
    }
  }

  /** False when the tether was dropped. */
  #greeted(tether: Tether): boolean {
    const { inbox, received, path } = tether;
    const length = received >= 2 ? ((inbox[0] ?? 0) << 8) | (inbox[1] ?? 0) : 0;
    if (received < 2 || (received < 2 + length && length + 2 <= inbox.length)) return true;
    // A greeting is all there is to say before the other side has answered it.
    const whole = received === 2 + length || (tether.outgoing && received > 2 + length);
    const message =
      path !== undefined && whole ? this.#paths.open(path, inbox.subarray(2, 2 + length)) : undefined;
    if (message === undefined || message.type !== ControlType.tether) {
      this.#paths.count('tetherRefused');
      this.#drop(tether);
      return false;
    }
    tether.boot = message.senderBoot;
    if (!tether.outgoing) return this.#greet(tether);
    if (!this.#write(tether, confirmation)) return false;
    this.#prove(tether);
    return true;
  }

  #prove(tether: Tether): void {
    const { path } = tether;
    if (path === undefined) return;
    tether.proven = true;
    tether.stream.endHaste();
    this.#unproven.delete(tether);
    const former = this.#proven.get(path);
    this.#proven.set(path, tether);
    if (former !== undefined) this.#release(former);
    this.#changed(path, true, path.link.cable, tether.boot);
  }

  #ended(tether: Tether, how: 'end' | 'reset' | 'timeout'): void {
    const { path } = tether;
    const counted = path !== undefined && this.#proven.get(path) === tether;
    this.#drop(tether);
    if (counted) this.#changed(path, false, path.link.cable && how === 'end', tether.boot);
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
