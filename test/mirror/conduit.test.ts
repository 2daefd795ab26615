/** Who is believed: forgeries, recordings, reflections, strangers, replaced keys. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conduit, Tally } from '../../src/mirror/conduit.ts';
import type { Protection } from '../../src/mirror/crypto.ts';
import { type Message, MessageType } from '../../src/mirror/message.ts';
import { identity, key } from './world.ts';

const other = new Uint8Array(32).fill(8);
const ping: Message = { type: MessageType.ping, stamp: 42 };

interface EndOptions {
  readonly keys?: readonly Uint8Array[];
  readonly protection?: Protection;
  readonly name?: string;
  readonly expected?: string;
}

class End {
  readonly tally = new Tally();
  readonly conduit: Conduit;
  readonly heard: Message[] = [];
  readonly written: Uint8Array[] = [];

  constructor(side: 'sink' | 'source', options: EndOptions = {}) {
    const { keys = [key], protection = 'sign', name = side, expected } = options;
    this.conduit = new Conduit(side, identity(name, keys, protection), this.tally, expected);
  }

  /** What it writes now. */
  write(): Uint8Array {
    const frames: Uint8Array[] = [];
    for (let frame = this.conduit.produce(); frame !== undefined; frame = this.conduit.produce())
      frames.push(frame);
    const bytes = Buffer.concat(frames);
    this.written.push(bytes);
    return bytes;
  }

  hear(bytes: Uint8Array): void {
    for (const message of this.conduit.receive(bytes)) this.heard.push(message);
  }
}

/** Two ends that have said hello to each other. */
function met(sinkOptions: EndOptions = {}, sourceOptions: EndOptions = {}): { sink: End; source: End } {
  const [sink, source] = [new End('sink', sinkOptions), new End('source', sourceOptions)];
  source.hear(sink.write());
  sink.hear(source.write());
  return { sink, source };
}

for (const protection of ['sign', 'encrypt'] as const) {
  test(`${protection}: what one end says the other one hears, and who it is`, () => {
    const { sink, source } = met({ protection }, { protection });
    sink.conduit.send(ping);
    source.hear(sink.write());
    assert.deepEqual(source.heard, [ping]);
    assert.equal(source.conduit.peer, 'sink');
    assert.equal(sink.conduit.peer, 'source');
  });

  test(`${protection}: one changed bit anywhere in a frame, and it is not believed`, () => {
    const { sink } = met({ protection }, { protection });
    sink.conduit.send(ping);
    const length = sink.write().length;
    for (let at = 4; at < length; at++) {
      const { sink: speaker, source } = met({ protection }, { protection });
      speaker.conduit.send(ping);
      const frame = speaker.write();
      source.hear(frame.with(at, (frame[at] ?? 0) ^ 0x10));
      assert.equal(source.conduit.broken, 'forged', `byte ${at}`);
      assert.deepEqual(source.tally.read(), { forged: 1 });
    }
  });
}

test('encrypted, the payload is nowhere to be read', () => {
  const text = new TextEncoder().encode('the account of Alice');
  const shows = (protection: Protection): boolean => {
    const { sink } = met({ protection }, { protection });
    sink.conduit.send({ type: MessageType.chunk, channel: 0, endsChunk: true, bytes: text });
    return Buffer.from(sink.write()).includes(Buffer.from(text));
  };
  assert.deepEqual([shows('sign'), shows('encrypt')], [true, false]);
});

test('a frame said again is dropped and counted, and the connection goes on', () => {
  const { sink, source } = met();
  sink.conduit.send(ping);
  const frame = sink.write();
  source.hear(frame);
  source.hear(frame);
  sink.conduit.send({ type: MessageType.leave });
  source.hear(sink.write());
  assert.deepEqual(source.heard, [ping, { type: MessageType.leave }]);
  assert.deepEqual(source.tally.read(), { replayed: 1 });
});

test('a frame left out ends the connection', () => {
  const { sink, source } = met();
  sink.conduit.send(ping);
  sink.write();
  sink.conduit.send(ping);
  source.hear(sink.write());
  assert.equal(source.conduit.broken, 'gap');
  assert.deepEqual(source.heard, []);
});

test('a whole recorded connection, played again, is not believed', () => {
  const { sink, source } = met();
  sink.conduit.send(ping);
  source.hear(sink.write());
  const again = new End('source');
  for (const bytes of sink.written) again.hear(bytes);
  assert.equal(again.conduit.broken, 'forged');
  assert.deepEqual(again.heard, []);
});

test('our own words thrown back are not believed, also with the side in the hello changed', () => {
  const sink = new End('sink');
  const own = sink.write();
  sink.hear(own);
  assert.equal(sink.conduit.broken, 'reflected');
  const second = new End('sink');
  const hello = second.write();
  // Length, frame header, magic, version: then the side.
  second.hear(hello.with(4 + 7 + 5, 2));
  second.conduit.send(ping);
  second.hear(second.write());
  assert.equal(second.conduit.broken, 'forged');
});

test('a hello changed on its way makes every frame after it a forgery', () => {
  const [sink, source] = [new End('sink', { name: 'standby' }), new End('source')];
  const hello = Buffer.from(sink.write());
  hello.write('Standby', hello.indexOf('standby'));
  source.hear(hello);
  sink.hear(source.write());
  assert.equal(source.conduit.peer, 'Standby');
  sink.conduit.send(ping);
  source.hear(sink.write());
  assert.equal(source.conduit.broken, 'forged');
  assert.deepEqual(source.heard, []);
});

test('another key, protection or peer than expected is refused by name', () => {
  assert.equal(met({ keys: [other] }).source.conduit.broken, 'unknownKey');
  assert.equal(met({ protection: 'encrypt' }).source.conduit.broken, 'otherProtection');
  assert.equal(met({ expected: 'third' }).sink.conduit.broken, 'otherPeer');
});

test('a key is replaced one member at a time', () => {
  for (const [sinkKeys, sourceKeys] of [
    [[key], [key, other]],
    [
      [other, key],
      [key, other],
    ],
    [[other], [other, key]],
  ] as const) {
    const { sink, source } = met({ keys: sinkKeys }, { keys: sourceKeys });
    sink.conduit.send(ping);
    source.hear(sink.write());
    assert.deepEqual(source.heard, [ping]);
  }
});

test('before the hello nothing long is kept, and nothing but a hello is heard', () => {
  const source = new End('source');
  source.hear(Uint8Array.of(0, 0, 4, 0));
  assert.equal(source.conduit.broken, 'oversized');
  const second = new End('source');
  second.hear(Uint8Array.of(0, 0, 0, 7, MessageType.ping, 0, 0, 0, 0, 0, 1));
  assert.equal(second.conduit.broken, 'unknownType');
});
