/** The stream as a whole: phases, losses, slow and absent standbys, claims. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usual, World } from './world.ts';

const fill = (length: number): string => 'x'.repeat(length);

function phases(world: World): string[] {
  return world.events.flatMap((event) => (event.kind === 'phase' ? [event.phase] : []));
}

test('a standby gets a snapshot, catches up, and follows', () => {
  const world = new World();
  for (let index = 0; index < 50; index++) world.commit([[`k${index}`, fill(300)]]);
  assert.equal(world.resolved, 0, 'nothing resolves while an expected standby is not there');
  world.connect();
  world.flow();
  assert.deepEqual(phases(world), ['snapshot', 'catchUp', 'live']);
  assert.equal(world.resolved, world.source.head);
  const sequence = world.commit([['last', 'word']]);
  assert.ok(world.resolved < sequence);
  world.flow();
  assert.equal(world.resolved, sequence);
  assert.equal(world.first.model.state.get('last'), 'word');
});

test('commits during a snapshot go out between its pieces, and the state is right in the end', () => {
  const world = new World({ ...usual, backlogBytesMax: 4_000_000 });
  for (let index = 0; index < 400; index++) world.commit([[`k${index}`, fill(1000)]]);
  const connection = world.connect();
  for (let step = 0; step < 60; step++) {
    world.settle();
    connection.deliver('source', 10_000);
    connection.deliver('sink', 10_000);
    world.commit([
      [`k${step * 5}`, `new${step}`],
      [`k${step * 7}`, ''],
    ]);
  }
  world.flow();
  const { log } = world.first.model;
  assert.ok(log.lastIndexOf('chunk') > log.indexOf('commit'), 'commits and chunks took turns');
  assert.equal(world.resolved, world.source.head);
});

test('a broken connection resumes at the next commit, without a snapshot', () => {
  const world = new World();
  const first = world.connect();
  world.flow();
  world.commit([['a', '1']]);
  world.settle();
  first.deliver('sink', 50);
  first.cut();
  world.commit([['b', '2']]);
  world.connect();
  world.flow();
  assert.deepEqual(phases(world), ['snapshot', 'catchUp', 'live', 'absent', 'catchUp', 'live']);
  assert.equal(world.resolved, world.source.head);
});

test('what the backlog no longer has is made good by a snapshot, and nobody is stopped', () => {
  const world = new World();
  world.connect().cut();
  world.connect();
  world.flow();
  world.connections[0]?.cut();
  for (let index = 0; index < 20; index++) world.commit([[`k${index}`, fill(5000)]]);
  world.connect();
  world.flow();
  assert.equal(phases(world).filter((phase) => phase === 'snapshot').length, 2);
  assert.equal(world.resolved, world.source.head);
});

test('a standby that falls out of the backlog while it is connected gets a snapshot', () => {
  const world = new World({ ...usual, pipeBytesMax: 3000 });
  world.connect();
  world.flow();
  for (let index = 0; index < 20; index++) world.commit([[`k${index}`, fill(5000)]]);
  world.flow();
  assert.deepEqual(phases(world), ['snapshot', 'catchUp', 'live', 'snapshot', 'catchUp', 'live']);
  assert.equal(world.resolved, world.source.head);
});

test('a snapshot does not end before the commits that its last piece shows', () => {
  const world = new World({ ...usual, backlogBytesMax: 4_000_000, pipeBytesMax: 3000 });
  for (let index = 0; index < 100; index++) world.commit([[`k${index}`, fill(1000)]]);
  const connection = world.connect();
  for (let step = 0; world.first.model.log.at(-1) !== 'end'; step++) {
    if (step < 300) world.commit([[`k${step % 100}`, `${step}${fill(3000)}`]]);
    connection.deliver('source', 5000);
    world.settle();
    connection.deliver('sink', 3000);
    world.settle();
  }
  world.flow();
  assert.equal(world.resolved, world.source.head);
});

test('a standby that is cut off in a snapshot keeps the state it had', () => {
  const world = new World({ ...usual, commitBytesMax: 40_000 });
  world.commit([['old', 'state']]);
  world.connect();
  world.flow();
  world.connections[0]?.cut();
  for (let index = 0; index < 4; index++) world.commit([[`k${index}`, fill(30_000)]]);
  const connection = world.connect();
  while (world.first.model.log.at(-1) !== 'chunk') {
    connection.deliver('source', 10_000);
    connection.deliver('sink', 40_000);
    world.settle();
  }
  connection.cut();
  world.settle();
  assert.equal(world.first.model.log.at(-2), 'abort');
  assert.equal(world.first.model.state.get('old'), 'state');
  assert.equal(world.first.model.state.size, 1);
});

test('degrade: after a while commits resolve without the standby, and with it again when it has caught up', () => {
  const world = new World();
  world.connect();
  world.flow();
  world.connections[0]?.cut();
  const sequence = world.commit([['a', '1']]);
  world.pass(99_999);
  assert.ok(world.resolved < sequence);
  world.pass(1);
  assert.equal(world.resolved, sequence);
  assert.ok(world.events.some((event) => event.kind === 'resolved' && !event.mirrored));
  world.connect();
  world.flow();
  assert.ok(world.source.ledger.mirrored);
  const next = world.commit([['b', '2']]);
  assert.ok(world.resolved < next, 'it counts again');
  assert.deepEqual(
    world.events.flatMap((event) =>
      event.kind === 'degraded' || event.kind === 'counts' ? [event.kind] : [],
    ),
    ['degraded', 'counts'],
  );
});

test('wait: without the standby nothing resolves, however long it takes', () => {
  const world = new World({ ...usual, policy: 'wait' });
  world.connect();
  world.flow();
  world.connections[0]?.cut();
  const sequence = world.commit([['a', '1']]);
  for (let hour = 0; hour < 24; hour++) world.pass(3_600_000_000);
  assert.ok(world.resolved < sequence);
  assert.equal(world.first.sink.claim(world.first.nowUs), 'complete');
  world.connect();
  world.flow();
  assert.equal(world.resolved, sequence);
});

test('a standby that leaves in order is not waited for, and claims nothing', () => {
  const world = new World();
  world.connect();
  world.flow();
  world.pass(10_000);
  world.flow();
  assert.equal(world.first.sink.claim(world.first.nowUs), 'complete');
  world.first.sink.leave();
  world.flow();
  assert.equal(world.first.sink.claim(world.first.nowUs), 'uncertain');
  const sequence = world.commit([['a', '1']]);
  assert.equal(world.resolved, sequence);
});

test('a claim ends by itself when the source falls silent', () => {
  const world = new World();
  world.connect();
  world.flow();
  world.pass(10_000);
  world.flow();
  assert.equal(world.first.sink.claim(world.first.nowUs), 'complete');
  world.pass(60_000);
  assert.equal(world.first.sink.claim(world.first.nowUs), 'uncertain');
});

test('a source of a lower term than the standby knows is refused, and learns that it is the past', () => {
  const world = new World();
  world.first.sink.noteTerm({ counter: 6, member: 2 });
  const connection = world.connect();
  world.flow();
  assert.equal(connection.sink.ended, 'lowerTerm');
  assert.equal(connection.source.ended, 'superseded');
  assert.ok(world.events.some((event) => event.kind === 'superseded' && event.term.counter === 6));
  world.commit([['a', '1']]);
  world.pass(1_000_000);
  assert.equal(world.resolved, 0, 'nothing of a past term resolves');
});

test('a standby that hears of a higher term drops the stream it follows and its claim with it', () => {
  const world = new World();
  const connection = world.connect();
  world.flow();
  world.pass(10_000);
  world.flow();
  world.first.sink.noteTerm({ counter: 6, member: 2 });
  assert.equal(connection.sink.ended, 'lowerTerm');
  assert.equal(world.first.sink.claim(world.first.nowUs), 'uncertain');
  world.flow();
  assert.ok(world.events.some((event) => event.kind === 'superseded'));
});

test('two standbys: one is slow and no longer waited for, the other one is', () => {
  const world = new World({ ...usual, standbys: ['redundant', 'third'] });
  const [quick, slow] = world.standbys;
  assert.ok(quick && slow);
  world.connect(quick);
  const connection = world.connect(slow);
  world.flow();
  assert.ok(world.source.ledger.mirrored);
  connection.cut();
  const sequence = world.commit([['a', '1']]);
  world.flow();
  assert.ok(world.resolved < sequence);
  world.pass(100_000);
  assert.equal(world.resolved, sequence);
  assert.ok(!world.source.ledger.mirrored);
  assert.ok(world.source.ledger.counts('redundant'));
});

test('a standby whose program takes nothing stops the flow at its window', () => {
  const world = new World({ ...usual, backlogBytesMax: 1_000_000 });
  world.connect();
  world.flow();
  world.first.stuck = true;
  for (let index = 0; index < 60; index++) world.commit([[`k${index}`, fill(10_000)]]);
  world.flow();
  assert.ok(world.first.sink.queuedBytes > 90_000);
  assert.ok(world.resolved < world.source.head);
  world.first.stuck = false;
  world.flow();
  assert.equal(world.resolved, world.source.head);
});

test('reconnecting does not make room that there is not', () => {
  const world = new World({ ...usual, backlogBytesMax: 2_000_000 });
  world.connect();
  world.flow();
  world.first.stuck = true;
  for (let index = 0; index < 100; index++) world.commit([[`k${index}`, fill(10_000)]]);
  for (let attempt = 0; attempt < 5; attempt++) {
    world.connect();
    world.flow();
    world.connections.at(-1)?.cut();
  }
  const { queuedBytes, options } = world.first.sink;
  assert.ok(queuedBytes <= options.windowBytes + options.commitBytesMax, `${queuedBytes} bytes wait`);
  world.first.stuck = false;
  world.settle();
  world.connect();
  world.flow();
  assert.equal(world.resolved, world.source.head);
});

test('of two connections of one standby the newer one counts, and what the older one still brings does not', () => {
  const world = new World();
  const older = world.connect();
  world.flow();
  world.commit([['a', '1']]);
  older.deliver('sink', Number.POSITIVE_INFINITY);
  older.fill();
  const newer = world.connect();
  newer.deliver('source', Number.POSITIVE_INFINITY);
  world.settle();
  newer.deliver('sink', Number.POSITIVE_INFINITY);
  world.settle();
  newer.deliver('source', Number.POSITIVE_INFINITY);
  assert.deepEqual([older.sink.ended, older.source.ended], ['superseded', 'superseded']);
  older.deliver('source', Number.POSITIVE_INFINITY);
  world.flow();
  assert.equal(newer.source.ended, undefined);
  assert.equal(world.resolved, world.source.head);
});

test('a commit may be larger than the window; one larger than agreed is refused', () => {
  const world = new World({ ...usual, backlogBytesMax: 2_000_000, commitBytesMax: 1_000_000 });
  world.connect();
  world.flow();
  const many = Array.from({ length: 90 }, (_, index) => [`k${index}`, fill(10_000)] as const);
  world.commit(many);
  world.flow();
  assert.equal(world.resolved, world.source.head);
  assert.throws(() => world.commit([['k', fill(1_000_001)]]), RangeError);
});

test('a connection may be lost after any byte', () => {
  const whole = new World();
  whole.commit([['a', fill(100)]]);
  const length = (() => {
    const connection = whole.connect();
    let bytes = 0;
    for (let round = 0; round < 6; round++) {
      whole.settle();
      bytes += connection.toSink.bytes;
      connection.deliver('source', 1e6);
      connection.deliver('sink', 1e6);
    }
    return bytes;
  })();
  assert.ok(length > 300);
  for (let cutAt = 0; cutAt <= length; cutAt++) {
    const world = new World();
    world.commit([['a', fill(100)]]);
    const connection = world.connect();
    let left = cutAt;
    for (let round = 0; round < 6; round++) {
      world.settle();
      connection.deliver('source', 1e6);
      const part = Math.min(left, connection.toSink.bytes);
      connection.deliver('sink', part);
      left -= part;
    }
    connection.cut();
    world.commit([['b', '2']]);
    world.connect();
    world.flow();
    assert.equal(world.resolved, world.source.head, `after ${cutAt} bytes`);
  }
});
