import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VoiceRecord, voiceOf } from './voice.ts';

const voices = {
  v4: Uint8Array.from([192, 0, 2, 10]),
  v6: Uint8Array.from([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x10]),
};

function frame(etherType: number, fill: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(90);
  bytes[12] = etherType >> 8;
  bytes[13] = etherType & 0xff;
  fill(bytes);
  return bytes;
}

test('a packet from the address is data, an ARP packet with it as sender and an advertisement for it are claims', () => {
  assert.equal(
    voiceOf(
      frame(0x0800, (b) => b.set(voices.v4, 26)),
      voices,
    ),
    'data',
  );
  assert.equal(
    voiceOf(
      frame(0x0806, (b) => b.set(voices.v4, 28)),
      voices,
    ),
    'claim',
  );
  assert.equal(
    voiceOf(
      frame(0x86dd, (b) => b.set(voices.v6, 22)),
      voices,
    ),
    'data',
  );
  const advertisement = frame(0x86dd, (b) => {
    b[20] = 58;
    b[54] = 136;
    b.set(voices.v6, 62);
  });
  assert.equal(voiceOf(advertisement, voices), 'claim');
});

test('a packet to the address, and one that is cut short, is no voice', () => {
  assert.equal(
    voiceOf(
      frame(0x0800, (b) => b.set(voices.v4, 30)),
      voices,
    ),
    undefined,
  );
  assert.equal(
    voiceOf(
      frame(0x0806, (b) => b.set(voices.v4, 38)),
      voices,
    ),
    undefined,
  );
  assert.equal(
    voiceOf(
      frame(0x86dd, (b) => b.set(voices.v6, 38)),
      voices,
    ),
    undefined,
  );
  assert.equal(voiceOf(new Uint8Array(20), voices), undefined);
});

test('the record finds the first claim of a port and counts what came later, after it went round', () => {
  const record = new VoiceRecord(4);
  for (let at = 1; at <= 6; at++) record.add(at % 2, at === 5 ? 'claim' : 'data', at);
  assert.equal(record.firstClaim(1, 0), 5);
  assert.equal(record.firstClaim(1, 5), null);
  assert.equal(record.count(1, 0), 2);
  assert.equal(record.count(0, 0), 2);
  assert.equal(record.count(0, 4), 1);
  assert.equal(record.count(0, 0, 6), 1);
  assert.equal(record.count(1, 0, undefined, 'claim'), 1);
  assert.equal(record.count(1, 0, undefined, 'data'), 1);
});

test('the record says up to when it has forgotten voices', () => {
  const record = new VoiceRecord(4);
  for (const at of [10, 30, 20, 40]) record.add(0, 'data', at);
  assert.equal(record.forgottenUs, 0);
  record.add(0, 'data', 50);
  assert.equal(record.forgottenUs, 10);
  for (const at of [60, 70]) record.add(0, 'data', at);
  assert.equal(record.forgottenUs, 30);
});
