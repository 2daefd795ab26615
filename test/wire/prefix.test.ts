import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  coveringPrefixes,
  formatPrefix,
  type IpAddress,
  isIpv4,
  type Prefix,
  parseIp,
} from '../../src/wire/address.ts';
import { ipv4, ipv6 } from './properties.ts';

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

/** `count` addresses from this one on. */
function block(from: IpAddress, count: number): IpAddress[] {
  return Array.from(
    { length: count },
    (_, n) => (isIpv4(from) ? (from + n) % 2 ** 32 : (from + BigInt(n)) % 2n ** 128n) as IpAddress,
  );
}

function cover(...texts: readonly string[]): string[] {
  return coveringPrefixes(texts.map(address)).map(formatPrefix);
}

const widthOf = ({ address }: Prefix): number => (isIpv4(address) ? 32 : 128);

function members(prefix: Prefix): IpAddress[] {
  return block(prefix.address, 2 ** (widthOf(prefix) - prefix.length));
}

/** Single addresses and dense blocks, also across the ends of the address space: what merges and what does not. */
const sets = fc
  .array(
    fc.tuple(fc.oneof(ipv4, ipv6, fc.constant(0xffff_fff0 as IpAddress)), fc.integer({ min: 1, max: 70 })),
    { maxLength: 6 },
  )
  .chain((blocks) => fc.shuffledSubarray(blocks.flatMap(([from, count]) => block(from, count))));

test('neighbouring addresses share a prefix, others do not', () => {
  assert.deepEqual(cover(), []);
  assert.deepEqual(cover('192.0.2.10'), ['192.0.2.10/32']);
  assert.deepEqual(cover('192.0.2.11', '192.0.2.10', '192.0.2.10'), ['192.0.2.10/31']);
  assert.deepEqual(cover('192.0.2.11', '192.0.2.12'), ['192.0.2.11/32', '192.0.2.12/32']);
  assert.deepEqual(cover('2001:db8::3', '192.0.2.9', '2001:db8::2'), ['192.0.2.9/32', '2001:db8::2/127']);
  assert.deepEqual(cover('0.0.0.0', '255.255.255.255', '::', '::1'), [
    '0.0.0.0/32',
    '255.255.255.255/32',
    '::/127',
  ]);
});

test('a thousand addresses in a row are about ten prefixes', () => {
  assert.deepEqual(coveringPrefixes(block(address('198.51.100.0'), 256)).map(formatPrefix), [
    '198.51.100.0/24',
  ]);
  for (let n = 0; n < 64; n++) {
    const count = coveringPrefixes(block((0xc633_6400 + n) as IpAddress, 1000)).length;
    assert.ok(count >= 6 && count <= 16, `${n}: ${count}`);
  }
  assert.equal(coveringPrefixes(block(address('2001:db8::'), 4096)).length, 1);
});

test('exactly the given addresses are covered, each once', () => {
  fc.assert(
    fc.property(sets, (addresses) => {
      const covered = coveringPrefixes(addresses).flatMap(members);
      assert.equal(new Set(covered).size, covered.length);
      assert.deepEqual(new Set(covered), new Set(addresses));
    }),
    { numRuns: 1000 },
  );
});

test('every prefix is aligned, and no two halves of a larger one are left', () => {
  fc.assert(
    fc.property(sets, (addresses) => {
      const prefixes = coveringPrefixes(addresses);
      const seen = new Set(prefixes.map(formatPrefix));
      for (const prefix of prefixes) {
        const size = 1n << BigInt(widthOf(prefix) - prefix.length);
        const at = BigInt(prefix.address);
        assert.equal(at % size, 0n);
        const sibling = isIpv4(prefix.address) ? Number(at ^ size) : at ^ size;
        assert.ok(!seen.has(formatPrefix({ address: sibling as IpAddress, length: prefix.length })));
      }
    }),
    { numRuns: 1000 },
  );
});
