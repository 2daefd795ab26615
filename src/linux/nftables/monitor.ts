/**
 * Hears when somebody else changes a table of ours, and who. The kernel tells it at the end of each transaction; what
 * our own socket changed, a filter keeps away before it wakes anybody.
 */
import { foreignMessages } from '../bpf.ts';
import { EAGAIN, ENOBUFS } from '../errno.ts';
import { OperationError } from '../errors.ts';
import { netlinkNetfilter } from '../netlink/constants.ts';
import { Attributes, type Messages } from '../netlink/reader.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import * as nft from './constants.ts';

const genericLength = 4;
/** In every kind of message but NEWGEN, the first attribute names the table. */
const tableName = 1;
const subsystem = (type: number): number => type >> 8;
const newGeneration = (nft.NFNL_SUBSYS_NFTABLES << 8) | nft.NFT_MSG_NEWGEN;
/** Datagrams read in one call; the descriptor stays readable. */
const readsMax = 64;
const somebody = 'somebody';

export class NftablesMonitor {
  readonly #socket: NetlinkSocket;
  readonly #table: string;

  /** `table`: its name, in every family. `own`: the port of the socket whose changes are none. Throws OperationError. */
  static open(table: string, own: number): NftablesMonitor {
    const socket = NetlinkSocket.open({
      protocol: netlinkNetfilter,
      groups: 1 << (nft.NFNLGRP_NFTABLES - 1),
    });
    socket.attach(foreignMessages(own));
    return new NftablesMonitor(socket, table);
  }

  private constructor(socket: NetlinkSocket, table: string) {
    this.#socket = socket;
    this.#table = table;
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** Who changed the table since the last call, as `nft (process 4711)`; undefined: nobody. Never waits. */
  receive(): string | undefined {
    let touched = false;
    let by: string | undefined;
    for (let reads = 0; reads < readsMax; reads++) {
      const length = this.#socket.receive();
      if (length === -EAGAIN) break;
      if (length === -ENOBUFS) {
        // Something was lost: it may have been about us.
        by ??= somebody;
        continue;
      }
      if (length < 0)
        throw new OperationError({ operation: 'hear changes', subject: 'nftables', errno: -length });
      const messages = this.#socket.messages(length);
      while (messages.next()) {
        if (messages.type === newGeneration) {
          if (touched) by = programOf(messages);
          touched = false;
        } else touched ||= this.#isOurs(messages);
      }
    }
    return by ?? (touched ? somebody : undefined);
  }

  close(): void {
    this.#socket.close();
  }

  /** By a program: what goes with its interface, the kernel takes away itself, and tells elsewhere. */
  #isOurs(messages: Messages): boolean {
    if (messages.port === 0 || subsystem(messages.type) !== nft.NFNL_SUBSYS_NFTABLES) return false;
    const attributes = new Attributes(messages.bytes, messages.start + genericLength, messages.end);
    while (attributes.next()) if (attributes.type === tableName) return attributes.text() === this.#table;
    return false;
  }
}

function programOf(messages: Messages): string {
  const attributes = new Attributes(messages.bytes, messages.start + genericLength, messages.end);
  let [name, pid] = [somebody, 0];
  while (attributes.next()) {
    if (attributes.type === nft.NFTA_GEN_PROC_NAME) name = attributes.text();
    if (attributes.type === nft.NFTA_GEN_PROC_PID) pid = attributes.be32();
  }
  return pid === 0 ? name : `${name} (process ${pid})`;
}
