/**
 * What a rule is made of. Each expression loads something, compares it (a mismatch ends the rule) or acts. One value
 * at a time is under examination, in register 1; `forward*` uses register 2 beside it.
 */
import type { MessageWriter } from '../netlink/writer.ts';
import * as nft from './constants.ts';

export type Expression = (writer: MessageWriter) => void;

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFTA_BITWISE_SREG = 1;
const NFTA_BITWISE_DREG = 2;
const NFTA_BITWISE_LEN = 3;
const NFTA_BITWISE_MASK = 4;
const NFTA_BITWISE_XOR = 5;
const NFTA_LOOKUP_SET = 1;
const NFTA_LOOKUP_SREG = 2;
const NFTA_LOOKUP_DREG = 3;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_FWD_SREG_DEV = 1;
const NFTA_FWD_SREG_ADDR = 2;
const NFTA_FWD_NFPROTO = 3;

const metaKeys = { protocol: 1, mark: 3, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const headers = { link: 0, network: 1, transport: 2 } as const;
const comparisons = { equal: 0, unequal: 1, atMost: 3, atLeast: 5 } as const;
const interfaceNameLength = 16;

/** What the kernel knows about the packet beside its bytes. */
export function meta(key: keyof typeof metaKeys): Expression {
  return expression('meta', (writer) => {
    writer.attributeBe32(NFTA_META_DREG, nft.NFT_REG_1);
    writer.attributeBe32(NFTA_META_KEY, metaKeys[key]);
  });
}

/** `length` bytes of the packet from `offset` of one of its headers. */
export function payload(header: keyof typeof headers, offset: number, length: number): Expression {
  return expression('payload', (writer) => {
    writer.attributeBe32(NFTA_PAYLOAD_DREG, nft.NFT_REG_1);
    writer.attributeBe32(NFTA_PAYLOAD_BASE, headers[header]);
    writer.attributeBe32(NFTA_PAYLOAD_OFFSET, offset);
    writer.attributeBe32(NFTA_PAYLOAD_LEN, length);
  });
}

/** Goes on when the loaded bytes compare so with `value` (as unsigned big-endian numbers). */
export function is(comparison: keyof typeof comparisons, value: Uint8Array): Expression {
  return expression('cmp', (writer) => {
    writer.attributeBe32(NFTA_CMP_SREG, nft.NFT_REG_1);
    writer.attributeBe32(NFTA_CMP_OP, comparisons[comparison]);
    writer.nested(NFTA_CMP_DATA, () => writer.attributeBytes(nft.NFTA_DATA_VALUE, value));
  });
}

/** Keeps of the loaded bytes only the bits that are set in `mask`. */
export function only(mask: Uint8Array): Expression {
  return expression('bitwise', (writer) => {
    writer.attributeBe32(NFTA_BITWISE_SREG, nft.NFT_REG_1);
    writer.attributeBe32(NFTA_BITWISE_DREG, nft.NFT_REG_1);
    writer.attributeBe32(NFTA_BITWISE_LEN, mask.length);
    writer.nested(NFTA_BITWISE_MASK, () => writer.attributeBytes(nft.NFTA_DATA_VALUE, mask));
    writer.nested(NFTA_BITWISE_XOR, () =>
      writer.attributeBytes(nft.NFTA_DATA_VALUE, new Uint8Array(mask.length)),
    );
  });
}

/** Goes on when the loaded bytes are an element of the set. */
export function isIn(set: string): Expression {
  return expression('lookup', (writer) => {
    writer.attributeText(NFTA_LOOKUP_SET, set);
    writer.attributeBe32(NFTA_LOOKUP_SREG, nft.NFT_REG_1);
  });
}

/** Does what the verdict map says of the loaded bytes; goes on with the next rule when they are no key of it. */
export function follow(map: string): Expression {
  return expression('lookup', (writer) => {
    writer.attributeText(NFTA_LOOKUP_SET, map);
    writer.attributeBe32(NFTA_LOOKUP_SREG, nft.NFT_REG_1);
    writer.attributeBe32(NFTA_LOOKUP_DREG, nft.NFT_REG_VERDICT);
  });
}

/** Loads bytes that are in the rule itself. */
export function constant(value: Uint8Array): Expression {
  return immediate(nft.NFT_REG_1, value);
}

export function counter(): Expression {
  return expression('counter', () => {});
}

export function accept(): Expression {
  return verdict(nft.NF_ACCEPT);
}

export function drop(): Expression {
  return verdict(nft.NF_DROP);
}

/** Back to the rule after the `jump`. */
export function comeBack(): Expression {
  return verdict(nft.NFT_RETURN);
}

export function jump(chain: string): Expression {
  return verdict(nft.NFT_JUMP, chain);
}

/** Like `jump`, but the end of that chain is the end. */
export function goTo(chain: string): Expression {
  return verdict(nft.NFT_GOTO, chain);
}

/** The frame as it is, out of the interface with this index (`fwd to`); netdev tables only. */
export function forward(interfaceIndex: number): readonly Expression[] {
  return [
    immediate(nft.NFT_REG_1, hostInt(interfaceIndex)),
    expression('fwd', (writer) => writer.attributeBe32(NFTA_FWD_SREG_DEV, nft.NFT_REG_1)),
  ];
}

/** No interface has this index. */
const nowhere = 0x7fff_ffff;

/**
 * The packet is gone, and its sender believes that it left: `fwd to` an interface that is not there frees it and says
 * "taken" (nf_fwd_netdev_egress), where a drop is an error that TCP hears of. netdev tables only.
 */
export function swallow(): readonly Expression[] {
  return forward(nowhere);
}

/**
 * The packet to a neighbour on the interface with this index (`fwd ip to`, `fwd ip6 to`): both MACs are rewritten, the
 * TTL is decremented. `nextHop`: 4 or 16 bytes.
 */
export function forwardVia(interfaceIndex: number, nextHop: Uint8Array): readonly Expression[] {
  const protocol = nextHop.length === 4 ? nft.NFPROTO_IPV4 : nft.NFPROTO_IPV6;
  return [
    immediate(nft.NFT_REG_1, hostInt(interfaceIndex)),
    immediate(nft.NFT_REG_2, nextHop),
    expression('fwd', (writer) => {
      writer.attributeBe32(NFTA_FWD_SREG_DEV, nft.NFT_REG_1);
      writer.attributeBe32(NFTA_FWD_SREG_ADDR, nft.NFT_REG_2);
      writer.attributeBe32(NFTA_FWD_NFPROTO, protocol);
    }),
  ];
}

/** As `oifname` loads it. */
export function interfaceName(name: string): Uint8Array {
  const bytes = Buffer.alloc(interfaceNameLength);
  bytes.write(name);
  return bytes;
}

/** As the kernel keeps indexes. */
function hostInt(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function immediate(register: number, value: Uint8Array): Expression {
  return expression('immediate', (writer) => {
    writer.attributeBe32(NFTA_IMMEDIATE_DREG, register);
    writer.nested(NFTA_IMMEDIATE_DATA, () => writer.attributeBytes(nft.NFTA_DATA_VALUE, value));
  });
}

function verdict(code: number, chain?: string): Expression {
  return expression('immediate', (writer) => {
    writer.attributeBe32(NFTA_IMMEDIATE_DREG, nft.NFT_REG_VERDICT);
    writer.nested(NFTA_IMMEDIATE_DATA, () => writeVerdict(writer, code, chain));
  });
}

/** As data of an expression, or of an element of a verdict map. */
export function writeVerdict(writer: MessageWriter, code: number, chain?: string): void {
  writer.nested(nft.NFTA_DATA_VERDICT, () => {
    writer.attributeBe32(nft.NFTA_VERDICT_CODE, code >>> 0);
    if (chain !== undefined) writer.attributeText(nft.NFTA_VERDICT_CHAIN, chain);
  });
}

function expression(name: string, data: Expression): Expression {
  return (writer) => {
    writer.nested(nft.NFTA_LIST_ELEM, () => {
      writer.attributeText(nft.NFTA_EXPR_NAME, name);
      writer.nested(nft.NFTA_EXPR_DATA, () => data(writer));
    });
  };
}
