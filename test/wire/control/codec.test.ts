import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  controlLengthMax,
  decodeControl,
  encodeControl,
  groupRecordsMax,
} from '../../../src/wire/control/codec.ts';
import {
  type ControlMessage,
  ControlType,
  compareTerms,
  fallsMax,
  type GroupRecord,
  MemberState,
  noTerm,
  type Promised,
  PromiseWord,
  type Registration,
  RegistrationCode,
  type Term,
} from '../../../src/wire/control/message.ts';
import {
  hex,
  neverThrows,
  record,
  refusal,
  refusesTruncations,
  u8,
  u16,
  u32,
  u48,
  value,
  withByte,
} from '../properties.ts';

const bytes = hex(`55535459 01 01 0001 112233445566 0001 0002 03 04 a1a2a3a4a5a6 b1b2b3b4b5b6 000000000007
  feedbeef 010203040506 0708 0022
  8001 0004 000007d0
  8002 0010 00000009 02 c8 32 01 000000000005 0001
  8003 0002 0002`);
const extensionsStart = 52;

const message: ControlMessage = {
  type: ControlType.heartbeat,
  flags: 1,
  cluster: 0x1122_3344_5566,
  sender: 1,
  receiver: 2,
  path: 3,
  senderBoot: 0xa1a2_a3a4_a5a6,
  echoBoot: 0xb1b2_b3b4_b5b6,
  sequence: 7,
  scope: 0xfeed_beef,
  term: { counter: 0x0102_0304_0506, member: 0x0708 },
  state: MemberState.holding,
  intervalUs: 2000,
  groups: [
    {
      group: 9,
      state: MemberState.active,
      priority: 200,
      flags: 1,
      falls: 2,
      yourFalls: 3,
      term: { counter: 5, member: 1 },
    },
  ],
  target: 2,
};

const request = hex(`55535459 01 08 0000 112233445566 0001 000b 03 02 a1a2a3a4a5a6 b1b2b3b4b5b6 000000000008
  feedbeef 000000000006 0001 0010
  8004 000c 00000005 00000bb8 0000 0000`);

const registering: ControlMessage = {
  ...message,
  type: ControlType.register,
  flags: 0,
  receiver: 11,
  sequence: 8,
  term: { counter: 6, member: 1 },
  state: MemberState.active,
  intervalUs: 0,
  groups: [],
  target: 0,
  registration: { identification: 5, lifetimeMs: 3000, code: RegistrationCode.accepted },
};

function encoded(what: ControlMessage): Uint8Array {
  const buffer = new Uint8Array(controlLengthMax);
  return buffer.slice(0, encodeControl(what, buffer));
}

/** The header of `bytes` with these extensions instead. */
function withExtensions(extensions: string): Uint8Array {
  const tail = hex(extensions);
  return withByte(new Uint8Array([...bytes.slice(0, extensionsStart), ...tail]), 51, tail.length);
}

test('known bytes and the known message are each other', () => {
  assert.deepEqual(value(decodeControl(bytes)), message);
  assert.deepEqual(encoded(message), bytes);
  assert.deepEqual(value(decodeControl(request)), registering);
  assert.deepEqual(encoded(registering), request);
});

const positive = (arbitrary: fc.Arbitrary<number>): fc.Arbitrary<number> =>
  arbitrary.map((number) => number || 1);
const term: fc.Arbitrary<Term> = record({ counter: u48, member: u16 });
const state = fc.constantFrom(...Object.values(MemberState));
const groupRecord = record<GroupRecord>({
  group: positive(u32),
  state,
  priority: u8,
  flags: u8,
  falls: fc.nat({ max: fallsMax }),
  yourFalls: fc.nat({ max: fallsMax }),
  term,
});
const registration = record<Registration>({
  identification: positive(u32),
  lifetimeMs: u32,
  code: fc.constantFrom(...Object.values(RegistrationCode)),
});
const promise = record<Promised>({
  identification: positive(u32),
  durationUs: u32,
  word: fc.constantFrom(...Object.values(PromiseWord)),
});
const plainMessage = record<ControlMessage>({
  type: fc.constantFrom(...Object.values(ControlType)),
  flags: u16,
  cluster: u48,
  sender: positive(u16),
  receiver: positive(u16),
  path: positive(u8),
  senderBoot: positive(u48),
  echoBoot: u48,
  sequence: positive(u48),
  scope: u32,
  term,
  state,
  intervalUs: u32,
  groups: fc.array(groupRecord, { maxLength: groupRecordsMax }),
  target: u16,
});
const anyMessage: fc.Arbitrary<ControlMessage> = fc.oneof(
  plainMessage,
  fc.tuple(plainMessage, registration).map(([each, extension]) => ({ ...each, registration: extension })),
  fc.tuple(plainMessage, promise).map(([each, extension]) => ({ ...each, promise: extension })),
);

