/** The kinds of state over a stream whose snapshots take their time: a standby has what was committed, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MirroredCell } from '../../src/library/cell.ts';
import { MirroredLog } from '../../src/library/log.ts';
import { MirroredMap } from '../../src/library/map.ts';
import { MirroredRegion } from '../../src/library/region.ts';
import { States } from '../../src/library/states.ts';
import type { LinkEnd } from '../../src/mirror/link-end.ts';
import { MirrorSink } from '../../src/mirror/sink.ts';
import { MirrorSource } from '../../src/mirror/source.ts';
import { identity, key } from '../mirror/world.ts';

const regionBytes = 70_000;

/** A program with one of each kind. */
class Program {
  readonly states = new States();
  readonly map = this.states.add(new MirroredMap<unknown>('map'));
  readonly log = this.states.add(new MirroredLog<string>('log'));
  readonly region = this.states.add(new MirroredRegion('region', regionBytes));
  readonly cell = this.states.add(new MirroredCell<number>('cell'));

  /** All of it, to be compared. */
  image(): unknown {
    return {
      map: new Map([...this.map].sort(([a], [b]) => (a < b ? -1 : 1))),
      log: [this.log.first, this.log.next, [...this.log]],
      region: Buffer.from(this.region.buffer).toString('latin1'),
      cell: this.cell.value,
    };
  }
}

/** An active program, a standby, and a connection over which frames go one by one. */
class Pair {
  readonly active = new Program();
  readonly standby = new Program();
  readonly sink = new MirrorSink({
    identity: identity('redundant', [key], 'sign'),
    windowBytes: 131_072,
    commitBytesMax: 1_000_000,
    pingUs: 1_000_000,
    silenceUs: 1_000_000,
  });
  readonly source = new MirrorSource(
    {
      identity: identity('primary', [key], 'sign'),
      term: { counter: 1, member: 1 },
      channels: this.active.states.all,
      standbys: [{ name: 'redundant', expected: true }],
      policy: 'wait',
      degradeAfterUs: 0,
      backlogBytesMax: 4_000_000,
      commitBytesMax: 1_000_000,
      silenceUs: 1_000_000,
    },
    0,
  );
  readonly images = new Map<number, unknown>([[1, this.active.image()]]);
  #ends: readonly [source: LinkEnd, sink: LinkEnd] | undefined;

  connect(): void {
    this.#ends = [this.source.accept(0), this.sink.connect('primary', 0)];
  }

  commit(): void {
    const records = this.active.states.changes();
    this.active.states.keep();
    if (records.length > 0) this.source.commit(records, 0);
    this.images.set(this.source.head, this.active.image());
  }

  /** So many frames, if there are as many. */
  move(frames: number): boolean {
    const [source, sink] = this.#ends ?? [];
    if (source === undefined || sink === undefined) return false;
    let moved = false;
    for (let left = frames; left > 0; left--) {
      for (let back = sink.produce(0); back !== undefined; back = sink.produce(0)) source.receive(back, 0);
      const frame = source.produce(0);
      if (frame === undefined) return moved;
      sink.receive(frame, 0);
      this.#check();
      moved = true;
    }
    return moved;
  }

  #check(): void {
    for (const event of this.sink.takeEvents()) this.standby.states.apply(event);
    const { held } = this.sink.position;
    if (held > 0) assert.deepEqual(this.standby.image(), this.images.get(held), `what commit ${held} was`);
  }
}

type Step = (pair: Pair) => void;

const name = fc.constantFrom('a', 'b', 'c', '🜂');
const value = fc.oneof(
  fc.string({ maxLength: 2000 }),
  fc.record({ n: fc.integer() }, { noNullPrototype: true }),
  fc.constant(undefined),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(name, value).map(
      ([at, what]): Step =>
        ({ active }) =>
          void active.map.set(at, what),
    ),
  },
  {
    weight: 2,
    arbitrary: name.map(
      (at): Step =>
        ({ active }) =>
          void active.map.delete(at),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>(({ active }) => active.map.clear()) },
  {
    weight: 3,
    arbitrary: fc.string({ maxLength: 500 }).map(
      (entry): Step =>
        ({ active }) =>
          void active.log.append(entry),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 30 }).map(
      (index): Step =>
        ({ active }) =>
          active.log.forget(index),
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat({ max: regionBytes - 9000 }), fc.integer({ min: 0, max: 9000 }), fc.nat({ max: 255 }))
      .map(
        ([offset, length, byte]): Step =>
          ({ active }) =>
            void active.region.writable(offset, length).fill(byte),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.integer().map(
      (number): Step =>
        ({ active }) =>
          active.cell.set(number),
    ),
  },
  { weight: 4, arbitrary: fc.constant<Step>((pair) => pair.commit()) },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((pair) => {
      pair.active.states.rollback();
      assert.deepEqual(pair.active.image(), pair.images.get(pair.source.head), 'taken back');
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>((pair) => pair.connect()) },
  {
    weight: 5,
    arbitrary: fc.integer({ min: 1, max: 4 }).map(
      (frames): Step =>
        (pair) =>
          void pair.move(frames),
    ),
  },
);

test('a standby has what was committed, commit by commit, whatever the program is in the middle of', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 150, size: 'max' }), (steps) => {
      const pair = new Pair();
      pair.connect();
      for (const act of steps) act(pair);
      pair.commit();
      while (pair.move(100));
      assert.equal(pair.sink.position.held, pair.source.head);
    }),
    { numRuns: 150 },
  );
});

test('a map reads what it was told before the commit, and a value that cannot be cloned leaves it as it was', () => {
  const map = new MirroredMap<unknown>('map');
  map.set('a', 1).set('b', 2);
  map.keep();
  map.set('b', 3).set('c', 4);
  assert.equal(map.delete('a'), true);
  assert.equal(map.delete('a'), false);
  assert.deepEqual([map.size, map.get('a'), map.has('a'), map.get('b')], [2, undefined, false, 3]);
  assert.deepEqual([...map.keys()].sort(), ['b', 'c']);
  map.set('f', () => 0);
  assert.throws(() => map.changes());
  map.delete('f');
  assert.equal(map.changes().length, 4);
  map.rollback();
  assert.deepEqual(
    [...map],
    [
      ['a', 1],
      ['b', 2],
    ],
  );
});

test('a region sends what differs, not what was touched', () => {
  const region = new MirroredRegion('region', 3 * 4096);
  region.writable(0, 3 * 4096);
  assert.deepEqual(region.changes(), []);
  region.setUint32(4094, 0xffff_ffff);
  const sizes = region.changes().map(({ length }) => length);
  assert.deepEqual(sizes, [6 + 2, 6 + 2], 'two bytes in each of two pages');
  region.keep();
  region.setFloat64(8, 0.5);
  region.setBigUint64(16, 7n);
  region.set(Uint8Array.of(1, 2), 12_286);
  assert.equal(new Float64Array(region.buffer)[1], 0.5);
  assert.throws(() => region.writable(12_287, 2), RangeError);
  assert.throws(() => region.writable(-1, 2), RangeError);
});
