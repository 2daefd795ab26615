/**
 * Policy rules (`fib_rules.h`): which routing table a packet is looked up in, by where it comes from. As in
 * `requests.ts` each request asks for a state; a rule that is there is left alone.
 */
import { formatPrefix, type Prefix } from '../../wire/address.ts';
import { EEXIST, ENOENT } from '../errno.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.ts';
import { Attributes, type Messages } from '../netlink/reader.ts';
import type { MessageWriter } from '../netlink/writer.ts';
import * as rt from './constants.ts';
import { addressBytes, type RouteRequest } from './requests.ts';
import { addressIn, isInternet } from './values.ts';

export interface RuleSpecification {
  readonly family: 'ipv4' | 'ipv6';
  /** Only packets from these sources. */
  readonly from?: Prefix | undefined;
  /** Only packets that arrive over the interface of this name; it need not exist yet. `lo`: what this machine sends. */
  readonly incoming?: string | undefined;
  readonly table: number;
  /** Rules are tried in ascending order: 0 local, 32766 main, 32767 default. */
  readonly priority: number;
}

/** What a dump tells. Other people's rules may have more conditions than are named here. */
export interface Rule extends RuleSpecification {
  /** RTPROT_*: 2 kernel, 0x75 ours. */
  readonly protocol: number;
}

const ruleHeader = 12;

/** Adds the rule as ours (`protocolUnderstudy`), beside an equal one of others. Settled: it is there. */
export function addRule(rule: RuleSpecification): RouteRequest {
  return {
    operation: 'add rule',
    subject: describe(rule),
    type: rt.RTM_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    settled: EEXIST,
    write: (writer) => writeRule(writer, rule),
  };
}

/**
 * Deletes our first rule with these conditions, this table and this priority, also one that has more conditions. The
 * rules of others, with another protocol number, stay.
 */
export function deleteRule(rule: RuleSpecification): RouteRequest {
  return {
    operation: 'delete rule',
    subject: describe(rule),
    type: rt.RTM_DELRULE,
    flags: 0,
    settled: ENOENT,
    write: (writer) => writeRule(writer, rule),
  };
}

/** Undefined: of another family (multicast routing has rules too). */
export function decodeRule(messages: Messages): Rule | undefined {
  const { bytes, start } = messages;
  const family = bytes.readUInt8(start);
  if (!isInternet(family)) return undefined;
  const length = bytes.readUInt8(start + 2);
  let from: Prefix | undefined;
  let incoming: string | undefined;
  let table = bytes.readUInt8(start + 4);
  let priority = 0;
  let protocol = 0;
  const attributes = new Attributes(bytes, start + ruleHeader, messages.end);
  while (attributes.next()) {
    if (attributes.type === rt.FRA_SRC) {
      const address = addressIn(attributes);
      if (address !== undefined) from = { address, length };
    } else if (attributes.type === rt.FRA_IIFNAME) incoming = attributes.text();
    else if (attributes.type === rt.FRA_TABLE) table = attributes.u32();
    else if (attributes.type === rt.FRA_PRIORITY) priority = attributes.u32();
    else if (attributes.type === rt.FRA_PROTOCOL) protocol = attributes.u8();
  }
  return { family: family === rt.AF_INET ? 'ipv4' : 'ipv6', from, incoming, table, priority, protocol };
}

function describe({ from, incoming, table, priority, family }: RuleSpecification): string {
  const source = from === undefined ? `all ${family}` : formatPrefix(from);
  const arriving = incoming === undefined ? '' : ` over ${incoming}`;
  return `${priority}: from ${source}${arriving} to table ${table}`;
}

function writeRule(
  writer: MessageWriter,
  { family, from, incoming, table, priority }: RuleSpecification,
): void {
  writer.u8(family === 'ipv4' ? rt.AF_INET : rt.AF_INET6);
  writer.u8(0); // destination prefix
  writer.u8(from?.length ?? 0);
  writer.u8(0); // type of service
  writer.u8(rt.RT_TABLE_UNSPEC); // see FRA_TABLE
  writer.zeros(2);
  writer.u8(rt.FR_ACT_TO_TBL);
  writer.u32(0); // flags
  if (from !== undefined) writer.attributeBytes(rt.FRA_SRC, addressBytes(from.address));
  if (incoming !== undefined) writer.attributeText(rt.FRA_IIFNAME, incoming);
  writer.attributeU32(rt.FRA_PRIORITY, priority);
  writer.attributeU32(rt.FRA_TABLE, table);
  writer.attributeU8(rt.FRA_PROTOCOL, rt.protocolUnderstudy);
}
