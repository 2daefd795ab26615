/**
 * The rule of `output.ts` against every order in which output, commitments and takeover can come: a client that had some
 * beginning of the active's output gets the one stream that the replica's program wrote, or a reset; never a mixture.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Commitment, type Output, SharedOutput } from '../../src/sessions/output.ts';

/** Where the replica's output differs from the active's, if at all. */
type Difference = { readonly at: number; readonly kind: 'byte' | 'short' | 'long' } | undefined;

const scenario = fc.record({
  length: fc.integer({ min: 1, max: 60 }),
  difference: fc.option(
    fc.record({ at: fc.nat({ max: 59 }), kind: fc.constantFrom('byte', 'short', 'long') }),
    { nil: undefined },
  ),
  /** What happens next, and how much of it. */
  steps: fc.array(
    fc.record({
      who: fc.constantFrom('active', 'replica', 'channel', 'answer', 'client', 'kernel'),
      count: fc.integer({ min: 1, max: 12 }),
    }),
    { maxLength: 80 },
  ),
});

function streams(length: number, difference: Difference): { active: Uint8Array; replica: Uint8Array } {
  const active = Uint8Array.from({ length }, (_, index) => (index * 37) & 0xff);
  if (difference === undefined) return { active, replica: active.slice() };
  const at = Math.min(difference.at, length - 1);
  if (difference.kind === 'short') return { active, replica: active.slice(0, at) };
  if (difference.kind === 'long') return { active, replica: Uint8Array.from([...active, 1, 2, 3]) };
  const replica = active.slice();
  replica[at] = (replica[at] ?? 0) ^ 1;
  return { active, replica };
}

/** Writes the next `count` bytes of `stream` as its program would; says when it ends. */
class Writer {
  readonly #stream: Uint8Array;
  readonly #output: Output;
  #at = 0;
  #ended = false;

  constructor(stream: Uint8Array, output: Output) {
    this.#stream = stream;
    this.#output = output;
  }

  write(count: number): void {
    if (this.#at < this.#stream.length) {
      this.#output.add(this.#stream.slice(this.#at, this.#at + count));
      this.#at = Math.min(this.#at + count, this.#stream.length);
    } else if (!this.#ended) {
      this.#ended = true;
      this.#output.end();
    }
  }
}

/** What `output` lets go of, at most `count` bytes. */
function takeFrom(output: Output, count: number): Uint8Array {
  const bytes = output.next().slice(0, count);
  output.taken(bytes.length);
  return bytes;
}

function drain(output: Output): number[] {
  const all: number[] = [];
  for (let bytes = takeFrom(output, 1000); bytes.length > 0; bytes = takeFrom(output, 1000))
    all.push(...bytes);
  return all;
}

