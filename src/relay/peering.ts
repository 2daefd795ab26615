/**
 * The one connection to the other machine: who listens and who connects, over which path, and when it is taken for dead.
 * The connecting side goes from path to path, and after a round in vain it pauses. While it is connected over another path than
 * the first it tries that one now and then, and changes to it once the peer has proven itself there. A connection that says
 * nothing for `silenceUs` is given up by both sides.
 */
import { monotonicUs } from '../linux/clock.ts';
import { EPOLLIN, EPOLLOUT } from '../linux/epoll.ts';
import { OperationError } from '../linux/errors.ts';
import { ServiceListener, ServiceSocket } from '../linux/service-socket.ts';
import { type Identity, Tally } from '../mirror/conduit.ts';
import type { IpAddress } from '../wire/address.ts';
import { Connection } from './connection.ts';
import { Homecoming } from './homecoming.ts';
import type { Readiness } from './readiness.ts';

export interface PeeringConfig {
  readonly identity: Identity;
  /** The other machine's name, which its hello must say. */
  readonly peer: string;
  /** This machine waits for the other one; else it connects. */
  readonly listens: boolean;
  /** The paths in their order: the first is the best. */
  readonly routes: readonly { readonly local: IpAddress; readonly remote: IpAddress }[];
  /** TCP, on each of the addresses. */
  readonly port: number;
}

export interface PeeringEvents {
  connected(): void;
  /** What is to be sent: fills bytes, and says how many. */
  produce(into: Uint8Array): number;
  /** False: what came is not our protocol. The bytes are a view. */
  received(bytes: Uint8Array): boolean;
  disconnected(): void;
}

const silenceUs = 500_000;
/** Until the other side has said something that proves who it is: several turns of both loops. */
const helloUs = 1_500_000;
const connectTimeoutUs = 300_000;
const pauseUs = { first: 20_000, most: 320_000 } as const;
/** A connection that lasted so long was a good one. */
const goodAfterUs = 1_000_000;
const listenRetryUs = 250_000;
/** Connections that have not proven themselves; the oldest gives way. */
const strangersMax = 8;

export class Peering {
  readonly #config: PeeringConfig;
  readonly #readiness: Readiness;
  readonly #events: PeeringEvents;
  readonly #tally = new Tally();
  /** Local addresses that are to be listened on. */
  #unheard: IpAddress[];
  #strangers: Connection[] = [];
  #current: Connection | undefined;
  /** Being made; `home`: over the first path, beside the one that there is. */
  #dialled: { readonly socket: ServiceSocket; readonly untilUs: number; readonly home: boolean } | undefined;
  readonly #homecoming = new Homecoming();
  #route = 0;
  #inVain = 0;
  #pauseUs: number = pauseUs.first;
  #nextUs = 0;
  #sinceUs = 0;
  #heardUs = 0;
  #proven = false;

  constructor(config: PeeringConfig, readiness: Readiness, events: PeeringEvents) {
    this.#config = config;
    this.#readiness = readiness;
    this.#events = events;
    this.#unheard = config.listens ? [...new Set(config.routes.map(({ local }) => local))] : [];
  }

  get connected(): boolean {
    return this.#current !== undefined;
  }

  /** Frames that were not believed, by reason. */
  get refused(): Readonly<Record<string, number>> {
    return this.#tally.read();
  }

