/** Changes of nftables, one value each; `NftablesSocket.commit` carries several out as one transaction. */
import { NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST } from '../netlink/constants.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import * as nft from './constants.ts';
import { type Expression, writeVerdict } from './expression.ts';

export interface Table {
  readonly family: 'netdev' | 'inet' | 'arp';
  readonly name: string;
}

/** Where a base chain gets its packets. A smaller priority comes earlier. */
export type Hook =
  | { readonly kind: 'ingress' | 'egress'; readonly device: string; readonly priority: number }
  | { readonly kind: 'output' | 'forward' | 'arpOutput'; readonly priority: number };

export interface NftablesRequest {
  readonly operation: string;
  readonly subject: string;
  readonly family: number;
  readonly type: number;
  readonly flags: number;
  readonly write: (writer: MessageWriter) => void;
}

/** What a set's elements are, and how the `nft` tool prints them. */
export type KeyType = 'ipv4' | 'ipv6' | 'mark';

const keyTypes = {
  ipv4: { type: 7, length: 4 },
  ipv6: { type: 8, length: 16 },
  mark: { type: 19, length: 4 },
} as const;
const hookNumbers = { ingress: 0, egress: 1, forward: 2, output: 3, arpOutput: 1 } as const;
export const families: Readonly<Record<Table['family'], number>> = {
  netdev: nft.NFPROTO_NETDEV,
  inet: nft.NFPROTO_INET,
  arp: nft.NFPROTO_ARP,
};
/** Keeps the list of elements within one attribute (16-bit length). */
const elementsPerMessage = 500;

/** Makes the table; one that exists stays as it is. */
export function newTable(table: Table): NftablesRequest {
  return request('create nftables table', table, table.name, nft.NFT_MSG_NEWTABLE, NLM_F_CREATE, (writer) =>
    writer.attributeText(nft.NFTA_TABLE_NAME, table.name),
  );
}

/**
 * Makes a table that nobody but the socket which makes it may change, and that stays, without an owner, when that socket
 * is closed: `flush ruleset` passes it over. Linux 6.9; EOPNOTSUPP or EINVAL before.
 */
export function newOwnTable(table: Table): NftablesRequest {
  const type = nft.NFT_MSG_NEWTABLE;
  return request(ownTable, table, table.name, type, NLM_F_CREATE, (writer) => {
    writer.attributeText(nft.NFTA_TABLE_NAME, table.name);
    writer.attributeBe32(nft.NFTA_TABLE_FLAGS, nft.NFT_TABLE_F_OWNER | nft.NFT_TABLE_F_PERSIST);
  });
}

/** The operation of `newOwnTable` in errors. */
export const ownTable = 'create own nftables table';

/** With everything in it. */
export function deleteTable(table: Table): NftablesRequest {
  return request('delete nftables table', table, table.name, nft.NFT_MSG_DELTABLE, 0, (writer) =>
    writer.attributeText(nft.NFTA_TABLE_NAME, table.name),
  );
}

/** Without a hook: reached by `jump` and `goTo` only. Packets at the end of a base chain pass. */
export function newChain(table: Table, name: string, hook?: Hook): NftablesRequest {
  return request('create nftables chain', table, name, nft.NFT_MSG_NEWCHAIN, NLM_F_CREATE, (writer) => {
    writer.attributeText(nft.NFTA_CHAIN_TABLE, table.name);
    writer.attributeText(nft.NFTA_CHAIN_NAME, name);
    if (hook === undefined) return;
    writer.nested(nft.NFTA_CHAIN_HOOK, () => {
      writer.attributeBe32(nft.NFTA_HOOK_HOOKNUM, hookNumbers[hook.kind]);
      writer.attributeBe32(nft.NFTA_HOOK_PRIORITY, hook.priority >>> 0);
      if ('device' in hook) writer.attributeText(nft.NFTA_HOOK_DEV, hook.device);
    });
    writer.attributeBe32(nft.NFTA_CHAIN_POLICY, nft.NF_ACCEPT);
    writer.attributeText(nft.NFTA_CHAIN_TYPE, 'filter');
  });
}

