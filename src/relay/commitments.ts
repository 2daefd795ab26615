/**
 * What the two machines tell each other of output: the active what it is about to say (`said`), and which connections it goes on with alone (`alone`) and which of these are over (`over`).
 * They travel in order with the packets: a connection's handshake is there before.
 */

import type { Commitment } from '../sessions/output.ts';
import type { FlowKey } from '../sessions/packet.ts';
import { readU32, writeU32 } from '../wire/big-endian.ts';

export type OutputWord =
  | { readonly kind: 'said'; readonly flow: FlowKey; readonly commitment: Commitment }
  | { readonly kind: 'alone' | 'over'; readonly flow: FlowKey }
  /** An entry of the feed (`wire/feed.ts`). */
  | { readonly kind: 'fed'; readonly entry: Uint8Array };

const kinds = { said: 1, alone: 3, over: 4, fed: 5 } as const;
const saidLength = 17;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeOutputWord(word: OutputWord): Uint8Array {
  if (word.kind === 'fed') {
    const bytes = new Uint8Array(1 + word.entry.length);
    bytes[0] = kinds.fed;
    bytes.set(word.entry, 1);
    return bytes;
  }
  const flow = encoder.encode(word.flow);
  const head = word.kind === 'said' ? saidLength : 1;
  const bytes = new Uint8Array(head + flow.length);
  bytes[0] = kinds[word.kind];
  bytes.set(flow, head);
  if (word.kind === 'said') {
    const { offset, digest } = word.commitment;
    writeU32(bytes, 1, Math.floor(offset / 0x1_0000_0000));
    writeU32(bytes, 5, offset >>> 0);
    writeU32(bytes, 9, Number.parseInt(digest.slice(0, 8), 16));
    writeU32(bytes, 13, Number.parseInt(digest.slice(8), 16));
  }
  return bytes;
}

/** Undefined for what is none of these words. What it says is the caller's, whatever becomes of the bytes. */
export function decodeOutputWord(bytes: Uint8Array): OutputWord | undefined {
  const kind = bytes[0];
  if (kind === kinds.alone || kind === kinds.over)
    return { kind: kind === kinds.alone ? 'alone' : 'over', flow: decoder.decode(bytes.subarray(1)) };
  if (kind === kinds.fed) return { kind: 'fed', entry: Uint8Array.from(bytes.subarray(1)) };
  if (kind !== kinds.said || bytes.length < saidLength) return undefined;
  const hex = (at: number): string => readU32(bytes, at).toString(16).padStart(8, '0');
  return {
    kind: 'said',
    flow: decoder.decode(bytes.subarray(saidLength)),
    commitment: {
      offset: readU32(bytes, 1) * 0x1_0000_0000 + readU32(bytes, 5),
      digest: hex(9) + hex(13),
    },
  };
}

/** The active's commitments that the standby does not have yet. */
export class Commitments {
  /** In the order in which they were said: the messages' numbers, and what is done when the standby has them. */
  #open: { readonly number: number; readonly atUs: number; readonly had: () => void }[] = [];

  /** After it was sent. */
  said(number: number, nowUs: number, had: () => void): void {
    this.#open.push({ number, atUs: nowUs, had });
  }

  /** The standby has the first `count` messages. */
  had(count: number): void {
    const more = this.#open.findIndex(({ number }) => number > count);
    if (this.#open.length === 0 || more === 0) return;
    for (const { had } of this.#open.splice(0, more < 0 ? this.#open.length : more)) had();
  }

  /** Of the oldest one; a client that waits for output says nothing that could be overdue in its place. */
  ageUs(nowUs: number): number {
    return nowUs - (this.#open[0]?.atUs ?? nowUs);
  }

  /** The two begin anew: nobody will ask for what is open. */
  reset(): void {
    this.#open = [];
  }
}