test('whenever the takeover comes, the client has the replica’s stream and no other, or is reset', () => {
  const ends = { agreed: 0, reset: 0 };
  fc.assert(
    fc.property(scenario, ({ length, difference, steps }) => {
      const { active, replica } = streams(length, difference);
      const sent: Commitment[] = [];
      let delivered = 0;
      let answered = 0;
      const held = SharedOutput.leading((commitment) => {
        sent.push(commitment);
        return true;
      });
      const compared = SharedOutput.following(() => false);
      const one = new Writer(active, held);
      const other = new Writer(replica, compared);
      const client: number[] = [];
      const kernel: number[] = [];
      for (const { who, count } of steps) {
        if (who === 'active') one.write(count);
        else if (who === 'replica') other.write(count);
        else if (who === 'channel')
          for (const commitment of sent.slice(delivered, delivered + count)) {
            compared.expect(commitment);
            delivered++;
          }
        else if (who === 'answer') {
          answered = Math.min(answered + count, delivered);
          held.clear(sent[answered - 1]?.offset ?? 0);
        } else if (who === 'client') client.push(...takeFrom(held, count));
        else kernel.push(...takeFrom(compared, count));
      }
      compared.lead();
      for (let turn = 0; turn < 100; turn++) {
        other.write(7);
        kernel.push(...drain(compared));
      }
      // Its kernel sends from what the client acknowledged; the client takes what it has not yet.
      const whole = [...client, ...kernel.slice(client.length)];
      assert.deepEqual(kernel, [...replica.subarray(0, kernel.length)]);
      const committed = sent[delivered - 1]?.offset ?? 0;
      const same =
        replica.length >= committed &&
        Buffer.from(active.subarray(0, committed)).equals(replica.subarray(0, committed));
      if (same) {
        ends.agreed++;
        assert.equal(compared.diverged, false, 'nothing that the client may have had is different');
        assert.deepEqual(whole, [...replica], 'it goes on to the end');
      } else {
        ends.reset++;
        assert.ok(compared.diverged, 'it is found');
        assert.deepEqual(
          whole,
          [...active.subarray(0, whole.length)],
          'until the reset no byte is the replica’s own',
        );
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(ends.agreed > 200 && ends.reset > 50, JSON.stringify(ends));
});

test('the active releases nothing that the standby has no commitment of, and everything when there is none', () => {
  const sent: Commitment[] = [];
  const output = SharedOutput.leading((commitment) => sent.push(commitment) > 0);
  output.add(Uint8Array.of(1, 2, 3));
  output.add(Uint8Array.of(4));
  assert.equal(output.next().length, 0);
  output.clear(3);
  assert.deepEqual([...output.next()], [1, 2, 3]);
  output.taken(2);
  assert.deepEqual([...output.next()], [3]);
  output.taken(1);
  assert.equal(output.next().length, 0);
  output.release();
  assert.deepEqual([...output.next()], [4]);
  output.end();
  assert.deepEqual(
    sent.map(({ offset }) => offset),
    [3, 4],
  );
  const alone = SharedOutput.leading(() => false);
  alone.add(Uint8Array.of(9));
  assert.equal(alone.next().length, 1);
});

test('roles change back and forth: the client has the one stream, and nobody finds a difference that is not there', () => {
  const steps = fc.array(
    fc.record({
      do: fc.constantFrom('write0', 'write1', 'carry', 'answer', 'send', 'swap', 'alone', 'together'),
      count: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 120 },
  );
  let swaps = 0;
  fc.assert(
    fc.property(steps, (plan) => {
      const stream = Uint8Array.from({ length: 60 }, (_, index) => (index * 37) & 0xff);
      let leader: 0 | 1 = 0;
      let mirrored = true;
      let sent: Commitment[] = [];
      let delivered = 0;
      let answered = 0;
      const commit = (commitment: Commitment): boolean => mirrored && sent.push(commitment) > 0;
      const outputs = [SharedOutput.leading(commit), SharedOutput.following(commit)] as const;
      const writers = outputs.map((output) => new Writer(stream, output));
      const kernels: [number[], number[]] = [[], []];
      let client = 0;
      const send = (index: 0 | 1, count: number): void => {
        kernels[index].push(...takeFrom(outputs[index], count));
        if (index === leader) client = Math.max(client, kernels[index].length);
      };
      // A program says 9 bytes at most beyond those that the client has answered, and whose answer its own kernel can take.
      const write = (index: 0 | 1, count: number): void => {
        const { length } = kernels[index];
        // Of a follower that was given up nothing is left that could hear it.
        if (mirrored || index === leader) outputs[index].acknowledge(client);
        const more = Math.min(length, client) + 9 - length - outputs[index].waiting;
        if (more > 0) writers[index]?.write(Math.min(count, more));
      };
      const carry = (count: number): void => {
        for (const commitment of sent.slice(delivered, delivered + count)) {
          outputs[leader === 0 ? 1 : 0].expect(commitment);
          delivered++;
        }
      };
      for (const step of plan) {
        if (step.do === 'write0') write(0, step.count);
        else if (step.do === 'write1') write(1, step.count);
        else if (step.do === 'carry') carry(step.count);
        else if (step.do === 'answer') {
          answered = Math.min(answered + step.count, delivered);
          outputs[leader].clear(sent[answered - 1]?.offset ?? 0);
        } else if (step.do === 'send') for (const index of [0, 1] as const) send(index, step.count);
        else if (step.do === 'alone') {
          // The follower is given up: its replica is gone for good, so only the leader's part goes on.
          if (plan.length % 3 === 0) outputs[leader].release();
          else continue;
          mirrored = false;
        } else if (step.do === 'together') outputs[leader].hold(0);
        else if (mirrored) {
          // A planned switchover: what was said before it arrives before it.
          // Or it is not waited for: then the new leader says what it likes until it hears from the old one.
          swaps++;
          const waits = step.count % 2 === 0;
          const next: 0 | 1 = leader === 0 ? 1 : 0;
          if (waits) carry(1000);
          mirrored = waits;
          const { offset } = outputs[leader].said;
          outputs[leader].follow();
          leader = next;
          [sent, delivered, answered] = [[], 0, 0];
          if (waits) outputs[leader].hold(offset);
          outputs[leader].lead();
          if (!waits) {
            write(leader, step.count);
            outputs[leader].release();
            send(leader, step.count);
          }
          mirrored = true;
          outputs[leader].hold(offset);
        }
      }
      for (let turn = 0; turn < 100; turn++) {
        for (const index of [0, 1] as const) write(index, 9);
        carry(1000);
        answered = delivered;
        outputs[leader].clear(sent[answered - 1]?.offset ?? 0);
        for (const index of [0, 1] as const) send(index, 1000);
      }
      for (const output of outputs) assert.equal(output.diverged, false);
      assert.deepEqual(kernels[leader], [...stream], 'the leader says all of it');
      assert.equal(client, stream.length);
      for (const kernel of kernels) assert.deepEqual(kernel, [...stream.subarray(0, kernel.length)]);
    }),
    { numRuns: 2000 },
  );
  assert.ok(swaps > 200, `${swaps} swaps`);
});

test('a replica that is too far behind is told apart', () => {
  const output = SharedOutput.following(() => false);
  for (let offset = 1; !output.overrun; offset++) {
    assert.ok(offset < 100_000);
    output.expect({ offset, digest: '' });
  }
});

test('a replica may say what its client has from the active, before a commitment far ahead of it', () => {
  const sent: Commitment[] = [];
  const active = SharedOutput.leading((commitment) => sent.push(commitment) > 0);
  const [first, second] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
  active.release();
  active.add(first);
  active.add(second);
  active.hold(0);
  const [all] = sent;
  assert.equal(all?.offset, 5);
  for (const said of [Uint8Array.of(4, 5), Uint8Array.of(4, 6)]) {
    const replica = SharedOutput.following(() => false);
    replica.expect(all);
    replica.add(first);
    assert.equal(replica.next().length, 0);
    replica.acknowledge(2);
    assert.deepEqual([...replica.next()], [1, 2]);
    replica.taken(2);
    replica.lead();
    assert.equal(replica.next().length, 0, 'nothing that the client has not');
    replica.acknowledge(3);
    assert.deepEqual([...replica.next()], [3], 'also after the takeover: the client had it before');
    replica.add(said);
    assert.equal(replica.diverged, said[1] === 6);
  }
});

test('a commitment from before the follower led says nothing of what it led; the next one does', () => {
  const sent: Commitment[] = [];
  const active = SharedOutput.leading((commitment) => sent.push(commitment) > 0);
  active.add(Uint8Array.of(1, 2, 3));
  const [early] = sent;
  assert.equal(early?.offset, 3);
  for (const said of [Uint8Array.of(4, 5), Uint8Array.of(4, 6)]) {
    const other = SharedOutput.following(() => false);
    other.add(Uint8Array.of(1, 2, 3));
    other.lead();
    other.add(said);
    const { offset } = other.said;
    assert.equal(offset, 5);
    other.follow();
    other.expect(early);
    assert.equal(other.diverged, false);
    // The active has heard how far the other one came.
    const goesOn = SharedOutput.leading((commitment) => sent.push(commitment) > 0);
    goesOn.hold(offset);
    for (const bytes of [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5)]) goesOn.add(bytes);
    const late = sent.at(-1);
    assert.ok(late !== undefined && late.offset === offset);
    other.expect(late);
    assert.equal(other.diverged, said[1] === 6);
  }
});

test('an output that has to come far before anything of it is released says so', () => {
  const leader = SharedOutput.leading(() => true);
  leader.hold(5);
  leader.add(Uint8Array.of(1, 2, 3));
  assert.ok(leader.short && leader.next().length === 0);
  leader.add(Uint8Array.of(4, 5));
  assert.equal(leader.short, false);
  const follower = SharedOutput.following(() => true);
  follower.add(Uint8Array.of(1));
  assert.equal(follower.short, false);
  follower.expect(leader.said);
  assert.ok(follower.short);
  follower.add(Uint8Array.of(2, 3, 4, 5));
  assert.deepEqual([follower.short, [...follower.next()]], [false, [1]]);
});
