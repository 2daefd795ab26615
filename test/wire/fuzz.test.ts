/**
 * Every decoder on damaged goldens: bits flipped, bytes cut, repeated, joined with those of another. A decoder answers,
 * never throws, and what it accepts is consistent. Seeded: UNDERSTUDY_FUZZ_SEED repeats a run, UNDERSTUDY_FUZZ_RUNS
 * makes it longer.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeControl } from '../../src/wire/control/codec.ts';
import { sealLength, unseal } from '../../src/wire/control/seal.ts';
import { decodeEthernet, etherType } from '../../src/wire/ethernet.ts';
import { decodeNeighbourFrame } from '../../src/wire/frame.ts';
import { decodeIpv4, ipProtocol } from '../../src/wire/ipv4.ts';
import { decodeIpv6 } from '../../src/wire/ipv6.ts';
import { decodePcap } from '../../src/wire/pcap.ts';
import { decodeUdp } from '../../src/wire/udp.ts';
import { value } from './properties.ts';

const runs = Number(process.env['UNDERSTUDY_FUZZ_RUNS'] ?? 250_000);
const seed = Number(process.env['UNDERSTUDY_FUZZ_SEED'] ?? 20_260_726);
const directory = join(import.meta.dirname, 'golden');

/** xorshift32: the whole run follows from the seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

function mutated(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  switch (random.below(5)) {
    case 0:
      return bytes.slice(0, random.below(bytes.length + 1));
    case 1:
      return new Uint8Array([
        ...bytes.subarray(0, random.below(bytes.length + 1)),
        ...other.subarray(random.below(other.length)),
      ]);
    case 2: {
      const start = random.below(bytes.length);
      return new Uint8Array([...bytes.subarray(0, start + random.below(16)), ...bytes.subarray(start)]);
    }
    default: {
      const copy = bytes.slice();
      for (let hits = 1 + random.below(4); hits > 0; hits--) {
        const offset = random.below(copy.length);
        // Extremes find more than any value: lengths of 0 and of all ones.
        const byte = [0, 0xff, 0x80, (copy[offset] ?? 0) ^ (1 << random.below(8)), random.below(256)][
          random.below(5)
        ];
        copy[offset] = byte ?? 0;
      }
      return copy;
    }
  }
}

/** Everything that reads a frame, as deep as it goes. Returns whether anything was accepted below Ethernet. */
function readFrame(frame: Uint8Array): boolean {
  const neighbour = decodeNeighbourFrame(frame);
  const ethernet = decodeEthernet(frame);
  if (!ethernet.ok) return assertRefused(neighbour);
  const { payload, etherType: type } = ethernet.value;
  const packet = type === etherType.ipv4 ? decodeIpv4(payload) : decodeIpv6(payload);
  if (packet.ok) {
    assert.ok(packet.value.payload.length <= payload.length);
    const { source, destination } = packet.value;
    const protocol = 'protocol' in packet.value ? packet.value.protocol : packet.value.nextHeader;
    const udp = decodeUdp(packet.value.payload, source, destination);
    if (udp.ok && protocol === ipProtocol.udp) return readDatagram(udp.value.payload);
  }
  return neighbour.ok;
}

function assertRefused(result: { ok: boolean }): false {
  assert.equal(result.ok, false);
  return false;
}

/** With the seal taken off unread, so that the decoder behind it is reached. */
function readDatagram(datagram: Uint8Array): boolean {
  const nothing = new Uint8Array(sealLength);
  assertRefused(unseal(datagram, [() => nothing.fill(0x5a)]));
  const control = decodeControl(datagram.subarray(0, Math.max(0, datagram.length - sealLength)));
  if (!control.ok) return false;
  const { sender, receiver, path, senderBoot, sequence, groups } = control.value;
  assert.ok(sender > 0 && receiver > 0 && path > 0 && senderBoot > 0 && sequence > 0);
  for (const { group } of groups) assert.ok(group > 0);
  return true;
}

test('no damaged golden makes a decoder throw', (context) => {
  const files = readdirSync(directory).filter((name) => name.endsWith('.pcap'));
  const captures = files.map((name) => new Uint8Array(readFileSync(join(directory, name))));
  const frames = captures.flatMap((file) => value(decodePcap(file)).packets.map((packet) => packet.bytes));
  // Behind checksums nearly every damage is refused early, so the control bodies are damaged also on their own.
  const datagrams = frames.filter((frame) => frame.length > 100).map((frame) => frame.slice(42));
  const kinds: [readonly Uint8Array[], (bytes: Uint8Array) => boolean][] = [
    [captures, (bytes) => decodePcap(bytes).ok],
    [frames, readFrame],
    [datagrams, readDatagram],
  ];
  const random = new Random(seed);
  let accepted = 0;
  for (let run = 0; run < runs; run++) {
    const [inputs, read] = kinds[run % kinds.length] ?? assert.fail();
    const bytes = inputs[random.below(inputs.length)] ?? assert.fail();
    const damaged = mutated(random, bytes, inputs[random.below(inputs.length)] ?? bytes);
    try {
      if (read(damaged)) accepted += 1;
    } catch (error) {
      const what = `seed ${seed}, run ${run}: ${Buffer.from(damaged).toString('hex')}`;
      throw new Error(what, { cause: error });
    }
  }
  context.diagnostic(`${runs} inputs, seed ${seed}, ${accepted} still acceptable`);
  assert.ok(accepted > runs / 100 && accepted < runs, 'the damage is neither harmless nor always fatal');
});