/** With its rules. */
export function deleteChain(table: Table, name: string): NftablesRequest {
  return request('delete nftables chain', table, name, nft.NFT_MSG_DELCHAIN, 0, (writer) => {
    writer.attributeText(nft.NFTA_CHAIN_TABLE, table.name);
    writer.attributeText(nft.NFTA_CHAIN_NAME, name);
  });
}

/** At the end of the chain. */
export function newRule(table: Table, chain: string, expressions: readonly Expression[]): NftablesRequest {
  const flags = NLM_F_CREATE | NLM_F_APPEND;
  return request('add nftables rule', table, chain, nft.NFT_MSG_NEWRULE, flags, (writer) => {
    writer.attributeText(nft.NFTA_RULE_TABLE, table.name);
    writer.attributeText(nft.NFTA_RULE_CHAIN, chain);
    writer.nested(nft.NFTA_RULE_EXPRESSIONS, () => {
      for (const expression of expressions) expression(writer);
    });
  });
}

/** All rules of the chain go. */
export function flushChain(table: Table, chain: string): NftablesRequest {
  return request('flush nftables chain', table, chain, nft.NFT_MSG_DELRULE, 0, (writer) => {
    writer.attributeText(nft.NFTA_RULE_TABLE, table.name);
    writer.attributeText(nft.NFTA_RULE_CHAIN, chain);
  });
}

/** `timed`: elements may have a timeout. */
export function newSet(table: Table, name: string, key: KeyType, timed = false): NftablesRequest {
  return request('create nftables set', table, name, nft.NFT_MSG_NEWSET, NLM_F_CREATE, (writer) => {
    writer.attributeText(nft.NFTA_SET_TABLE, table.name);
    writer.attributeText(nft.NFTA_SET_NAME, name);
    writer.attributeBe32(nft.NFTA_SET_FLAGS, timed ? nft.NFT_SET_TIMEOUT : 0);
    writer.attributeBe32(nft.NFTA_SET_KEY_TYPE, keyTypes[key].type);
    writer.attributeBe32(nft.NFTA_SET_KEY_LEN, keyTypes[key].length);
    writeSetId(writer);
  });
}

/** A map from keys to what is done with the packet: see `addJumps`. */
export function newVerdictMap(table: Table, name: string, key: KeyType): NftablesRequest {
  return request('create nftables map', table, name, nft.NFT_MSG_NEWSET, NLM_F_CREATE, (writer) => {
    writer.attributeText(nft.NFTA_SET_TABLE, table.name);
    writer.attributeText(nft.NFTA_SET_NAME, name);
    writer.attributeBe32(nft.NFTA_SET_FLAGS, nft.NFT_SET_MAP);
    writer.attributeBe32(nft.NFTA_SET_KEY_TYPE, keyTypes[key].type);
    writer.attributeBe32(nft.NFTA_SET_KEY_LEN, keyTypes[key].length);
    writer.attributeBe32(nft.NFTA_SET_DATA_TYPE, nft.NFT_DATA_VERDICT);
    writeSetId(writer);
  });
}

/** Names a set within its transaction; rules here name sets by their names, so it need not be unique. */
function writeSetId(writer: MessageWriter): void {
  writer.attributeBe32(nft.NFTA_SET_ID, 1);
}

/** Without a timeout. Those that exist stay. */
export function addElements(table: Table, set: string, keys: readonly Uint8Array[]): NftablesRequest[] {
  return addAll(table, set, keys, {});
}

/** To a verdict map: a packet with one of these keys jumps to the chain. */
export function addJumps(
  table: Table,
  map: string,
  keys: readonly Uint8Array[],
  chain: string,
): NftablesRequest[] {
  return addAll(table, map, keys, { chain });
}

interface ElementOptions {
  readonly timeoutMs?: number;
  /** To jump to. */
  readonly chain?: string;
}

function addAll(
  table: Table,
  set: string,
  keys: readonly Uint8Array[],
  options: ElementOptions,
): NftablesRequest[] {
  const requests: NftablesRequest[] = [];
  for (let start = 0; start < keys.length; start += elementsPerMessage) {
    const some = keys.slice(start, start + elementsPerMessage);
    const type = nft.NFT_MSG_NEWSETELEM;
    requests.push(elements('add to nftables set', table, set, type, NLM_F_CREATE, some, options));
  }
  return requests;
}

