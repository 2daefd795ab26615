/**
 * A server that runs on both machines at once, as a replicated state machine: both copies are fed the same by their relays
 * (wire/feed.ts), one entry at a time, and so say the same. The clients' connections, and their replies, survive.
 */
import { connect, type Socket } from 'node:net';
import {
  decodeFeedEntry,
  encodeFeedReply,
  type FeedEntry,
  FeedReader,
  type FeedReply,
  feedMessage,
} from '../../wire/feed.ts';
import { MirrorError } from '../errors.ts';
import { MirroredRandom } from './random.ts';
import { MirroredSocket } from './socket.ts';
import { type MirroredTimer, MirroredTimers } from './timers.ts';

export interface MirroredServerOptions {
  /** The Unix socket at which the relay waits for its program. */
  readonly relay: string;
}

/** How long until a relay that is not there is asked again, milliseconds. */
const retryMs = 100;

export class MirroredServer {
  readonly #options: MirroredServerOptions;
  readonly #onConnection: (socket: MirroredSocket) => void;
  readonly #sockets = new Map<number, MirroredSocket>();
  readonly #timers = new MirroredTimers();
  readonly #reader = new FeedReader();
  #queue: FeedEntry[] = [];
  #working = false;
  #random: MirroredRandom | undefined;
  #nowUs = 0;
  #wakeUs = 0;
  #relay: Socket | undefined;
  #closed = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: MirroredServerOptions, onConnection: (socket: MirroredSocket) => void) {
    this.#options = options;
    this.#onConnection = onConnection;
    this.#connect();
  }

  /**
   * Resolves after `close`; rejects when the relay ends the connection: then this copy is of no more use, and should exit.
   * One that is started anew is fed from the beginning, as long as its relay remembers that.
   */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Milliseconds since 1970, the same on both machines; it stands still while an entry is applied. */
  now(): number {
    return Math.floor(this.#nowUs / 1000);
  }

  /** As `Math.random`, the same on both machines. Throws MirrorError `notActive` before the feed has begun. */
  random(): number {
    return this.#source().number();
  }

  /** As `crypto.randomBytes`, the same on both machines; the seed is known to both relays. */
  randomBytes(count: number): Buffer {
    return this.#source().bytes(count);
  }

  /** As `setTimeout`, at the same place in the order of things on both machines. */
  setTimeout(run: () => void, ms: number): MirroredTimer {
    return this.#timers.set(this.#nowUs + Math.max(Math.round(ms * 1000), 0), run);
  }

  close(): void {
    this.#closed = true;
    this.#relay?.destroy();
    this.#ended.resolve();
  }

  #source(): MirroredRandom {
    if (this.#random === undefined)
      throw new MirrorError(
        'notActive',
        'the feed has not begun: use mirrored sources in connections and timers',
      );
    return this.#random;
  }

  #connect(): void {
    const relay = connect({ path: this.#options.relay });
    let connected = false;
    this.#relay = relay;
    relay.on('connect', () => {
      connected = true;
    });
    relay.on('error', () => undefined);
    relay.on('data', (bytes) => {
      const bodies = this.#reader.read(bytes);
      if (bodies === undefined) {
        relay.destroy();
        return;
      }
      for (const body of bodies) {
        const entry = decodeFeedEntry(body);
        if (entry !== undefined) this.#queue.push(entry);
      }
      void this.#work();
    });
    relay.on('close', () => {
      if (this.#closed) return;
      if (!connected) setTimeout(() => this.#closed || this.#connect(), retryMs);
      else this.#ended.reject(new MirrorError('closed', 'the relay ended: start this program again'));
    });
  }

  /** One entry at a time: what it causes is done before the next. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#queue.length > 0) {
      const entries = this.#queue;
      this.#queue = [];
      for (const entry of entries) await this.#apply(entry);
    }
    this.#working = false;
  }

  async #apply(entry: FeedEntry): Promise<void> {
    for (;;) {
      // A timer that is due has its own time, not that of what came after it.
      const nextUs = this.#timers.nextUs;
      const run = this.#timers.take(entry.timeUs);
      if (run === undefined) break;
      this.#nowUs = Math.max(this.#nowUs, nextUs);
      run();
      await settled();
    }
    this.#nowUs = entry.timeUs;
    this.#happen(entry);
    await settled();
    const wakeUs = this.#timers.nextUs;
    // A tick ends what was asked before it.
    if (wakeUs !== this.#wakeUs || entry.kind === 'tick') this.#reply({ kind: 'wake', timeUs: wakeUs });
    this.#wakeUs = wakeUs;
  }

  #happen(entry: FeedEntry): void {
    if (entry.kind === 'begin') this.#random = new MirroredRandom(entry.seed);
    else if (entry.kind === 'open') this.#open(entry);
    if (!('connection' in entry)) return;
    const socket = this.#sockets.get(entry.connection);
    if (entry.kind === 'data') socket?.arrive(entry.bytes);
    else if (entry.kind === 'end') socket?.arriveEnd();
    else if (entry.kind === 'taken') socket?.taken(entry.count);
    else if (entry.kind === 'gone') {
      this.#sockets.delete(entry.connection);
      socket?.vanish();
    }
  }

  #open(entry: FeedEntry & { readonly kind: 'open' }): void {
    const socket = new MirroredSocket({
      connection: entry.connection,
      remoteAddress: entry.address,
      remotePort: entry.port,
      reply: (reply) => this.#reply(reply),
    });
    this.#sockets.set(entry.connection, socket);
    this.#onConnection(socket);
  }

  #reply(reply: FeedReply): void {
    this.#relay?.write(feedMessage(encodeFeedReply(reply)));
  }
}

/** Everything that was caused without waiting for the outside is done. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
