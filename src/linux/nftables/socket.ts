/** Changes nftables in transactions, and reads back what the fence needs to know. */
import { EOPNOTSUPP } from '../errno.ts';
import { OperationError } from '../errors.ts';
import { netlinkNetfilter } from '../netlink/constants.ts';
import { Attributes, type Messages } from '../netlink/reader.ts';
import { type Attempt, NetlinkSocket, type Refusal, refusalError } from '../netlink/socket.ts';
import { MessageWriter } from '../netlink/writer.ts';
import * as nft from './constants.ts';
import type { PreparedTransaction } from './prepared.ts';
import { encodeBatch, families, type NftablesRequest, type Table, writeGeneric } from './request.ts';

const genericLength = 4;
const wholeTransaction: Attempt = { operation: 'change nftables', subject: 'transaction' };

export interface Chain {
  readonly name: string;
  /** The devices of a netdev base chain. */
  readonly devices: readonly string[];
}

export class NftablesSocket {
  readonly #socket: NetlinkSocket;
  readonly #writer: MessageWriter = new MessageWriter();

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(): NftablesSocket {
    return new NftablesSocket(NetlinkSocket.open({ protocol: netlinkNetfilter }));
  }

  /** All or nothing. Throws OperationError for the first request that was refused. */
  commit(requests: readonly NftablesRequest[]): void {
    if (requests.length === 0) return;
    const first = this.#socket.sequences(requests.length + 2);
    this.#writer.reset();
    const last = encodeBatch(this.#writer, requests, first);
    const [refusal] = this.#socket.transact(this.#writer.buffer, this.#writer.length, first, last);
    if (refusal === undefined) return;
    // The batch's own header is refused where the fault is nobody's in particular.
    throw refusedRequest(requests[refusal.sequence - first - 1] ?? wholeTransaction, refusal);
  }

  /** As `commit`, of a transaction encoded before: allocates nothing. False: the kernel refused, for whatever reason. */
  repeat(transaction: PreparedTransaction): boolean {
    const { bytes, messages } = transaction;
    const first = this.#socket.sequences(messages);
    transaction.number(first);
    // The batch's own two messages are the first and the last.
    return this.#socket.transact(bytes, bytes.length, first, first + messages - 2).length === 0;
  }

  /** What the kernel calls this socket: in every notification of a change that it makes. */
  get portId(): number {
    return this.#socket.portId;
  }

  tables(): Table[] {
    return this.#dump('list nftables tables', nft.NFT_MSG_GETTABLE, nft.NFPROTO_UNSPEC, [], decodeTable);
  }

  /** Throws ENOENT, or answers nothing, when there is no such table; so do the following. */
  chains(table: Table): Chain[] {
    const named: Named = [[nft.NFTA_CHAIN_TABLE, table.name]];
    return this.#dump(
      'list nftables chains',
      nft.NFT_MSG_GETCHAIN,
      families[table.family],
      named,
      (messages) => decodeChain(messages, table.name),
    );
  }

  /** How many rules there are in all its chains. */
  ruleCount(table: Table): number {
    const named: Named = [[nft.NFTA_RULE_TABLE, table.name]];
    return this.#dump(
      'list nftables rules',
      nft.NFT_MSG_GETRULE,
      families[table.family],
      named,
      (messages) => (textOf(messages, nft.NFTA_RULE_TABLE) === table.name ? true : undefined),
    ).length;
  }

  /** The elements of a set; expired ones are not among them. */
  elements(table: Table, set: string): Element[] {
    const named: Named = [
      [nft.NFTA_SET_ELEM_LIST_TABLE, table.name],
      [nft.NFTA_SET_ELEM_LIST_SET, set],
    ];
    return this.#dump(
      'list nftables elements',
      nft.NFT_MSG_GETSETELEM,
      families[table.family],
      named,
      decodeElements,
    ).flat();
  }

  close(): void {
    this.#socket.close();
  }

  #dump<Value>(
    operation: string,
    type: number,
    family: number,
    named: Named,
    decode: (messages: Messages) => Value | undefined,
  ): Value[] {
    const subject = named.map(([, name]) => name).join(' ') || 'all';
    return this.#socket.dump(
      { operation, subject },
      (nft.NFNL_SUBSYS_NFTABLES << 8) | type,
      (writer) => {
        writeGeneric(writer, family, 0);
        for (const [attribute, name] of named) writer.attributeText(attribute, name);
      },
      decode,
    );
  }
}