  /** Reads what has arrived by now. */
  receive(): void {
    if (this.#current !== undefined) this.#read(this.#current);
  }

  /** Writes what there is. */
  flush(): void {
    const connection = this.#current;
    if (connection === undefined) return;
    if (!connection.flush((into) => this.#events.produce(into))) this.drop();
    else this.#readiness.change(connection.fd, connection.blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** Gives the connection up; there will be another one. */
  drop(): void {
    const connection = this.#current;
    if (connection === undefined) return;
    this.#current = undefined;
    this.#close(connection);
    const nowUs = monotonicUs();
    this.#homecoming.ended(this.#isHome, nowUs - this.#sinceUs);
    this.#route++;
    // One that never came to anything: the other side does not want us, or not so.
    const good = nowUs - this.#sinceUs >= goodAfterUs;
    if (good) this.#pauseUs = pauseUs.first;
    this.#nextUs = good || this.#config.listens ? 0 : this.#pause(nowUs);
    this.#events.disconnected();
  }

  /** What is due without a packet. */
  turn(): void {
    const nowUs = monotonicUs();
    const connected = this.#current !== undefined;
    if (connected && nowUs - this.#heardUs > (this.#proven ? silenceUs : helloUs)) return this.drop();
    if (this.#config.listens) {
      if (this.#unheard.length > 0 && nowUs >= this.#nextUs) this.#listen(nowUs);
    } else if (this.#dialled !== undefined) {
      if (nowUs >= this.#dialled.untilUs) this.#failed(this.#dialled.home);
    } else if (connected ? this.#homecoming.due(nowUs) : nowUs >= this.#nextUs) this.#dial(nowUs, connected);
  }

  get #isHome(): boolean {
    return this.#route % this.#config.routes.length === 0;
  }

  #listen(nowUs: number): void {
    this.#nextUs = nowUs + listenRetryUs;
    this.#unheard = this.#unheard.filter((address) => {
      try {
        const { port } = this.#config;
        const listener = ServiceListener.open({ address, port, backlog: strangersMax, early: true });
        this.#readiness.watch(listener.fd, EPOLLIN, () => this.#accept(listener));
        return false;
      } catch (error) {
        if (error instanceof OperationError) return true;
        throw error;
      }
    });
  }

  #accept(listener: ServiceListener): void {
    for (;;) {
      const accepted = listener.accept();
      if (accepted === undefined) return;
      const [oldest] = this.#strangers;
      if (oldest !== undefined && this.#strangers.length >= strangersMax) this.#forget(oldest);
      const connection = this.#connection(accepted.socket, 'source');
      this.#strangers.push(connection);
      this.#readiness.watch(connection.fd, EPOLLIN, () => this.#read(connection));
    }
  }

  #dial(nowUs: number, home: boolean): void {
    const { routes, port } = this.#config;
    const route = routes[home ? 0 : this.#route % routes.length];
    if (route === undefined) return;
    try {
      const socket = ServiceSocket.connect({ address: route.remote, port }, route.local);
      this.#dialled = { socket, untilUs: nowUs + connectTimeoutUs, home };
      this.#readiness.watch(socket.fd, EPOLLOUT, () => this.#answered(socket, home));
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      this.#failed(home);
    }
  }

  #answered(socket: ServiceSocket, home: boolean): void {
    if (socket.failure() !== 0) return this.#failed(home);
    this.#readiness.forget(socket.fd);
    this.#dialled = undefined;
    this.#inVain = 0;
    const connection = this.#connection(socket, 'sink');
    this.#readiness.watch(connection.fd, EPOLLIN, () => this.#read(connection));
    if (this.#current !== undefined) return this.#tryBeside(connection);
    if (home) this.#route = 0;
    this.#take(connection);
  }

  /** The peer's first word on it makes it the one. */
  #tryBeside(connection: Connection): void {
    for (const older of this.#strangers) this.#forget(older);
    this.#strangers.push(connection);
    if (!connection.flush()) this.#forget(connection);
  }

  #failed(home: boolean): void {
    const dialled = this.#dialled;
    this.#dialled = undefined;
    if (dialled !== undefined) {
      this.#readiness.forget(dialled.socket.fd);
      dialled.socket.close();
    }
    if (home) return;
    this.#route++;
    this.#inVain++;
    if (this.#inVain < this.#config.routes.length) return;
    this.#inVain = 0;
    this.#nextUs = this.#pause(monotonicUs());
  }

  /** Until when to wait; the next time for longer. */
  #pause(nowUs: number): number {
    const untilUs = nowUs + this.#pauseUs;
    this.#pauseUs = Math.min(this.#pauseUs * 2, pauseUs.most);
    return untilUs;
  }

  #connection(socket: ServiceSocket, side: 'sink' | 'source'): Connection {
    const { identity, peer } = this.#config;
    socket.giveUpAfter(silenceUs / 1000);
    return new Connection(socket, side, identity, this.#tally, peer);
  }

  #take(connection: Connection): void {
    this.#current = connection;
    this.#proven = false;
    this.#sinceUs = monotonicUs();
    this.#heardUs = this.#sinceUs;
    this.#homecoming.connected(this.#isHome, this.#sinceUs);
    this.#events.connected();
    this.flush();
  }

  #read(connection: Connection): void {
    const { received } = connection;
    const alive = connection.receive((bytes) => {
      // The first piece proves who it is: only the newest connection of the peer is good.
      if (connection !== this.#current) {
        if (!this.#strangers.includes(connection)) return false;
        this.#strangers = this.#strangers.filter((one) => one !== connection);
        this.drop();
        // No other path is tried beside the one that there is.
        this.#route = 0;
        this.#take(connection);
      }
      this.#heardUs = monotonicUs();
      this.#proven = true;
      return this.#events.received(bytes) && connection === this.#current;
    });
    // A long frame takes its time on a slow path.
    if (this.#proven && connection === this.#current && connection.received > received)
      this.#heardUs = monotonicUs();
    if (!alive) {
      if (connection === this.#current) this.drop();
      else this.#forget(connection);
    } else if (connection === this.#current) this.flush();
    else if (!connection.flush()) this.#forget(connection);
  }

  #forget(connection: Connection): void {
    if (!this.#strangers.includes(connection)) return;
    this.#strangers = this.#strangers.filter((one) => one !== connection);
    this.#close(connection);
  }

  #close(connection: Connection): void {
    this.#readiness.forget(connection.fd);
    connection.close();
  }
}
