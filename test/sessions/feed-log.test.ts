/** The feed between two relays: nothing twice, nothing left out, and other pasts are found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FeedLog } from '../../src/relay/feed/log.ts';

const entry = fc.uint8Array({ minLength: 13, maxLength: 30 });

/** What `follower` takes of these messages; undefined: it found that the feeds are not one. */
function take(follower: FeedLog, messages: Iterable<Uint8Array>): number[][] | undefined {
  const taken: number[][] = [];
  for (const message of messages) {
    const received = follower.receive(message);
    if (received.kind === 'other') return undefined;
    if (received.kind === 'known') continue;
    follower.add(received.entry);
    taken.push([...received.entry]);
  }
  return taken;
}

test('a follower that has a beginning takes the rest, once', () => {
  fc.assert(
    fc.property(fc.array(entry), fc.nat(), fc.array(entry), (before, known, later) => {
      const leader = new FeedLog();
      const follower = new FeedLog();
      for (const [index, bytes] of before.entries()) {
        leader.add(bytes);
        if (index < known % (before.length + 1)) follower.add(bytes);
      }
      const rest = before.slice(known % (before.length + 1));
      assert.deepEqual(
        take(follower, leader.whole()),
        rest.map((bytes) => [...bytes]),
      );
      for (const bytes of later) {
        leader.add(bytes);
        assert.deepEqual(take(follower, [leader.newest(bytes)]), [[...bytes]]);
      }
      assert.deepEqual(take(follower, leader.whole()), []);
    }),
  );
});

test('another past, a longer one, or a gap is found', () => {
  const bytes = (first: number): Uint8Array => new Uint8Array(13).fill(first);
  const leader = new FeedLog();
  const other = new FeedLog();
  const longer = new FeedLog();
  for (const first of [1, 2]) leader.add(bytes(first));
  for (const first of [1, 3]) other.add(bytes(first));
  for (const first of [1, 2, 3]) longer.add(bytes(first));
  assert.equal(take(other, leader.whole()), undefined);
  assert.deepEqual(take(longer, leader.whole()), []);
  leader.add(bytes(4));
  assert.equal(take(longer, [leader.newest(bytes(4))]), undefined, 'it has an entry that the leader has not');
  assert.equal(take(new FeedLog(), [leader.newest(bytes(4))]), undefined, 'a gap');
});

test('when the beginning is forgotten, only who has it all goes on', () => {
  const leader = new FeedLog(20);
  const follower = new FeedLog(1000);
  for (const first of [1, 2]) {
    const bytes = new Uint8Array(13).fill(first);
    leader.add(bytes);
    follower.add(bytes);
  }
  assert.equal(leader.entries, undefined);
  assert.deepEqual(take(follower, leader.whole()), []);
  assert.equal(take(new FeedLog(), leader.whole()), undefined);
});