export interface Element {
  readonly key: Buffer;
  /** Of a verdict map: where a packet with this key jumps to. */
  readonly chain: string | undefined;
}

type Named = readonly (readonly [attribute: number, name: string])[];

function refusedRequest(attempt: Attempt, refusal: Refusal): OperationError {
  if (refusal.errno !== EOPNOTSUPP) return refusalError(attempt, refusal);
  const { operation, subject } = attempt;
  const remedy = 'Linux 5.16 or newer is needed, with nftables for netdev (ingress, egress, fwd) and inet';
  return new OperationError({ operation, subject, errno: refusal.errno, remedy });
}

function attributesOf(messages: Messages): Attributes {
  return new Attributes(messages.bytes, messages.start + genericLength, messages.end);
}

function textOf(messages: Messages, type: number): string | undefined {
  const attributes = attributesOf(messages);
  while (attributes.next()) if (attributes.type === type) return attributes.text();
  return undefined;
}

/** Undefined: of a family that is not ours. */
function decodeTable(messages: Messages): Table | undefined {
  const number = messages.bytes.readUInt8(messages.start);
  const name = textOf(messages, nft.NFTA_TABLE_NAME);
  if (name === undefined) return undefined;
  const family = (Object.keys(families) as Table['family'][]).find((one) => families[one] === number);
  return family === undefined ? undefined : { family, name };
}

/** Undefined: of another table (older kernels answer with all). */
function decodeChain(messages: Messages, table: string): Chain | undefined {
  if (textOf(messages, nft.NFTA_CHAIN_TABLE) !== table) return undefined;
  const devices: string[] = [];
  let name = '';
  const attributes = attributesOf(messages);
  while (attributes.next()) {
    if (attributes.type === nft.NFTA_CHAIN_NAME) name = attributes.text();
    if (attributes.type !== nft.NFTA_CHAIN_HOOK) continue;
    const hook = attributes.nested();
    while (hook.next()) {
      if (hook.type === nft.NFTA_HOOK_DEV) devices.push(hook.text());
      if (hook.type === nft.NFTA_HOOK_DEVS) devices.push(...textsIn(hook.nested(), nft.NFTA_DEVICE_NAME));
    }
  }
  return { name, devices: [...new Set(devices)] };
}

function textsIn(attributes: Attributes, type: number): string[] {
  const texts: string[] = [];
  while (attributes.next()) if (attributes.type === type) texts.push(attributes.text());
  return texts;
}

function decodeElements(messages: Messages): Element[] {
  const elements: Element[] = [];
  const attributes = attributesOf(messages);
  while (attributes.next()) {
    if (attributes.type !== nft.NFTA_SET_ELEM_LIST_ELEMENTS) continue;
    const list = attributes.nested();
    while (list.next()) elements.push(decodeElement(list.nested()));
  }
  return elements;
}

function decodeElement(attributes: Attributes): Element {
  let key = Buffer.alloc(0);
  let chain: string | undefined;
  while (attributes.next()) {
    const data = attributes.nested();
    if (attributes.type === nft.NFTA_SET_ELEM_KEY && data.next()) {
      key = Buffer.from(data.bytes.subarray(data.start, data.end));
    } else if (attributes.type === nft.NFTA_SET_ELEM_DATA && data.next()) {
      [chain] = textsIn(data.nested(), nft.NFTA_VERDICT_CHAIN);
    }
  }
  return { key, chain };
}
