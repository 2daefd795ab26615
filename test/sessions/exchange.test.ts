/** The two machines' messages: each arrives once and in order, whatever breaks, until one side forgets the other. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Exchange } from '../../src/relay/exchange.ts';
import { bytesUpTo } from '../wire/properties.ts';

const kind = 16;

class End {
  readonly heard: number[] = [];
  readonly met: boolean[] = [];
  had = 0;
  exchange: Exchange;
  /** What is done when messages are here and not heard yet. */
  flush: () => void = () => undefined;
  /** What is done when the other side has so many more. */
  heardOf: (more: number) => void = () => undefined;

  constructor() {
    this.exchange = this.#fresh();
  }

  /** The process ends, and another one begins. */
  restart(): void {
    this.heard.length = 0;
    this.had = 0;
    this.exchange = this.#fresh();
  }

  #fresh(): Exchange {
    return new Exchange(
      {
        met: (anew) => {
          this.met.push(anew);
          if (!anew) return;
          this.heard.length = 0;
          this.had = 0;
        },
        message: (_kind, body) => this.heard.push(Buffer.from(body).readUInt32BE()),
        had: (count) => {
          const more = count - this.had;
          this.had = count;
          this.heardOf(more);
        },
        note: () => undefined,
        flush: () => this.flush(),
      },
      (length) => randomBytes(length),
    );
  }
}

function number(value: number): Uint8Array {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(value);
  return body;
}

/** A connection that loses the bytes in it when it breaks. */
class Line {
  readonly #ends: readonly [End, End];
  #wires: [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)];

  constructor(ends: readonly [End, End]) {
    this.#ends = ends;
  }

  connect(): void {
    this.break();
    for (const { exchange } of this.#ends) exchange.connected();
  }

  break(): void {
    this.#wires = [Buffer.alloc(0), Buffer.alloc(0)];
    for (const { exchange } of this.#ends) exchange.disconnected();
  }

  /** At most `bytes` of what `from` has written arrive. */
  carry(from: 0 | 1, bytes: number): void {
    // Room for one message, not for a greeting.
    const room = Buffer.alloc(16);
    for (;;) {
      const length = this.#ends[from].exchange.take(room);
      if (length === 0) break;
      this.#wires[from] = Buffer.concat([this.#wires[from], room.subarray(0, length)]);
    }
    const part = this.#wires[from].subarray(0, bytes);
    this.#wires[from] = this.#wires[from].subarray(part.length);
    if (part.length > 0) assert.ok(this.#ends[1 - from]?.exchange.receive(part));
  }

  settle(): void {
    for (let turn = 0; turn < 8; turn++) for (const from of [0, 1] as const) this.carry(from, 1e9);
  }
}

test('over any number of broken connections each message arrives once, in order, and is known to have', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('send' as const), from: fc.constantFrom(0 as const, 1 as const) }),
      fc.record({
        do: fc.constant('carry' as const),
        from: fc.constantFrom(0 as const, 1 as const),
        bytes: fc.integer({ min: 1, max: 60 }),
      }),
      fc.constant({ do: 'break' as const }),
    ),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(steps, (plan) => {
      const ends = [new End(), new End()] as const;
      const line = new Line(ends);
      line.connect();
      line.settle();
      const sent: [number, number] = [0, 0];
      const send = (from: 0 | 1): unknown => ends[from].exchange.send(kind, number(++sent[from]));
      // As a packet that is delivered makes a server say something.
      for (const from of [0, 1] as const)
        ends[from].heardOf = (more) => {
          if (more > 1) send(from);
        };
      for (const step of plan) {
        if (step.do === 'send') send(step.from);
        else if (step.do === 'carry') line.carry(step.from, step.bytes);
        else line.connect();
      }
      line.connect();
      line.settle();
      for (const from of [0, 1] as const) {
        const expected = Array.from({ length: sent[from] }, (_, index) => index + 1);
        assert.deepEqual(ends[1 - from]?.heard, expected);
        assert.equal(ends[from].had, sent[from]);
        assert.equal(ends[from].exchange.keptBytes, 0);
        assert.deepEqual(ends[from].met.slice(1).includes(true), false, 'they remembered each other');
      }
    }),
  );
});

test('what is said when a new connection tells what the other side has comes behind what it lacks', () => {
  const ends = [new End(), new End()] as const;
  const line = new Line(ends);
  line.connect();
  line.settle();
  const [from, to] = ends;
  for (const value of [1, 2, 3]) from.exchange.send(kind, number(value));
  line.carry(0, 9);
  from.heardOf = (more) => {
    if (more > 0 && from.had === 1) from.exchange.send(kind, number(4));
  };
  line.connect();
  line.settle();
  assert.deepEqual([to.heard, from.had], [[1, 2, 3, 4], 4]);
});

test('one that was started anew, or was forgotten, begins anew with the other', () => {
  const ends = [new End(), new End()] as const;
  const line = new Line(ends);
  line.connect();
  line.settle();
  for (const lose of [() => ends[1].restart(), () => ends[0].exchange.forget()]) {
    ends[0].exchange.send(kind, number(1));
    line.settle();
    assert.deepEqual(ends[1].heard, [1]);
    line.break();
    ends[0].exchange.send(kind, number(2));
    lose();
    line.connect();
    line.settle();
    assert.deepEqual([ends[0].met.at(-1), ends[1].met.at(-1)], [true, true]);
    assert.deepEqual(ends[1].heard, [], 'what waited for the one before is not for the new one');
    ends[0].exchange.send(kind, number(3));
    line.settle();
    assert.deepEqual([ends[1].heard, ends[0].had], [[3], 1]);
    ends[1].heard.length = 0;
    ends[0].exchange.forget();
    line.connect();
    line.settle();
  }
});

test('messages are had before they are heard, and heard when the connection breaks meanwhile', () => {
  const ends = [new End(), new End()] as const;
  const line = new Line(ends);
  line.connect();
  line.settle();
  const [from, to] = ends;
  const heardBefore: number[] = [];
  to.flush = () => {
    heardBefore.push(to.heard.length);
    line.carry(1, 1e9);
    if (from.had === 3) line.break();
  };
  for (const value of [1, 2, 3, 4]) from.exchange.send(kind, number(value));
  line.carry(0, 9);
  assert.deepEqual([heardBefore, from.had], [[0], 1]);
  line.carry(0, 18);
  assert.deepEqual([heardBefore, from.had, to.heard], [[0, 1], 3, [1, 2, 3]]);
  line.connect();
  line.settle();
  assert.deepEqual([from.had, to.heard], [4, [1, 2, 3, 4]]);
});

test('no bytes make it throw, and what is not its protocol is refused', () => {
  fc.assert(
    fc.property(bytesUpTo(200), (bytes) => {
      const { exchange } = new End();
      exchange.connected();
      exchange.receive(bytes);
    }),
  );
  const { exchange } = new End();
  exchange.connected();
  assert.equal(exchange.receive(Buffer.from([0xff, 0xff, 0xff, 0xff, 1])), false, 'too long');
  assert.equal(exchange.receive(Buffer.from([0, 0, 0, 0, 16])), false, 'a message before the greeting');
});
