/** The host's programs against an exchange in the same process: over pipes in memory, through which bytes can be harmed. */
import assert from 'node:assert/strict';
import { type Duplex, duplexPair, Transform } from 'node:stream';
import { test } from 'node:test';
import { administer, placeCalls } from './administration.ts';
import { attach } from './attachment.ts';
import { Chronicle } from './chronicle.ts';
import { Dialogue } from './dialogue.ts';
import { imageBytes, receive, receiveHead } from './download.ts';
import { Exchange } from './exchange.ts';
import { followJournal } from './feed.ts';
import { nowUs, SessionLog } from './session-log.ts';

/** A connection to the exchange; `harm` may change what the client hears, chunk by chunk. */
function connect(exchange: Exchange, harm: (chunk: Buffer) => Buffer = (chunk) => chunk): Dialogue {
  const [client, heard] = connection(exchange, harm);
  return new Dialogue(heard, client);
}

function connection(exchange: Exchange, harm: (chunk: Buffer) => Buffer): readonly [Duplex, Transform] {
  const [client, server] = duplexPair();
  attach(exchange, server, () => 0);
  const harmed = new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, harm(Buffer.from(chunk))),
  });
  return [client, client.pipe(harmed)];
}

/** Changes the first `pattern` that comes by. */
function once(pattern: string, into: string): (chunk: Buffer) => Buffer {
  let done = false;
  return (chunk) => {
    const text = chunk.toString('latin1');
    if (done || !text.includes(pattern)) return chunk;
    done = true;
    return Buffer.from(text.replace(pattern, into), 'latin1');
  };
}

interface Harms {
  /** Of the chronicle. */
  readonly station?: string;
  readonly administration?: (chunk: Buffer) => Buffer;
  readonly feed?: (chunk: Buffer) => Buffer;
}

/** All three programs on one exchange until the administration has asked `commands` times. */
async function play(
  commands: number,
  harms: Harms = {},
): Promise<Record<'administration' | 'calls' | 'feed', SessionLog>> {
  const exchange = new Exchange();
  const [enough, feedEnough] = [new AbortController(), new AbortController()];
  const chronicle = new Chronicle(() => {
    if (chronicle.exchanged.length === commands) enough.abort();
  }, harms.station);
  const logs = { administration: new SessionLog(), calls: new SessionLog(), feed: new SessionLog() };
  const { signal: stop } = enough;
  const feed = followJournal(connect(exchange, harms.feed), logs.feed, {
    chronicle,
    stop: feedEnough.signal,
  });
  await Promise.all([
    administer(connect(exchange, harms.administration), logs.administration, {
      ...{ base: 4000, chronicle, aloud: true, stop },
    }),
    placeCalls(connect(exchange), logs.calls, { base: 100, chronicle, stop }),
  ]);
  feedEnough.abort();
  await feed;
  return logs;
}

test('administration, calls and feed of one exchange: every byte is as predicted', async () => {
  const { administration, calls, feed } = await play(6);
  for (const log of [administration, calls, feed]) assert.equal(log.wrongBytes, 0);
  assert.ok(administration.bytes > 100 && calls.bytes > 100 && feed.bytes > 100);
});

test('a feed of the calling station has its calls, all of them', async () => {
  const { feed } = await play(6, { station: '100' });
  assert.equal(feed.wrongBytes, 0);
  assert.ok(feed.bytes > 100);
});

test('one wrong byte in an answer is counted', async () => {
  const { administration } = await play(3, { administration: once('out of', 'out or') });
  assert.equal(administration.wrongBytes, 1);
});

test('a record that is missing in the feed is counted', async () => {
  const { feed } = await play(3, { feed: once('STATION 4000', 'STATION 4001') });
  assert.ok(feed.wrongBytes > 0);
});

test('a session that the exchange breaks off is lost', async () => {
  const chronicle = new Chronicle();
  const [client, server] = duplexPair();
  const working = administer(new Dialogue(client, client), new SessionLog(), {
    ...{ base: 4000, chronicle, aloud: true, stop: new AbortController().signal },
  });
  server.end();
  await assert.rejects(working, /ended by the exchange/);
  assert.equal(chronicle.exchanged.at(-1)?.answer, null);
});

test('a download is compared byte for byte, and one that ends early is lost', async () => {
  const [client, heard] = connection(new Exchange(), (chunk) => chunk);
  client.write(`GET /image/${imageBytes}/5 HTTP/1.0\r\n\r\n`);
  const log = new SessionLog();
  await receiveHead(heard, log);
  await receive(heard, log, 5);
  assert.equal(log.wrongBytes, 0);
  assert.ok(log.bytes > imageBytes);

  const [, short] = connection(new Exchange(), () => Buffer.alloc(0));
  short.end();
  await assert.rejects(receive(short, new SessionLog(), 5), /ended after 0 of/);
});

test('a wait that is not over counts up to now', async () => {
  const log = new SessionLog();
  log.await();
  const until = performance.now() + 3;
  while (performance.now() < until);
  assert.ok(log.longestWaitUs(0, nowUs()) >= 3000);
  log.hear(1, 0);
  assert.ok(log.longestWaitUs(log.provenUs, log.provenUs) >= 3000);
  assert.equal(log.longestWaitUs(nowUs() + 1, nowUs() + 1), 0);
  assert.equal(log.longestWaitUs(0, log.provenUs - 1), 0);
});
