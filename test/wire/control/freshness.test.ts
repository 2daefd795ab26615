import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Freshness, hopsAllowed } from '../../../src/wire/control/freshness.ts';
import {
  type BootNonce,
  type ControlMessage,
  ControlType,
  MemberState,
  noTerm,
} from '../../../src/wire/control/message.ts';

const cluster = 0xc1;
const path = 1;

/** A member's end of one path: what it judges and what it sends. */
class End {
  readonly freshness: Freshness;
  readonly boot: BootNonce;
  readonly #self: number;
  readonly #peer: number;
  #sequence = 0;

  constructor(self: number, peer: number, boot: BootNonce) {
    this.#self = self;
    this.#peer = peer;
    this.boot = boot;
    this.freshness = new Freshness({ self, peer, cluster, path, boot });
  }

  /** The next datagram; with `echo` given, one that was written when the sender believed in that boot. */
  next(echo: BootNonce = this.freshness.echo): ControlMessage {
    this.#sequence += 1;
    return {
      type: ControlType.heartbeat,
      flags: 0,
      cluster,
      sender: this.#self,
      receiver: this.#peer,
      path,
      senderBoot: this.boot,
      echoBoot: echo,
      sequence: this.#sequence,
      scope: 0,
      term: noTerm,
      state: MemberState.starting,
      intervalUs: 2000,
      groups: [],
      target: 0,
    };
  }

  /** 'believed', 'introduced' or the reason of the refusal. */
  hear(message: ControlMessage): string {
    const verdict = this.freshness.check(message);
    return verdict.verdict === 'refused' ? verdict.reason : verdict.verdict;
  }
}

/** Two members that have proven each other. */
function pair(): { near: End; far: End } {
  const near = new End(1, 2, 0xa0);
  const far = new End(2, 1, 0xb0);
  near.hear(far.next());
  far.hear(near.next());
  near.hear(far.next());
  assert.deepEqual([near.freshness.proven, far.freshness.proven], [0xb0, 0xa0]);
  return { near, far };
}

test('three datagrams and both are believed', () => {
  const near = new End(1, 2, 0xa0);
  const far = new End(2, 1, 0xb0);
  assert.equal(near.freshness.echo, 0);
  assert.equal(near.hear(far.next()), 'introduced');
  assert.equal(near.freshness.proven, 0);
  assert.equal(far.hear(near.next()), 'believed');
  assert.equal(near.hear(far.next()), 'believed');
});

test('what was meant for another place is refused', () => {
  const { near, far } = pair();
  const good = far.next();
  assert.equal(near.hear({ ...good, cluster: 0xc2 }), 'foreignCluster');
  assert.equal(near.hear({ ...good, sender: 3 }), 'wrongSender');
  assert.equal(near.hear({ ...good, receiver: 3 }), 'notForUs');
  assert.equal(near.hear({ ...good, path: 2 }), 'wrongPath');
  assert.equal(near.hear(near.next()), 'reflected');
  assert.equal(near.hear(new End(1, 2, 0xa1).next()), 'sameNode');
  assert.equal(near.hear(good), 'believed');
});

test('two machines that both are the peer are noticed; a restart and recordings are no second one', () => {
  const { near, far } = pair();
  const recorded = Array.from({ length: 20 }, () => far.next());
  const restarted = new End(2, 1, 0xb1);
  restarted.hear(near.next());
  assert.equal(near.hear(restarted.next()), 'introduced');
  assert.equal(near.hear(far.next()), 'believed', 'delayed');
  for (let sends = 0; sends < 4; sends++) restarted.hear(near.next());
  assert.equal(near.hear(restarted.next()), 'believed');
  for (const message of recorded) {
    assert.equal(near.hear(message), 'retiredBoot');
    assert.equal(near.hear(restarted.next()), 'believed');
  }
  assert.equal(near.freshness.contested, false);

  const twin = new End(2, 1, 0xb2);
  for (let turns = 0; turns < 5; turns++) {
    assert.equal(near.freshness.contested, false);
    const sent = near.next();
    twin.hear(sent);
    restarted.hear(sent);
    assert.equal(near.hear(twin.next()), 'introduced');
    assert.equal(near.hear(restarted.next()), 'believed');
  }
  assert.equal(near.freshness.contested, true);
});

test('a repetition is refused, a datagram overtaken by others is not', () => {
  const { near, far } = pair();
  const sent = Array.from({ length: 100 }, () => far.next());
  const [first, ...rest] = sent;
  const early = rest.slice(0, 40);
  for (const message of early.toReversed()) assert.equal(near.hear(message), 'believed');
  for (const message of early) assert.equal(near.hear(message), 'replayed');
  assert.ok(first !== undefined);
  assert.equal(near.hear(first), 'believed');
  const last = sent.at(-1);
  assert.ok(last !== undefined);
  assert.equal(near.hear(last), 'believed');
  assert.equal(near.hear(first), 'stale');
});

