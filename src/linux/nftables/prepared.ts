/**
 * A transaction that is made again and again, encoded once: before each time only its sequence numbers change, and the
 * timeouts of elements that are told how long they may live. Nothing is allocated for that.
 */
import { messageHeaderLength } from '../netlink/constants.ts';
import { Attributes, Messages } from '../netlink/reader.ts';
import { MessageWriter } from '../netlink/writer.ts';
import * as nft from './constants.ts';
import { encodeBatch, type NftablesRequest } from './request.ts';

const genericLength = 4;
const sequenceOffset = 8;
const newElements = (nft.NFNL_SUBSYS_NFTABLES << 8) | nft.NFT_MSG_NEWSETELEM;

export class PreparedTransaction {
  readonly bytes: Buffer;
  /** How many messages there are, with the two of the batch itself. */
  readonly messages: number;
  readonly #view: DataView;
  /** Where the sequence numbers stand, and the timeouts by set. */
  readonly #sequences: number[] = [];
  readonly #timeouts: Map<string, number[]> = new Map();

  constructor(requests: readonly NftablesRequest[]) {
    const writer = new MessageWriter();
    encodeBatch(writer, requests, 0);
    this.bytes = writer.copy();
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    const messages = new Messages(this.bytes).over(this.bytes.length);
    while (messages.next()) {
      this.#sequences.push(messages.start - messageHeaderLength + sequenceOffset);
      if (messages.type === newElements) this.#noteTimeouts(messages);
    }
    this.messages = this.#sequences.length;
  }

  /** The messages get the numbers from `first` on. */
  number(first: number): void {
    for (let index = 0; index < this.messages; index++) {
      this.#view.setUint32(this.#sequences[index] ?? 0, first + index, true);
    }
  }

  /** The elements that it adds to sets of this name are to live so long, whole milliseconds. */
  lasting(set: string, ms: number): void {
    for (const offset of this.#timeouts.get(set) ?? []) {
      // 64 bits, of which 32 are enough for 49 days.
      this.#view.setUint32(offset + 4, Math.floor(ms));
    }
  }

  #noteTimeouts(messages: Messages): void {
    const attributes = new Attributes(this.bytes, messages.start + genericLength, messages.end);
    let set = '';
    while (attributes.next()) {
      if (attributes.type === nft.NFTA_SET_ELEM_LIST_SET) set = attributes.text();
      if (attributes.type !== nft.NFTA_SET_ELEM_LIST_ELEMENTS) continue;
      const list = attributes.nested();
      while (list.next()) {
        const element = list.nested();
        while (element.next()) {
          if (element.type !== nft.NFTA_SET_ELEM_TIMEOUT) continue;
          this.#timeouts.set(set, [...(this.#timeouts.get(set) ?? []), element.start]);
        }
      }
    }
  }
}
