/** What every codec must do, as one call each; and random values of the types that many codecs share. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Ipv4Address, Ipv6Address, MacAddress } from '../../src/wire/address.ts';
import type { Decoded } from '../../src/wire/result.ts';

type Decode = (bytes: Uint8Array) => Decoded<unknown, string>;

/** No beginning of `bytes` that lacks an end decodes, and each is refused for one of these reasons. */
export function refusesTruncations(bytes: Uint8Array, decode: Decode, reasons: readonly string[]): void {
  for (let length = 0; length < bytes.length; length++) {
    const result = decode(bytes.slice(0, length));
    assert.ok(!result.ok && reasons.includes(result.reason), `${length} bytes: ${JSON.stringify(result.ok)}`);
  }
}

/** 10000 times any bytes, and as often good bytes with a few wrong ones: an answer, never an exception. */
export function neverThrows(decode: Decode, good: Uint8Array): void {
  const damage = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 });
  const answers = (bytes: Uint8Array): boolean => {
    const result = decode(bytes);
    return result.ok || result.reason.length > 0;
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), answers), { numRuns: 10_000 });
  const damaged = damage.map((hits) => {
    const bytes = good.slice();
    for (const [offset, value] of hits) bytes[offset] = value;
    return bytes;
  });
  fc.assert(fc.property(damaged, answers), { numRuns: 10_000 });
}

/** The value of a result that must be good. */
export function value<Value>(result: Decoded<Value, string>): Value {
  if (!result.ok) assert.fail(`refused: ${result.reason}`);
  return result.value;
}

export function refusal(result: Decoded<unknown, string>): string | undefined {
  return result.ok ? undefined : result.reason;
}

/** `0001 0800` to bytes; spaces are for the reader. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

/** A copy with one byte changed. */
export function withByte(bytes: Uint8Array, offset: number, byte: number): Uint8Array {
  const copy = bytes.slice();
  copy[offset] = byte;
  return copy;
}

export const u8: fc.Arbitrary<number> = fc.nat({ max: 0xff });
export const u16: fc.Arbitrary<number> = fc.nat({ max: 0xffff });
export const u32: fc.Arbitrary<number> = fc.nat({ max: 0xffff_ffff });
export const u48: fc.Arbitrary<number> = fc.maxSafeNat().map((number) => number % 0x1_0000_0000_0000);
export const mac: fc.Arbitrary<MacAddress> = u48.map((number) => number as MacAddress);
export const ipv4: fc.Arbitrary<Ipv4Address> = u32.map((number) => number as Ipv4Address);
/** With runs of zero groups, where the text form is hard. */
export const ipv6: fc.Arbitrary<Ipv6Address> = fc
  .array(fc.oneof(fc.constant(0), u16), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) as Ipv6Address);
export const bytesUpTo = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength }).map((bytes) => Uint8Array.from(bytes));

/** `fc.record` with ordinary objects, as the decoders make them. */
export function record<Value>(
  fields: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> },
): fc.Arbitrary<Value> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<Value>;
}