test('in any order and number, each sequence number is believed once at most', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 3, max: 300 }), { maxLength: 300 }), (sequences) => {
      const { near, far } = pair();
      const seen = new Set<number>();
      let highest = 2;
      for (const sequence of sequences) {
        const heard = near.hear({ ...far.next(), sequence });
        const expected = sequence <= highest - 64 ? 'stale' : seen.has(sequence) ? 'replayed' : 'believed';
        assert.equal(heard, expected);
        if (heard === 'believed') seen.add(sequence);
        highest = Math.max(highest, sequence);
      }
    }),
    { numRuns: 500 },
  );
});

test('the window holds across its words and at the top of the range', () => {
  const { near, far } = pair();
  const top = 0xffff_ffff_ffff;
  const at = (sequence: number): string => near.hear({ ...far.next(), sequence });
  for (const back of [200, 168, 137, 136, 105, 104, 73, 72, 63, 31, 32, 0])
    assert.equal(at(top - back), 'believed');
  for (const back of [63, 32, 31, 0]) assert.equal(at(top - back), 'replayed');
  for (const back of [62, 33, 30, 1]) assert.equal(at(top - back), 'believed');
  assert.equal(at(top - 64), 'stale');
});

test('a recording from before our restart is never believed', () => {
  const { near, far } = pair();
  const recording = Array.from({ length: 200 }, () => far.next());
  for (const message of recording) near.hear(message);
  const restarted = new End(1, 2, 0xa1);
  for (const message of recording) assert.equal(restarted.hear(message), 'introduced');
  assert.equal(restarted.freshness.proven, 0);
});

/** The member sends into the void until the boot it has proven counts as quiet. */
function waitForQuiet(end: End): void {
  for (let sends = 0; sends < 4; sends++) end.next();
}

test('our own restart: the peer believes the new boot, and no word of the old one after it', () => {
  const { near, far } = pair();
  const recording = Array.from({ length: 20 }, () => near.next());
  const restarted = new End(1, 2, 0xa1);
  assert.equal(far.hear(restarted.next()), 'introduced');
  assert.equal(far.freshness.echo, 0xa0, 'still believes in the old boot');
  waitForQuiet(far);
  restarted.hear(far.next());
  assert.equal(far.hear(restarted.next()), 'believed');
  assert.equal(far.freshness.proven, 0xa1);
  for (const message of recording) assert.equal(far.hear(message), 'retiredBoot');
  assert.equal(restarted.hear(far.next()), 'believed');
  assert.equal(far.hear(restarted.next()), 'believed');
});

test('another boot does not replace one that still speaks', () => {
  const { near, far } = pair();
  const lost = new End(2, 1, 0xb9);
  for (let round = 0; round < 100; round++) {
    assert.equal(near.hear(lost.next(0xa0)), 'introduced');
    assert.equal(near.hear(far.next()), 'believed');
    assert.equal(far.hear(near.next()), 'believed');
  }
});

test('after a path without carrier, whoever was started anew is believed by its first word; who lives on, too', () => {
  for (const restarts of [true, false]) {
    const { near, far } = pair();
    near.freshness.cutOff();
    const other = restarts ? new End(2, 1, 0xb9) : far;
    assert.equal(near.hear(other.next(0xa0)), 'believed');
    assert.equal(near.freshness.proven, other.boot);
    assert.equal(near.hear(new End(2, 1, 0xba).next(0xa0)), 'introduced', 'and nobody in its place');
  }
});

test('played while the living one is quiet, a recording that was never heard replaces it, until it runs out', () => {
  const { near, far } = pair();
  const lost = new End(2, 1, 0xb9);
  const recording = Array.from({ length: 10 }, () => lost.next(0xa0));
  waitForQuiet(near);
  for (const message of recording) assert.equal(near.hear(message), 'believed');
  assert.equal(near.hear(far.next()), 'retiredBoot');
  waitForQuiet(near);
  assert.equal(near.hear(far.next()), 'believed');
  waitForQuiet(near);
  for (const message of recording) assert.equal(near.hear(message), 'retiredBoot');
  assert.equal(near.hear(far.next()), 'believed');
});

test('the last 64 replaced boots stay refused', () => {
  const far = new End(2, 1, 0xb0);
  const words = Array.from({ length: 65 }, (_, index) => new End(1, 2, 0x100 + index).next(0xb0));
  for (const message of words) {
    assert.equal(far.hear(message), 'believed');
    waitForQuiet(far);
  }
  for (const message of words.slice(0, 64)) assert.equal(far.hear(message), 'retiredBoot');
  assert.equal(far.freshness.proven, 0x100 + 64);
});

