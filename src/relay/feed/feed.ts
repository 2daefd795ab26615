/**
 * A program that is mirrored as a whole: its connections may share state. The relay of the active leads: it puts everything
 * that the program learns into one order, feeds the program here, and has each entry at the standby before any output that
 * came after it is released (`Commitments`: entries and commitments travel in order). The relay of the standby feeds its
 * program the same entries. At a takeover it has fed all of the leader's, and leads.
 */
import { randomBytes } from 'node:crypto';
import { monotonicUs } from '../../linux/clock.ts';
import { EPOLLIN } from '../../linux/epoll.ts';
import { UnixListener } from '../../linux/unix-listener.ts';
import type { FlowKey } from '../../sessions/packet.ts';
import { formatIp } from '../../wire/address.ts';
import {
  decodeFeedEntry,
  encodeFeedEntry,
  type FeedEntry,
  type FeedReply,
  feedSeedLength,
} from '../../wire/feed.ts';
import type { Programs } from '../program.ts';
import type { Readiness } from '../readiness.ts';
import { FeedConnection, type FeedOwner } from './connection.ts';
import { FeedLog } from './log.ts';
import { ProgramPipe } from './pipe.ts';

/** What a program that leads, and one that follows, may be behind, bytes. */
const unsentBytesMax = { leader: 4 << 20, follower: 64 << 20 } as const;

type Untimed<Entry> = Entry extends unknown ? Omit<Entry, 'timeUs'> : never;

export class Feed implements FeedOwner {
  readonly #path: string;
  readonly #log = new FeedLog();
  readonly #byId = new Map<number, FeedConnection>();
  /** Connections here that the feed does not have yet, or not any more. */
  readonly #unnumbered = new Map<FlowKey, FeedConnection>();
  /** Open in the feed: the program has them, whether or not there is a connection here. */
  readonly #open = new Set<number>();
  /** Output of each connection that came from a program before this one, and is not wanted again, bytes. */
  readonly #said = new Map<number, number>();
  readonly #repeated = new Map<number, number>();
  #readiness: Readiness | undefined;
  #mirror: ((entry: Uint8Array) => void) | undefined;
  #pipe: ProgramPipe | undefined;
  #lastId = 0;
  #lastUs = 0;
  /** From the monotonic clock to the feed's, which begins with the time of day and never steps. */
  #clockUs = 0;
  #wakeUs = 0;
  #leads = false;
  #broken = false;

