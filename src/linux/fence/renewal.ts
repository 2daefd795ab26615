/**
 * The renewal of the lease, encoded once: one send and one receive, thousands of times an hour. It has a socket of its
 * own, so that its sequence numbers can stay as they were encoded.
 */
import { netlinkNetfilter } from '../netlink/constants.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { MessageWriter } from '../netlink/writer.ts';
import { encodeBatch } from '../nftables/request.ts';
import type { FenceTables } from './config.ts';
import { renewal } from './lease.ts';

const first = 1;

export class Renewal {
  readonly #socket: NetlinkSocket = NetlinkSocket.open({ protocol: netlinkNetfilter });
  readonly #batch: Buffer;
  readonly #last: number;

  constructor(tables: FenceTables, leaseMs: number) {
    const writer = new MessageWriter();
    this.#last = encodeBatch(writer, renewal(tables, leaseMs), first);
    this.#batch = writer.copy();
  }

  /** False when the kernel refused for any reason: expired, removed by somebody, or no memory. */
  renew(): boolean {
    return this.#socket.transact(this.#batch, this.#batch.length, first, this.#last).length === 0;
  }

  close(): void {
    this.#socket.close();
  }
}
