/**
 * A source, its standbys and the connections between them, on virtual time. Bytes wait in pipes of a bounded size until a
 * test delivers some of them, in whatever portions; a cut loses what is on its way; an old connection may go on beside
 * a new one. After every step the promises are checked.
 */
import assert from 'node:assert/strict';
import { nodeCrypto } from '../../src/link/crypto.ts';
import type { Identity } from '../../src/mirror/conduit.ts';
import type { Protection } from '../../src/mirror/crypto.ts';
import type { Policy } from '../../src/mirror/ledger.ts';
import type { LinkEnd } from '../../src/mirror/link-end.ts';
import { sameStream } from '../../src/mirror/message.ts';
import { MirrorSink } from '../../src/mirror/sink.ts';
import { MirrorSource, type SourceEvent } from '../../src/mirror/source.ts';
import { ActiveModel, StandbyModel, same } from './model.ts';

export const key: Uint8Array = new Uint8Array(32).fill(7);
const windowBytes = 131_072;
/** So many exchanges at one moment are enough for anything here. */
const roundsMax = 1000;

export interface WorldOptions {
  readonly policy: Policy;
  readonly degradeAfterUs: number;
  readonly backlogBytesMax: number;
  readonly commitBytesMax: number;
  /** What a pipe takes before its writer must wait. */
  readonly pipeBytesMax: number;
  readonly protection: Protection;
  readonly expected: boolean;
  readonly standbys: readonly string[];
}

export const usual: WorldOptions = {
  policy: 'degrade',
  degradeAfterUs: 100_000,
  backlogBytesMax: 40_000,
  commitBytesMax: 20_000,
  pipeBytesMax: 100_000,
  protection: 'sign',
  expected: true,
  standbys: ['redundant'],
};

export function identity(name: string, keys: readonly Uint8Array[], protection: Protection): Identity {
  return { crypto: nodeCrypto, scope: 'shop/web', name, keys, protection };
}

class Pipe {
  waiting: Uint8Array[] = [];
  bytes = 0;
  /** What waits begins with a frame. */
  whole = true;

  push(part: Uint8Array): void {
    this.waiting.push(part);
    this.bytes += part.length;
  }

  take(length: number): Uint8Array {
    const all = Buffer.concat(this.waiting);
    const [taken, rest] = [all.subarray(0, length), all.subarray(length)];
    this.waiting = rest.length > 0 ? [rest] : [];
    this.bytes = rest.length;
    this.whole = rest.length === 0;
    return taken;
  }

  /** The frames that wait come twice. A pipe from which a part of a frame was taken stays as it is. */
  repeat(): void {
    if (!this.whole) return;
    for (const part of [...this.waiting]) this.push(part);
  }

  /** One bit is another one. */
  damage(at: number, bit: number): void {
    const part = this.waiting[0]?.slice();
    if (part === undefined || part.length === 0) return;
    part[at % part.length] = (part[at % part.length] ?? 0) ^ (1 << bit);
    this.waiting[0] = part;
  }
}

/** Both ends of one connection, and what is on its way. */
export class Connection {
  readonly source: LinkEnd;
  readonly sink: LinkEnd;
  readonly toSink: Pipe = new Pipe();
  readonly toSource: Pipe = new Pipe();
  readonly #world: World;

  constructor(world: World, standby: SimStandby) {
    this.#world = world;
    this.source = world.source.accept(world.sourceUs);
    this.sink = standby.sink.connect('primary', standby.nowUs);
    this.standby = standby;
  }

  readonly standby: SimStandby;

