/** A standby and a source that has the key but says what it likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conduit, Tally } from '../../src/mirror/conduit.ts';
import type { LinkEnd } from '../../src/mirror/link-end.ts';
import { type Message, MessageType } from '../../src/mirror/message.ts';
import { MirrorSink } from '../../src/mirror/sink.ts';
import { identity, key } from './world.ts';

const stream = new Uint8Array(16).fill(3);
const term = { counter: 5, member: 1 };
const second = 1_000_000;

function record(sequence: number, bytes: Uint8Array = new Uint8Array(1), endsCommit = true): Message {
  return { type: MessageType.record, sequence, channel: 0, endsRecord: true, endsCommit, bytes };
}

/** A sink, connected, and a hand that writes to it. */
class Played {
  readonly sink: MirrorSink;
  end: LinkEnd;
  readonly #nowUs = 1;
  #source: Conduit;
  #term = term;

  constructor(claimUs = second) {
    this.sink = new MirrorSink({
      identity: identity('redundant', [key], 'sign'),
      windowBytes: 131_072,
      commitBytesMax: 100_000,
      pingUs: 10_000,
      silenceUs: second,
    });
    [this.end, this.#source] = this.#connect(stream, claimUs);
  }

  /** The next connection carries this stream. */
  reconnect(next: Uint8Array, counter: number): void {
    this.#term = { counter, member: 1 };
    [this.end, this.#source] = this.#connect(next, second);
  }

  #connect(next: Uint8Array, claimUs: number): [LinkEnd, Conduit] {
    this.#source = new Conduit('source', identity('primary', [key], 'sign'), new Tally());
    this.end = this.sink.connect('primary', this.#nowUs);
    this.#hear();
    this.say();
    this.#hear();
    const resumes = false;
    this.say({
      type: MessageType.accept,
      term: this.#term,
      stream: next,
      resumes,
      claimUs,
      commitBytesMax: 50_000,
    });
    return [this.end, this.#source];
  }

  /** What the sink hears next. */
  say(...messages: readonly Message[]): void {
    for (const message of messages) this.#source.send(message);
    for (let frame = this.#source.produce(); frame !== undefined; frame = this.#source.produce()) {
      this.end.receive(frame, this.#nowUs);
    }
    this.sink.takeEvents();
  }

  #hear(): void {
    for (
      let frame = this.end.produce(this.#nowUs);
      frame !== undefined;
      frame = this.end.produce(this.#nowUs)
    ) {
      for (const _ of this.#source.receive(frame));
    }
  }
}

const begin: Message = { type: MessageType.begin, channels: [{ id: 0, name: 'state' }] };
const end: Message = { type: MessageType.end, sequence: 1 };

test('a claim counts from the question, and only when all that there was then is held', () => {
  const played = new Played();
  played.say(begin, end, { type: MessageType.pong, stamp: 100, head: 3, counts: true });
  assert.equal(played.sink.claim(101), 'uncertain');
  played.say(record(2));
  assert.equal(played.sink.claim(101), 'uncertain');
  played.say({ type: MessageType.pong, stamp: 200, head: 9, counts: true }, record(3));
  assert.equal(played.sink.claim(201), 'complete');
  assert.equal(played.sink.claim(100 + second), 'uncertain', 'the proof at 200 is of what is not held');
});

test('a claim does not outlive the life of the source that it is about', () => {
  const played = new Played();
  played.say(begin, end, { type: MessageType.pong, stamp: 100, head: 1, counts: true });
  assert.equal(played.sink.claim(101), 'complete');
  played.reconnect(new Uint8Array(16).fill(4), 6);
  assert.equal(played.sink.claim(102), 'uncertain');
  assert.equal(played.sink.position.held, 1, 'what it holds, it holds until the new state is whole');
});

test('a source that was started again in the same term, without its state, does not wipe out what is held', () => {
  const played = new Played();
  played.say(begin, end, { type: MessageType.pong, stamp: 100, head: 1, counts: true });
  played.reconnect(new Uint8Array(16).fill(4), 5);
  assert.equal(played.end.ended, 'otherLife');
  assert.equal(played.sink.position.held, 1);
  assert.equal(played.sink.claim(101), 'complete');
});

test('nothing is held, and nothing claimed, in the middle of a first snapshot', () => {
  const played = new Played();
  played.say(begin, record(2), { type: MessageType.pong, stamp: 100, head: 2, counts: true });
  assert.equal(played.sink.claim(101), 'nothing');
  assert.equal(played.sink.position.held, 0);
});

const misdeeds: Readonly<Record<string, readonly Message[]>> = {
  'a commit out of order': [begin, end, record(3)],
  'a commit twice': [begin, end, record(2), record(2)],
  'a gap in a snapshot': [begin, record(2), record(4)],
  'an end before its commits': [begin, record(2), { type: MessageType.end, sequence: 4 }],
  'an end in the middle of a commit': [
    begin,
    record(2, new Uint8Array(1), false),
    { type: MessageType.end, sequence: 1 },
  ],
  'an end in the middle of a chunk': [
    begin,
    { type: MessageType.chunk, channel: 0, endsChunk: false, bytes: new Uint8Array(1) },
    end,
  ],
  'an end without a beginning': [end],
  'a chunk without a beginning': [
    { type: MessageType.chunk, channel: 0, endsChunk: true, bytes: new Uint8Array(1) },
  ],
  'a channel that was not named': [
    begin,
    { type: MessageType.chunk, channel: 7, endsChunk: true, bytes: new Uint8Array(1) },
  ],
  'a standby’s word': [{ type: MessageType.ping, stamp: 1 }],
};

for (const [what, messages] of Object.entries(misdeeds)) {
  test(`${what} ends the connection`, () => {
    const played = new Played();
    played.say(...messages);
    assert.equal(played.end.ended, 'unexpected');
  });
}

test('more than was granted, or a commit larger than agreed, ends the connection', () => {
  const large = new Uint8Array(30_000);
  const played = new Played();
  played.say(begin, end, record(2, large, false), record(2, large, true));
  assert.equal(played.end.ended, 'overrun');
  const flood = new Played();
  flood.say(
    begin,
    ...Array.from(
      { length: 5 },
      (): Message => ({ type: MessageType.chunk, channel: 0, endsChunk: true, bytes: large }),
    ),
  );
  assert.equal(flood.end.ended, 'overrun');
});