test('a flood of recorded introductions does not make a member deaf to the one it has proven', () => {
  const { near, far } = pair();
  for (let round = 0; round < 1000; round++) {
    for (let old = 0; old < 5; old++)
      assert.equal(near.hear(new End(2, 1, 0x1000 + round * 5 + old).next(0)), 'introduced');
    assert.equal(near.freshness.echo, 0xb0);
    assert.equal(near.hear(far.next()), 'believed');
    assert.equal(far.hear(near.next()), 'believed');
  }
});

/** Rounds until both are proven, each side flooded in each round, before and after the living peer spoke. */
function roundsToMeet(oldBoots: number, salt: number): number {
  const near = new End(1, 2, 0xa000_0000_0000 + salt);
  const far = new End(2, 1, 0xb000_0000_0000 + salt * 7919);
  const recordingsOf = (sender: number, receiver: number): ControlMessage[] =>
    Array.from({ length: oldBoots }, (_, index) =>
      new End(sender, receiver, 0x77_0000_0001 * (index + 1) + salt).next(0),
    );
  const [ofNear, ofFar] = [recordingsOf(1, 2), recordingsOf(2, 1)];
  for (let round = 1; round <= 10_000; round++) {
    for (const message of ofFar) near.hear(message);
    near.hear(far.next());
    for (const message of ofFar) near.hear(message);
    for (const message of ofNear) far.hear(message);
    far.hear(near.next());
    for (const message of ofNear) far.hear(message);
    if (near.freshness.proven === far.boot && far.freshness.proven === near.boot) return round;
  }
  return Number.POSITIVE_INFINITY;
}

test('two members that start under a flood of recordings meet', () => {
  for (let salt = 0; salt < 200; salt++) {
    for (const oldBoots of [0, 1, 10, 50]) {
      const rounds = roundsToMeet(oldBoots, salt);
      assert.ok(rounds <= 3 + oldBoots * 12, `${oldBoots} old boots, salt ${salt}: ${rounds} rounds`);
    }
  }
});

test('members that restart, lose, delay and repeat datagrams always come to believe each other', () => {
  const step = fc.record({
    from: fc.constantFrom('near', 'far'),
    fate: fc.constantFrom('arrives', 'lost', 'repeated', 'restart'),
    old: fc.nat(),
  });
  const both = ['near', 'far'] as const;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ends = { near: new End(1, 2, 1), far: new End(2, 1, 2) };
      const recorded: { near: ControlMessage[]; far: ControlMessage[] } = { near: [], far: [] };
      const believed = new Set<string>();
      let boots = 2;
      const hear = (to: 'near' | 'far', message: ControlMessage): void => {
        if (ends[to].hear(message) !== 'believed') return;
        const key = `${ends[to].boot} ${message.senderBoot} ${message.sequence}`;
        assert.ok(!believed.has(key), 'believed twice');
        assert.equal(message.echoBoot, ends[to].boot);
        believed.add(key);
      };
      for (const { from: name, fate, old } of steps) {
        const from = name === 'near' ? 'near' : 'far';
        const to = from === 'near' ? 'far' : 'near';
        if (fate === 'restart') {
          boots += 1;
          ends[from] = from === 'near' ? new End(1, 2, boots) : new End(2, 1, boots);
          continue;
        }
        const fresh = ends[from].next();
        recorded[from].push(fresh);
        const message = fate === 'repeated' ? (recorded[from][old % recorded[from].length] ?? fresh) : fresh;
        if (fate !== 'lost') hear(to, message);
      }
      for (let round = 0; round < 7; round++) {
        for (const from of both) hear(from === 'near' ? 'far' : 'near', ends[from].next());
      }
      assert.deepEqual(
        [ends.near.freshness.proven, ends.far.freshness.proven],
        [ends.far.boot, ends.near.boot],
      );
    }),
    { numRuns: 3000 },
  );
});

test('a nonce of 0 is refused at the start: it is what those echo who know nobody', () => {
  assert.throws(() => new Freshness({ self: 1, peer: 2, cluster, path, boot: 0 }), RangeError);
});

test('an attached path demands 255, a routed one as many hops less', () => {
  assert.deepEqual(
    [255, 254].map((ttl) => hopsAllowed(ttl, 0)),
    [true, false],
  );
  assert.deepEqual(
    [255, 253, 252].map((ttl) => hopsAllowed(ttl, 2)),
    [true, true, false],
  );
});
