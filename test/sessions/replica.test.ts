/**
 * The catch-up rule against a model of the kernel that throws away what the real one does: acknowledgments of what it never
 * sent, with their data; segments it has no room for. Whatever happens, the replica ends with the bytes that the active got.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePacket, type Packet } from '../../src/sessions/packet.ts';
import { type Progress, ReplicaInput } from '../../src/sessions/replica.ts';
import { add, distance, isAfter } from '../../src/sessions/sequence.ts';
import { decodeTcpOptions, encodeTcpOptions } from '../../src/wire/tcp-options.ts';
import { value } from '../wire/properties.ts';
import { packet } from './packets.ts';

/** A socket in order of arrival, with a congestion window of its own, whose program echoes every byte. */
class Kernel {
  readonly received: number[] = [];
  readonly #start: number;
  readonly #reply: number;
  #window = 10;
  #acknowledged = 0;
  readonly violations: string[] = [];
  /** How many segments it drops for want of memory before it takes one again. */
  refusals = 0;

  constructor(start: number, reply: number) {
    this.#start = start;
    this.#reply = reply;
  }

  get progress(): Progress {
    const sent = Math.min(this.received.length, this.#acknowledged + this.#window);
    return {
      sendNext: add(this.#reply, sent),
      sendUnacknowledged: add(this.#reply, this.#acknowledged),
      receiveNext: add(this.#start, this.received.length),
    };
  }

  take(frame: Uint8Array): void {
    const { segment } = value(decodePacket(frame));
    const { sendNext, sendUnacknowledged, receiveNext } = this.progress;
    if (isAfter(segment.acknowledgment, sendNext)) {
      this.violations.push(`acknowledgment ${segment.acknowledgment} beyond ${sendNext}`);
      return;
    }
    if (isAfter(segment.acknowledgment, sendUnacknowledged)) {
      this.#acknowledged += distance(sendUnacknowledged, segment.acknowledgment);
      this.#window++;
    }
    if (segment.payload.length > 0 && this.refusals > 0) {
      this.refusals--;
      return;
    }
    const skip = distance(segment.sequence, receiveNext);
    if (skip >= 0) this.received.push(...segment.payload.subarray(skip));
  }
}

/** What a client sent and the active took: data in order, some again, each acknowledging all echoes before it. */
const conversation = fc.record({
  start: fc.constantFrom(0, 1000, 0xffff_fff0),
  reply: fc.constantFrom(5, 0x8000_0000, 0xffff_ffc0),
  pieces: fc.array(fc.record({ length: fc.integer({ min: 0, max: 40 }), again: fc.boolean() }), {
    maxLength: 30,
  }),
  refusals: fc.nat({ max: 3 }),
  batch: fc.integer({ min: 1, max: 10 }),
});

test('the replica gets every byte once, and never an acknowledgment too early', () => {
  fc.assert(
    fc.property(conversation, ({ start, reply, pieces, refusals, batch }) => {
      const kernel = new Kernel(start, reply);
      kernel.refusals = refusals;
      const input = new ReplicaInput(1 << 20);
      const packets: Packet[] = [];
      let sequence: number = start;
      for (const [index, { length, again }] of pieces.entries()) {
        const fields = {
          sequence,
          acknowledgment: add(reply, distance(start, sequence)),
          payload: new Uint8Array(length).fill(index),
        };
        packets.push(packet(fields));
        if (again) packets.push(packet(fields));
        sequence = add(sequence, length);
      }
      packets.push(packet({ sequence, acknowledgment: add(reply, distance(start, sequence)) }));
      const drive = (): void => {
        for (let step = input.next(kernel.progress); step !== undefined; step = input.next(kernel.progress))
          kernel.take(step.frame);
      };
      for (let at = 0; at < packets.length; at += batch) {
        for (const each of packets.slice(at, at + batch)) assert.ok(input.arrive(each));
        drive();
      }
      for (let round = 0; round < 40 && (input.incomplete || input.waiting > 0); round++) {
        for (const frame of input.repeat(kernel.progress)) kernel.take(frame);
        drive();
      }
      assert.deepEqual(kernel.violations, []);
      const expected = pieces.flatMap(({ length }, index) => Array<number>(length).fill(index));
      assert.deepEqual(kernel.received, expected);
      assert.equal(input.waiting, 0);
      input.next(kernel.progress);
      assert.equal(input.bytes, 0, 'nothing is kept that the kernel has');
    }),
    { numRuns: 300 },
  );
});

test('an acknowledgment that reaches too far waits; what was sent is acknowledged at once', () => {
  const input = new ReplicaInput(1 << 20);
  assert.ok(input.arrive(packet({ sequence: 100, acknowledgment: 30 })));
  const progress = { sendNext: 20, sendUnacknowledged: 10, receiveNext: 100 };
  const step = input.next(progress);
  assert.ok(step?.partial);
  assert.equal(value(decodePacket(step.frame)).segment.acknowledgment, 20);
  assert.equal(input.next({ ...progress, sendUnacknowledged: 20 }), undefined);
  assert.equal(input.next({ ...progress, sendNext: 30, sendUnacknowledged: 20 })?.partial, false);
  assert.deepEqual(input.counts, { partials: 1, repeats: 0 });
});

test('an acknowledgment in steps leaves the client’s window as far as it was', () => {
  const input = new ReplicaInput(1 << 20, 3);
  assert.ok(input.arrive(packet({ sequence: 100, acknowledgment: 1000, window: 0 })));
  const progress = { sendNext: 199, sendUnacknowledged: 10, receiveNext: 100 };
  const frame = input.next(progress)?.frame ?? new Uint8Array(0);
  const { acknowledgment, window } = value(decodePacket(frame)).segment;
  assert.deepEqual([acknowledgment, window], [199, 101], '801 bytes in units of 8');
});

test('an acknowledgment in steps is as old as what the kernel took last, not as what waits', () => {
  const input = new ReplicaInput(1 << 20);
  const say = (stamp: number, sequence: number, acknowledgment: number, text: string): void => {
    const timestamps = { value: stamp, echo: 1 };
    const rest = { mss: undefined, windowScale: undefined, sackPermitted: false, sackBlocks: [] };
    const options = encodeTcpOptions({ ...rest, timestamps });
    const payload = Buffer.from(text);
    assert.ok(input.arrive(packet({ sequence, acknowledgment, options, payload }), stamp));
  };
  const stampOf = (progress: Progress): number | undefined => {
    const step = input.next(progress);
    assert.ok(step?.partial);
    return value(decodeTcpOptions(value(decodePacket(step.frame)).segment.options)).timestamps?.value;
  };
  const sent = { sendNext: 20, sendUnacknowledged: 10 };
  say(1000, 100, 10, 'one');
  assert.equal(input.next({ ...sent, receiveNext: 100 })?.partial, false);
  // Of the two the kernel took none, then the first, which is where its clock may be.
  say(1010, 103, 10, 'two');
  assert.equal(input.next({ ...sent, receiveNext: 100 })?.partial, false);
  say(1020, 109, 30, 'four');
  assert.equal(stampOf({ ...sent, receiveNext: 100 }), 1000);
  assert.equal(stampOf({ ...sent, receiveNext: 103 }), 1010);
  assert.equal(stampOf({ ...sent, receiveNext: 106 }), 1010);
  // What the other machine had: younger than all that was taken, older than what waits.
  say(1015, 106, 20, 'three');
  assert.equal(input.next({ ...sent, receiveNext: 106 })?.partial, false);
});

test('there is a bound', () => {
  const big = packet({ payload: new Uint8Array(1000) });
  const input = new ReplicaInput(2 * big.frame.length);
  assert.deepEqual([input.arrive(big), input.arrive(big), input.arrive(big)], [true, true, false]);
});

test('a packet that comes after the acknowledgment of its answer goes before it', () => {
  const input = new ReplicaInput(1 << 20);
  const said = (sequence: number, acknowledgment: number, text: string): Packet =>
    packet({ sequence, acknowledgment, payload: Buffer.from(text) });
  assert.ok(input.arrive(said(101, 51, 'second')));
  assert.ok(input.arrive(said(100, 50, '1')));
  const progress: Progress = { sendNext: 50, sendUnacknowledged: 50, receiveNext: 100 };
  const first = input.next(progress);
  assert.equal(first === undefined ? '' : value(decodePacket(first.frame)).segment.sequence, 100);
  assert.equal(input.next({ ...progress, receiveNext: 101 }), undefined, 'its answer is not said yet');
  const second = input.next({ sendNext: 51, sendUnacknowledged: 50, receiveNext: 101 });
  assert.equal(second === undefined ? '' : value(decodePacket(second.frame)).segment.sequence, 101);
});
