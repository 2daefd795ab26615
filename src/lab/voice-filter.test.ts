import assert from 'node:assert/strict';
import { test } from 'node:test';
import { voiceFilter } from './voice-filter.ts';

/** What the kernel makes of a frame: the few instructions of classic BPF that the filter uses. */
function passes(instructions: Uint8Array, frame: Buffer): boolean {
  const program = Buffer.from(instructions);
  let loaded = 0;
  for (let at = 0; at < program.length; at += 8) {
    const code = program.readUInt16LE(at);
    const value = program.readUInt32LE(at + 4);
    if (code === 0x28) loaded = frame.readUInt16BE(value);
    else if (code === 0x20) loaded = frame.readUInt32BE(value);
    else if (code === 0x15) at += 8 * program.readUInt8(at + (loaded === value ? 2 : 3));
    else if (code === 0x06) return value > 0;
    else assert.fail(`instruction ${code}`);
  }
  return assert.fail('the program runs off its end');
}

test('only IPv4 packets from other addresses than the service’s are left out', () => {
  const { instructions } = voiceFilter(Uint8Array.of(192, 0, 2, 10));
  const frame = (etherType: number, source: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(60);
    bytes.writeUInt16BE(etherType, 12);
    bytes.set(source, 26);
    return bytes;
  };
  assert.equal(passes(instructions, frame(0x0800, [192, 0, 2, 10])), true);
  assert.equal(passes(instructions, frame(0x0800, [192, 0, 2, 1])), false);
  assert.equal(passes(instructions, frame(0x0806, [192, 0, 2, 1])), true);
  assert.equal(passes(instructions, frame(0x86dd, [0x20, 1, 0x0d, 0xb8])), true);
});