  /** `path`: where the program connects. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Makes the programs of a machine. */
  readonly programs: Programs = (site) => {
    const connection = new FeedConnection(site, this);
    this.#unnumbered.set(site.flow, connection);
    if (this.#leads) this.#begin(connection);
    return connection;
  };

  get leads(): boolean {
    return this.#leads;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get congested(): boolean {
    return (this.#pipe?.unsentBytes ?? 0) > unsentBytesMax.leader;
  }

  /** A program is there that was fed everything. */
  get healthy(): boolean {
    return this.#pipe !== undefined && !this.#broken;
  }

  /** Entries since the beginning. */
  get count(): number {
    return this.#log.count;
  }

  /** Throws OperationError when the path cannot be listened at. */
  start(readiness: Readiness, leads: boolean): void {
    this.#readiness = readiness;
    const listener = UnixListener.open(this.#path);
    readiness.watch(listener.fd, EPOLLIN, () => {
      for (let socket = listener.accept(); socket !== undefined; socket = listener.accept()) {
        // Another program, or one that comes when its past is forgotten, cannot be right.
        if (this.#pipe !== undefined || this.#broken || this.#log.entries === undefined) socket.close();
        else {
          const pipe = new ProgramPipe(
            socket,
            readiness,
            (reply) => this.#hear(reply),
            (over) => this.#changed(over),
          );
          this.#take(pipe);
        }
      }
    });
    if (leads) this.lead();
  }

  /** The standby is there: it gets what was, and from now on what is. */
  mirrorTo(mirror: (entry: Uint8Array) => void): void {
    this.#mirror = mirror;
    for (const message of this.#log.whole()) mirror(message);
  }

  unmirror(): void {
    this.#mirror = undefined;
  }

  /** The leader's next entry. */
  follow(bytes: Uint8Array): void {
    if (this.#leads || this.#broken) return;
    const received = this.#log.receive(bytes);
    if (received.kind === 'known') return;
    const entry = received.kind === 'next' ? decodeFeedEntry(received.entry) : undefined;
    const isBehind = (this.#pipe?.unsentBytes ?? 0) > unsentBytesMax.follower;
    if (received.kind === 'other' || entry === undefined || isBehind) return this.#break();
    this.#record(received.entry, entry);
    if (entry.kind === 'open') {
      const connection = this.#unnumbered.get(entry.flow);
      if (connection !== undefined) this.#number(connection, entry.connection);
    }
    if (!('connection' in entry)) return;
    const connection = this.#byId.get(entry.connection);
    if (connection === undefined) return;
    if (entry.kind === 'data') connection.fedElsewhere(entry.bytes.length);
    else if (entry.kind === 'end') connection.endedElsewhere();
    else if (entry.kind === 'taken') connection.takenElsewhere(entry.count);
    connection.site.wake();
  }

  /** The other relay leads from now on, and has all that is here. */
  yield(): void {
    this.#leads = false;
    this.#mirror = undefined;
  }

  /** All entries of the leader are here: this relay is the leader. */
  lead(): void {
    if (this.#leads) return;
    this.#leads = true;
    this.#clockUs = Math.max(Date.now() * 1000, this.#lastUs) - monotonicUs();
    if (this.#log.count === 0) this.#append({ kind: 'begin', seed: randomBytes(feedSeedLength) });
    // The program has connections that did not come here with their sockets.
    for (const id of [...this.#open]) if (!this.#byId.has(id)) this.#append({ kind: 'gone', connection: id });
    for (const connection of [...this.#unnumbered.values()]) this.#begin(connection);
    this.#setAlarm();
  }

  said(connection: FeedConnection, bytes: Uint8Array): void {
    if (connection.id !== undefined) this.#append({ kind: 'data', connection: connection.id, bytes });
  }

  ended(connection: FeedConnection): void {
    if (connection.id !== undefined) this.#append({ kind: 'end', connection: connection.id });
  }

  taken(connection: FeedConnection, count: number): void {
    if (connection.id !== undefined) this.#append({ kind: 'taken', connection: connection.id, count });
  }

  closed(connection: FeedConnection): void {
    const { id, site } = connection;
    if (this.#unnumbered.get(site.flow) === connection) this.#unnumbered.delete(site.flow);
    if (id === undefined) return;
    this.#byId.delete(id);
    if (this.#leads && this.#open.has(id)) this.#append({ kind: 'gone', connection: id });
  }

  #begin(connection: FeedConnection): void {
    const { flow, client } = connection.site;
    const id = this.#lastId + 1;
    this.#number(connection, id);
    this.#append({
      kind: 'open',
      connection: id,
      flow,
      address: formatIp(client.address),
      port: client.port,
    });
  }

  #number(connection: FeedConnection, id: number): void {
    connection.id = id;
    this.#byId.set(id, connection);
    this.#unnumbered.delete(connection.site.flow);
  }

  #nowUs(): number {
    return Math.round(this.#clockUs + monotonicUs());
  }

  #append(entry: Untimed<FeedEntry>): void {
    const timed = { ...entry, timeUs: Math.max(this.#nowUs(), this.#lastUs) } as FeedEntry;
    const bytes = encodeFeedEntry(timed);
    this.#record(bytes, timed);
    this.#mirror?.(this.#log.newest(bytes));
  }

  /** For leader and follower: the entry counts, and goes to the program. */
  #record(bytes: Uint8Array, entry: FeedEntry): void {
    this.#lastUs = entry.timeUs;
    if (entry.kind === 'open') {
      this.#lastId = entry.connection;
      this.#open.add(entry.connection);
    }
    if (entry.kind === 'gone') {
      this.#open.delete(entry.connection);
      this.#said.delete(entry.connection);
    }
    this.#log.add(bytes);
    this.#pipe?.send(bytes);
  }

  #take(pipe: ProgramPipe): void {
    this.#pipe = pipe;
    this.#repeated.clear();
    // What an earlier program said, this one says again when it is fed the same.
    for (const [id, count] of this.#said) this.#repeated.set(id, count);
    for (const connection of this.#byId.values()) connection.forgetConsumed();
    for (const entry of this.#log.entries ?? []) pipe.send(entry);
    this.#wakeAll();
  }

  #hear(reply: FeedReply): void {
    if (reply.kind === 'wake') {
      this.#wakeUs = reply.timeUs;
      this.#setAlarm();
      return;
    }
    const { connection: id } = reply;
    const connection = this.#byId.get(id);
    if (reply.kind === 'output') {
      const bytes = this.#fresh(id, reply.bytes);
      if (bytes.length > 0) connection?.output(Uint8Array.from(bytes));
    } else if (reply.kind === 'finish') connection?.finish();
    else if (reply.kind === 'reset') connection?.reset();
    else connection?.consumed(reply.count);
    connection?.site.wake();
  }

  /** Without what an earlier program said already. */
  #fresh(id: number, bytes: Uint8Array): Uint8Array {
    const known = Math.min(this.#repeated.get(id) ?? 0, bytes.length);
    if (known > 0) this.#repeated.set(id, (this.#repeated.get(id) ?? 0) - known);
    if (this.#open.has(id)) this.#said.set(id, (this.#said.get(id) ?? 0) + bytes.length - known);
    return bytes.subarray(known);
  }

  #changed(over: boolean): void {
    if (over) this.#pipe = undefined;
    else if (!this.congested) this.#wakeAll();
  }

  #break(): void {
    this.#broken = true;
    this.#pipe?.end();
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const connection of [...this.#byId.values(), ...this.#unnumbered.values()]) connection.site.wake();
  }

  /** The leader tells the program that time passed, when it wants to know. */
  #setAlarm(): void {
    if (!this.#leads || this.#wakeUs === 0) return;
    const wakeUs = this.#wakeUs;
    this.#readiness?.alarm(wakeUs - this.#clockUs, () => {
      if (this.#wakeUs !== wakeUs) return;
      this.#wakeUs = 0;
      this.#append({ kind: 'tick' });
    });
  }
}
