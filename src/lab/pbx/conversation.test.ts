import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Conversation } from './conversation.ts';
import { Exchange } from './exchange.ts';
import { Image } from './image.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function said(conversation: Conversation, max = 1 << 16): Buffer {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = conversation.produce(max);
    if (chunk.length === 0) return Buffer.concat(chunks);
    assert.ok(chunk.length <= max);
    chunks.push(chunk);
  }
}

function image(length: number, seed: number): Buffer {
  return Buffer.from(new Image(length, seed).next(length));
}

test('answers are numbered', () => {
  const conversation = new Conversation(new Exchange());
  conversation.feed(bytesOf('ADD 4041 Hedda\nADD 4041 Hedda\r\nWHAT\n'), 0);
  assert.equal(
    said(conversation).toString(),
    "1 OK 4041 added\n2 NO 4041 exists\n3 NO 'WHAT' is no command\n",
  );
  conversation.feed(bytesOf('QUIT\nADD 4042 x\n'), 0);
  assert.ok(!conversation.finished);
  assert.equal(said(conversation).toString(), '4 OK goodbye\n');
  assert.ok(conversation.finished);
});

test('a station added in one session is in the feed of another, and nowhere else', () => {
  const exchange = new Exchange();
  let woken = 0;
  const feed = new Conversation(exchange, () => woken++);
  const administration = new Conversation(exchange, () => assert.fail('it has no feed'));
  feed.feed(bytesOf('FEED\n'), 0);
  assert.match(said(feed).toString(), /^1 OK after 0 [\da-f]{8}\n$/);
  administration.feed(bytesOf('ADD 4041 Hedda\nOUT 4041\n'), 0);
  assert.equal(woken, 2);
  const lines = said(feed).toString().trim().split('\n');
  assert.deepEqual(
    lines.map((line) => line.slice(0, line.lastIndexOf(' '))),
    ['1 STATION 4041 added Hedda', '2 ALARM 4041-1 out of service'],
  );
  feed.feed(bytesOf('ADD 1 x\nQUIT\n'), 0);
  administration.feed(bytesOf('IN 4041\n'), 0);
  assert.equal(said(feed).length, 0);
  assert.ok(feed.finished);
});

test('a feed of one station has its entries from the first on, and no others', () => {
  const exchange = new Exchange();
  const administration = new Conversation(exchange);
  administration.feed(bytesOf('ADD 4041 Hedda\nADD 4042 Thea\n'), 0);
  const feed = new Conversation(exchange);
  feed.feed(bytesOf('FEED 41\nFEED 4042\n'), 0);
  administration.feed(bytesOf('OUT 4041\nREMOVE 4042\n'), 0);
  const lines = said(feed).toString().trim().split('\n');
  assert.deepEqual(lines.slice(0, 2), ['1 NO such extension', '2 OK 4042 from the first on']);
  assert.deepEqual(
    lines.slice(2).map((line) => line.slice(0, line.lastIndexOf(' '))),
    ['1 STATION 4042 added Thea', '2 STATION 4042 removed'],
  );
});

test('an image comes after its answer, and over HTTP/1.0', () => {
  const text = new Conversation(new Exchange());
  text.feed(bytesOf('IMAGE 70000 7\nIMAGE 1\nSTATUS\n'), 5);
  const heard = said(text, 1000);
  const first = '1 OK 70000 bytes follow\n';
  assert.equal(heard.subarray(0, first.length).toString(), first);
  assert.deepEqual(heard.subarray(first.length, first.length + 70_000), image(70_000, 7));
  assert.match(heard.subarray(first.length + 70_000).toString(), /^2 NO such image\n3 OK .* up 5 ms\n$/);

  const http = new Conversation(new Exchange());
  http.feed(bytesOf('GET /image/5000/3 HTTP/1.1\r\nHost: x\r\n'), 0);
  assert.equal(said(http).length, 0);
  http.feed(bytesOf('\r\n'), 0);
  const [head = '', ...body] = said(http).toString('latin1').split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.0 200 OK\r\n.*\r\nContent-Length: 5000$/);
  assert.deepEqual(Buffer.from(body.join('\r\n\r\n'), 'latin1'), image(5000, 3));
  assert.ok(http.finished);
});

test('what is no image is not found', () => {
  for (const path of ['/', '/image/5', '/image/5/x', '/image/9999999999/1', '/image/5/1/2']) {
    const http = new Conversation(new Exchange());
    http.feed(bytesOf(`GET ${path} HTTP/1.0\r\n\r\n`), 0);
    assert.match(said(http).toString(), /^HTTP\/1\.0 404 /, path);
  }
});

test('the same file is the same bytes however it is cut, and another one differs', () => {
  const cut = new Image(10_000, 1);
  const hash = createHash('sha256');
  for (let size = 1; cut.left > 0; size += 7) hash.update(cut.next(size));
  assert.equal(hash.digest('hex'), createHash('sha256').update(image(10_000, 1)).digest('hex'));
  assert.notDeepEqual(image(100, 1), image(100, 2));
});

const script = fc.array(
  fc.record({
    connection: fc.nat({ max: 2 }),
    line: fc.oneof(
      fc.constantFrom(
        'ADD 100 ä',
        'ADD 101 b',
        'CALL 100 101',
        'HANGUP 100-1',
        'STATUS',
        'FEED',
        'FEED 100',
        'QUIT',
        '',
      ),
      fc.constantFrom('IMAGE 300 1', 'GET /image/20/2', 'OUT 100', 'REMOVE 101'),
      fc.string({ maxLength: 30 }).map((text) => text.replaceAll('\n', ' ')),
    ),
    cuts: fc.array(fc.nat({ max: 40 }), { maxLength: 3 }),
  }),
  { maxLength: 30 },
);

test('what is said depends on the order of lines only, not on how they are cut', () => {
  fc.assert(
    fc.property(script, fc.integer({ min: 1, max: 64 }), (steps, max) => {
      const exchanges = [new Exchange(), new Exchange()];
      const lines = exchanges.map((exchange) => [0, 1, 2].map(() => new Conversation(exchange)));
      steps.forEach(({ connection, line, cuts }, nowMs) => {
        const bytes = bytesOf(`${line}\n`);
        lines[0]?.[connection]?.feed(bytes, nowMs);
        let from = 0;
        for (const cut of [...cuts].sort((a, b) => a - b)) {
          lines[1]?.[connection]?.feed(bytes.subarray(from, cut), nowMs);
          from = Math.max(from, Math.min(cut, bytes.length));
        }
        lines[1]?.[connection]?.feed(bytes.subarray(from), nowMs);
      });
      for (const connection of [0, 1, 2]) {
        const [whole, pieces] = [lines[0]?.[connection], lines[1]?.[connection]];
        assert.ok(whole !== undefined && pieces !== undefined);
        assert.deepEqual(said(pieces, max), said(whole));
        assert.equal(pieces.finished, whole.finished);
      }
    }),
  );
});

test('a line without an end ends the conversation', () => {
  const conversation = new Conversation(new Exchange());
  conversation.feed(bytesOf('x'.repeat(2000)), 0);
  assert.equal(said(conversation).length, 0);
  assert.ok(conversation.finished);
});
