import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapngWriter } from './pcapng.ts';

test('blocks are whole, named and hold the frame and its microseconds', () => {
  const directory = mkdtempSync(join(tmpdir(), 'understudy-pcapng-'));
  try {
    const path = join(directory, 'x.pcapng');
    const writer = new PcapngWriter(path, ['lan-a', 'cab-b']);
    const atUs = 1_790_000_000_123_456;
    writer.write(1, atUs, Uint8Array.from([1, 2, 3, 4, 5]));
    writer.close();
    const bytes = readFileSync(path);
    const blocks: { type: number; body: Buffer }[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32LE(at + 4);
      assert.equal(length % 4, 0);
      assert.equal(bytes.readUInt32LE(at + length - 4), length);
      blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at + 8, at + length - 4) });
      at += length;
    }
    assert.deepEqual(
      blocks.map((block) => block.type),
      [0x0a0d0d0a, 1, 1, 6],
    );
    assert.equal(blocks[2]?.body.toString('utf8', 12, 17), 'cab-b');
    const packet = blocks[3]?.body ?? Buffer.alloc(0);
    assert.equal(packet.readUInt32LE(0), 1);
    assert.equal(packet.readUInt32LE(4) * 2 ** 32 + packet.readUInt32LE(8), atUs);
    assert.deepEqual([...packet.subarray(20, 25)], [1, 2, 3, 4, 5]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
