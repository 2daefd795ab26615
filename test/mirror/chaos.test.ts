/** The stream under everything that connections, slow programs and forgers can do to it, from fast-check's choices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Connection, World, type WorldOptions } from './world.ts';

type To = 'sink' | 'source';

type Step =
  | { readonly kind: 'commit'; readonly keys: readonly number[]; readonly size: number }
  /** Some bytes, one way. */
  | { readonly kind: 'deliver'; readonly to: To; readonly nth: number; readonly length: number }
  /** All there is, one way, or both ways and back so often. */
  | { readonly kind: 'drain'; readonly to: To; readonly nth: number }
  | { readonly kind: 'exchange'; readonly nth: number; readonly rounds: number }
  | { readonly kind: 'pass'; readonly us: number }
  | { readonly kind: 'connect' | 'cut' | 'stick' | 'replay'; readonly nth: number }
  | { readonly kind: 'damage'; readonly nth: number; readonly at: number; readonly bit: number };

const to = fc.constantFrom<To>('sink', 'source');
const nth = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('commit'),
      keys: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 3 }),
      size: fc.oneof(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 18_000 }),
        fc.integer({ min: 0, max: 40_000 }),
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deliver'),
      to,
      nth,
      length: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60_000 })),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('drain'), to, nth }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('exchange'), nth, rounds: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass'), us: fc.integer({ min: 0, max: 15_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('connect', 'cut', 'stick', 'replay'), nth }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('damage'), nth, at: fc.nat(), bit: fc.nat({ max: 7 }) }),
  },
) as fc.Arbitrary<Step>;

const options: fc.Arbitrary<WorldOptions> = fc.record({
  policy: fc.constantFrom('wait', 'degrade', 'degrade', 'degrade'),
  degradeAfterUs: fc.constantFrom(20_000, 100_000),
  backlogBytesMax: fc.constantFrom(130_000, 300_000),
  commitBytesMax: fc.constant(130_000),
  pipeBytesMax: fc.constantFrom(3_000, 30_000, 100_000),
  protection: fc.constantFrom('sign', 'encrypt'),
  expected: fc.boolean(),
  standbys: fc.constantFrom(['redundant'], ['redundant', 'third']),
});

function pick<Item>(items: readonly Item[], nth: number): Item | undefined {
  return items[nth % Math.max(1, items.length)];
}

function play(world: World, doing: Step, index: number): void {
  switch (doing.kind) {
    case 'commit': {
      const value = (place: number): string =>
        doing.size === 0 ? '' : `${index}.${place}${'x'.repeat(doing.size)}`;
      world.commit(doing.keys.map((name, place) => [`k${name}`, value(place)]));
      return;
    }
    case 'pass':
      return world.pass(doing.us);
    case 'connect':
      world.connect(pick(world.standbys, doing.nth));
      return;
    case 'stick': {
      const standby = pick(world.standbys, doing.nth);
      if (standby !== undefined) standby.stuck = !standby.stuck;
      return world.settle();
    }
    default: {
      const connection = pick(world.connections, doing.nth);
      if (connection !== undefined) handle(world, connection, doing);
      return world.settle();
    }
  }
}

type Handling = Extract<Step, { kind: 'deliver' | 'drain' | 'exchange' | 'cut' | 'replay' | 'damage' }>;

function handle(world: World, connection: Connection, doing: Handling | Step): void {
  switch (doing.kind) {
    case 'deliver':
      return connection.deliver(doing.to, doing.length);
    case 'drain':
      return connection.deliver(doing.to, Number.POSITIVE_INFINITY);
    case 'exchange':
      for (let round = 0; round < doing.rounds; round++) {
        connection.deliver('source', Number.POSITIVE_INFINITY);
        world.settle();
        connection.deliver('sink', Number.POSITIVE_INFINITY);
        world.settle();
      }
      return;
    case 'cut':
      return connection.cut();
    case 'replay':
      return connection.toSink.repeat();
    case 'damage':
      return (doing.bit % 2 === 0 ? connection.toSink : connection.toSource).damage(doing.at, doing.bit);
  }
}

/** Nothing is broken any more: what must come to be true. */
function heal(world: World): void {
  for (const standby of world.standbys) standby.stuck = false;
  for (const connection of [...world.connections]) connection.cut();
  world.settle();
  for (const standby of world.standbys) world.connect(standby);
  for (let round = 0; round < 4; round++) {
    world.flow();
    world.pass(11_000);
    world.flow();
  }
}

test('whatever connections do, a standby holds what was, claims only what is so, and gets everything in the end', () => {
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 20, maxLength: 250, size: 'max' }), (chosen, steps) => {
      const world = new World(chosen);
      world.connect();
      for (const [index, doing] of steps.entries()) play(world, doing, index);
      heal(world);
      assert.equal(world.resolved, world.source.head);
      assert.ok(world.source.ledger.mirrored);
      for (const { sink, nowUs } of world.standbys) {
        assert.equal(sink.position.held, world.source.head);
        assert.equal(sink.claim(nowUs), 'complete');
      }
    }),
    { numRuns: 300 },
  );
});