  /** Both ends write what they have, as far as the pipes take it. */
  fill(): void {
    for (const [end, pipe, nowUs] of [
      [this.source, this.toSink, this.#world.sourceUs],
      [this.sink, this.toSource, this.standby.nowUs],
    ] as const) {
      while (pipe.bytes < this.#world.options.pipeBytesMax) {
        const bytes = end.produce(nowUs);
        if (bytes === undefined) break;
        pipe.push(bytes);
      }
    }
  }

  deliver(to: 'sink' | 'source', length: number): void {
    if (to === 'sink') this.sink.receive(this.toSink.take(length), this.standby.nowUs);
    else this.source.receive(this.toSource.take(length), this.#world.sourceUs);
  }

  cut(): void {
    this.toSink.take(this.toSink.bytes);
    this.toSource.take(this.toSource.bytes);
    this.source.lost();
    this.sink.lost();
  }
}

export class SimStandby {
  readonly name: string;
  readonly sink: MirrorSink;
  readonly model: StandbyModel = new StandbyModel();
  readonly #world: World;
  /** It takes no events: its program is too slow. */
  stuck = false;

  constructor(world: World, name: string, { commitBytesMax, protection }: WorldOptions) {
    this.#world = world;
    this.name = name;
    const [pingUs, silenceUs] = [10_000, 1_000_000];
    this.sink = new MirrorSink({
      identity: identity(name, [key], protection),
      windowBytes,
      commitBytesMax,
      pingUs,
      silenceUs,
    });
  }

  /** This machine's clock has another beginning, and runs 0.5 % too slow. */
  get nowUs(): number {
    return Math.floor(5_000_000 + this.#world.timeUs * 0.995);
  }
}

export class World {
  readonly source: MirrorSource;
  readonly active: ActiveModel;
  readonly standbys: readonly SimStandby[];
  readonly events: SourceEvent[] = [];
  connections: Connection[] = [];
  timeUs = 0;
  resolved = 0;
  readonly options: WorldOptions;

  constructor(options: WorldOptions = usual) {
    this.options = options;
    this.active = new ActiveModel(1);
    const { policy, degradeAfterUs, backlogBytesMax, commitBytesMax, expected, standbys } = options;
    this.source = new MirrorSource(
      {
        identity: identity('primary', [key], options.protection),
        term: { counter: 5, member: 1 },
        channels: [this.active],
        standbys: standbys.map((name) => ({ name, expected })),
        policy,
        degradeAfterUs,
        backlogBytesMax,
        commitBytesMax,
        silenceUs: 1_000_000,
      },
      this.sourceUs,
    );
    this.standbys = standbys.map((name) => new SimStandby(this, name, options));
    this.settle();
  }

  get sourceUs(): number {
    return 1_000 + this.timeUs;
  }

  connect(standby: SimStandby = this.first): Connection {
    const connection = new Connection(this, standby);
    this.connections.push(connection);
    this.settle();
    return connection;
  }

  get first(): SimStandby {
    const [standby] = this.standbys;
    assert.ok(standby);
    return standby;
  }

  commit(pairs: readonly (readonly [string, string])[]): number {
    const sequence = this.source.commit(this.active.write(pairs), this.sourceUs);
    this.active.committed(sequence);
    this.settle();
    return sequence;
  }

  /** Time passes; whatever is due is done. */
  pass(us: number): void {
    this.timeUs += us;
    this.source.expire(this.sourceUs);
    for (const { source, sink, standby } of this.connections) {
      source.expire(this.sourceUs);
      sink.expire(standby.nowUs);
    }
    this.settle();
  }

  /** Everything that can be written and delivered is, at this one moment. */
  flow(): void {
    let rounds = 0;
    for (let moved = true; moved; ) {
      assert.ok(++rounds < roundsMax, 'it never comes to rest');
      moved = false;
      this.settle();
      for (const connection of this.connections) {
        moved ||= connection.toSink.bytes + connection.toSource.bytes > 0;
        connection.deliver('sink', connection.toSink.bytes);
        connection.deliver('source', connection.toSource.bytes);
        this.settle();
      }
    }
  }

  /** Events are handed on, ended connections are closed, and every promise is checked. */
  settle(): void {
    for (const event of this.source.takeEvents()) {
      this.events.push(event);
      if (event.kind === 'resolved') this.#resolve(event.sequence, event.mirrored);
    }
    for (const { sink, model, stuck } of this.standbys) {
      if (!stuck) for (const event of sink.takeEvents()) model.apply(event);
    }
    for (const connection of this.connections) connection.fill();
    this.connections = this.connections.filter(({ source, sink }) => !source.ended || !sink.ended);
    for (const standby of this.standbys) this.#check(standby);
    assert.ok(this.source.backlog.bytes <= this.options.backlogBytesMax, 'the backlog is too large');
  }

  #resolve(sequence: number, mirrored: boolean): void {
    assert.ok(sequence > this.resolved);
    this.resolved = sequence;
    for (const { name, sink } of mirrored || this.options.policy === 'wait' ? this.standbys : []) {
      const { held } = sink.position;
      assert.ok(held >= sequence, `${sequence} is resolved as mirrored, ${name} holds ${held}`);
    }
  }

  #check({ sink, model, name, nowUs, stuck }: SimStandby): void {
    const { held, stream } = sink.position;
    assert.ok(
      sink.queuedBytes <= windowBytes + 2 * this.options.commitBytesMax,
      `${sink.queuedBytes} bytes wait`,
    );
    if (held === 0) return;
    assert.ok(sameStream(stream, this.source.stream));
    if (!stuck) {
      const expected = this.active.at(held);
      assert.ok(expected && same(model.state, expected), `${name} holds ${held}, but not what that was`);
    }
    if (sink.claim(nowUs) === 'complete') {
      assert.ok(held >= this.resolved, `${name} claims all, holds ${held}; ${this.resolved} is resolved`);
    }
  }
}