/** An element that lives `timeoutMs` (whole ones). One that exists already is an error: adding it again would not prolong it. */
export function addTimedElement(
  table: Table,
  set: string,
  key: Uint8Array,
  timeoutMs: number,
): NftablesRequest {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return elements('add to nftables set', table, set, nft.NFT_MSG_NEWSETELEM, flags, [key], { timeoutMs });
}

/** One that does not exist, or has expired, is an error (ENOENT). */
export function deleteElements(table: Table, set: string, keys: readonly Uint8Array[]): NftablesRequest[] {
  const requests: NftablesRequest[] = [];
  for (let start = 0; start < keys.length; start += elementsPerMessage) {
    const some = keys.slice(start, start + elementsPerMessage);
    requests.push(elements('delete from nftables set', table, set, nft.NFT_MSG_DELSETELEM, 0, some));
  }
  return requests;
}

/** All elements go; there need be none. */
export function flushSet(table: Table, set: string): NftablesRequest {
  return request('flush nftables set', table, set, nft.NFT_MSG_DELSETELEM, 0, (writer) => {
    writer.attributeText(nft.NFTA_SET_ELEM_LIST_TABLE, table.name);
    writer.attributeText(nft.NFTA_SET_ELEM_LIST_SET, set);
  });
}

/**
 * One transaction: batch begin with sequence number `first`, the requests with the following ones, batch end. Only the
 * last request asks for an ack: answers to all would not fit the receive buffer of a large transaction.
 */
export function encodeBatch(
  writer: MessageWriter,
  requests: readonly NftablesRequest[],
  first: number,
): number {
  writeBoundary(writer, nft.NFNL_MSG_BATCH_BEGIN, first);
  let sequence = first;
  for (const request of requests) {
    sequence++;
    const ack = sequence === first + requests.length ? NLM_F_ACK : 0;
    const type = (nft.NFNL_SUBSYS_NFTABLES << 8) | request.type;
    writer.message(type, request.flags | NLM_F_REQUEST | ack, sequence, () => {
      writeGeneric(writer, request.family, 0);
      request.write(writer);
    });
  }
  writeBoundary(writer, nft.NFNL_MSG_BATCH_END, sequence + 1);
  return sequence;
}

/** The header of every nfnetlink message (`struct nfgenmsg`). */
export function writeGeneric(writer: MessageWriter, family: number, resource: number): void {
  writer.u8(family);
  writer.u8(0);
  writer.be16(resource);
}

function writeBoundary(writer: MessageWriter, type: number, sequence: number): void {
  writer.message(type, NLM_F_REQUEST, sequence, () =>
    writeGeneric(writer, nft.NFPROTO_UNSPEC, nft.NFNL_SUBSYS_NFTABLES),
  );
}

function request(
  operation: string,
  table: Table,
  name: string,
  type: number,
  flags: number,
  write: (writer: MessageWriter) => void,
): NftablesRequest {
  const subject = name === table.name ? `${table.family} ${name}` : `${table.family} ${table.name} ${name}`;
  return { operation, subject, family: families[table.family], type, flags, write };
}

function elements(
  operation: string,
  table: Table,
  set: string,
  type: number,
  flags: number,
  keys: readonly Uint8Array[],
  { chain, timeoutMs }: ElementOptions = {},
): NftablesRequest {
  return request(operation, table, set, type, flags, (writer) => {
    writer.attributeText(nft.NFTA_SET_ELEM_LIST_TABLE, table.name);
    writer.attributeText(nft.NFTA_SET_ELEM_LIST_SET, set);
    writer.nested(nft.NFTA_SET_ELEM_LIST_ELEMENTS, () => {
      for (const key of keys) {
        writer.nested(nft.NFTA_LIST_ELEM, () => {
          writer.nested(nft.NFTA_SET_ELEM_KEY, () => writer.attributeBytes(nft.NFTA_DATA_VALUE, key));
          if (chain !== undefined)
            writer.nested(nft.NFTA_SET_ELEM_DATA, () => writeVerdict(writer, nft.NFT_JUMP, chain));
          if (timeoutMs !== undefined)
            writer.attributeBe64(nft.NFTA_SET_ELEM_TIMEOUT, BigInt(Math.floor(timeoutMs)));
        });
      }
    });
  });
}