test('every message comes back, in a buffer that held something else', () => {
  const buffer = new Uint8Array(controlLengthMax).fill(0xee);
  fc.assert(
    fc.property(anyMessage, (each) => {
      const length = encodeControl(each, buffer);
      assert.deepEqual(value(decodeControl(buffer.subarray(0, length))), each);
    }),
    { numRuns: 1000 },
  );
});

test('the most groups fit, one more does not', () => {
  const [one] = message.groups;
  assert.ok(one !== undefined && groupRecordsMax >= 64);
  const groups = Array.from({ length: groupRecordsMax }, () => one);
  assert.ok(
    encoded({ ...message, ...registering, groups, target: 2, intervalUs: 1 }).length <= controlLengthMax,
  );
  assert.throws(() => encoded({ ...message, groups: [...groups, one] }), RangeError);
  assert.throws(() => encodeControl(message, new Uint8Array(controlLengthMax - 1)), RangeError);
});

test('every body cut short is refused, and any longer one', () => {
  refusesTruncations(bytes, decodeControl, ['short', 'extensionLength']);
  refusesTruncations(request, decodeControl, ['short', 'extensionLength']);
  assert.equal(refusal(decodeControl(new Uint8Array([...bytes, 0]))), 'extensionLength');
  assert.equal(refusal(decodeControl(new Uint8Array(controlLengthMax + 1))), 'long');
});

test('no bytes make the decoder throw', () => {
  neverThrows(decodeControl, bytes);
  neverThrows(decodeControl, request);
});

test('a field that cannot be is the reason', () => {
  const zeroed = (start: number, length: number): Uint8Array => bytes.slice().fill(0, start, start + length);
  const cases: [string, Uint8Array][] = [
    ['magic', withByte(bytes, 0, 0x56)],
    ['version', withByte(bytes, 4, 2)],
    ['type', withByte(bytes, 5, 0)],
    ['type', withByte(bytes, 5, 12)],
    ['sender', zeroed(14, 2)],
    ['receiver', zeroed(16, 2)],
    ['path', zeroed(18, 1)],
    ['state', withByte(bytes, 19, 7)],
    ['senderBoot', zeroed(20, 6)],
    ['sequence', zeroed(32, 6)],
    ['extensionLength', withByte(bytes, 50, 1)],
  ];
  for (const [reason, changed] of cases) assert.equal(refusal(decodeControl(changed)), reason);
});

test('an unknown extension is skipped, an unknown critical one refused', () => {
  assert.equal(value(decodeControl(withExtensions('7fff 0003 aabbcc 8001 0004 000007d0'))).intervalUs, 2000);
  assert.equal(value(decodeControl(withExtensions('0001 0000'))).intervalUs, 0);
  assert.equal(refusal(decodeControl(withExtensions('ffff 0003 aabbcc'))), 'criticalExtension');
});

test('an extension that cannot be is the reason', () => {
  const cases = [
    ['truncatedExtension', '800100'],
    ['truncatedExtension', '8001 0005 000007d0'],
    ['truncatedExtension', '7fff ffff 00'],
    ['duplicateExtension', '8001 0004 000007d0 8001 0004 000007d0'],
    ['duplicateExtension', '8003 0002 0001 8003 0002 0001'],
    ['duplicateExtension', `${'8002 0010 00000009 02 c8 0001 000000000005 0001'.repeat(2)}`],
    ['extensionValue', '8001 0002 07d0'],
    ['extensionValue', '8001 0004 00000000'],
    ['extensionValue', '8002 0000'],
    ['extensionValue', '8002 0004 00000009'],
    ['extensionValue', '8002 0010 00000000 02 c8 0001 000000000005 0001'],
    ['extensionValue', '8002 0010 00000009 07 c8 0001 000000000005 0001'],
    ['extensionValue', '8003 0002 0000'],
    ['extensionValue', '8003 0001 01'],
    ['duplicateExtension', `${'8004 000c 00000005 00000bb8 0000 0000'.repeat(2)}`],
    ['extensionValue', '8004 000b 00000005 00000bb8 0000 00'],
    ['extensionValue', '8004 000c 00000000 00000bb8 0000 0000'],
    ['extensionValue', '8004 000c 00000005 00000bb8 0005 0000'],
    ['extensionValue', '8004 000c 00000005 00000bb8 0000 0001'],
  ] as const;
  for (const [reason, extensions] of cases)
    assert.equal(refusal(decodeControl(withExtensions(extensions))), reason, extensions);
});

test('terms are compared by counter, then by member', () => {
  assert.ok(compareTerms({ counter: 2, member: 1 }, { counter: 1, member: 9 }) > 0);
  assert.ok(compareTerms({ counter: 1, member: 1 }, { counter: 1, member: 2 }) < 0);
  assert.equal(compareTerms(noTerm, { counter: 0, member: 0 }), 0);
});
