/** Neighbour solicitations and advertisements (RFC 4861 §4.3, §4.4) with the validity checks of §7.1. */
import {
  type Ipv6Address,
  isMulticastIpv6,
  type MacAddress,
  readIpv6,
  readMac,
  solicitedNode,
  unspecifiedIpv6,
  writeIpv6,
  writeMac,
} from './address.ts';
import { writeU16 } from './big-endian.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { ipProtocol } from './ipv4.ts';
import type { Ipv6Packet } from './ipv6.ts';
import { type Decoded, decoded, refused } from './result.ts';

export const icmpv6Type = { neighbourSolicitation: 135, neighbourAdvertisement: 136 } as const;
/** Neighbour discovery must not have crossed a router (RFC 4861 §7.1). */
export const neighbourHopLimit = 255;

export type NeighbourMessage =
  | {
      readonly kind: 'solicitation';
      readonly target: Ipv6Address;
      /** Source link-layer address option. */
      readonly linkLayer: MacAddress | undefined;
    }
  | {
      readonly kind: 'advertisement';
      readonly target: Ipv6Address;
      /** Target link-layer address option. */
      readonly linkLayer: MacAddress | undefined;
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
    };

/**
 * - `option`: one of length 0, one that runs past the end, or a link-layer address that is not Ethernet's
 * - `probe`: a solicitation without source that names a link-layer address, or is not sent to the target's group
 * - `solicitedGroup`: an advertisement that claims to answer, but was sent to a group
 */
export type NeighbourReason =
  | 'hopLimit'
  | 'short'
  | 'checksum'
  | 'type'
  | 'code'
  | 'target'
  | 'option'
  | 'probe'
  | 'solicitedGroup';

const headerLength = 24;
const optionUnit = 8;
const sourceLinkLayer = 1;
const targetLinkLayer = 2;
const routerFlag = 0x80;
const solicitedFlag = 0x40;
const overrideFlag = 0x20;

/** Reads the payload of an IPv6 packet whose next header is ICMPv6. Options other than link-layer ones are skipped. */
export function decodeNeighbourMessage(packet: Ipv6Packet): Decoded<NeighbourMessage, NeighbourReason> {
  const { payload, source, destination } = packet;
  if (packet.hopLimit !== neighbourHopLimit) return refused('hopLimit');
  if (payload.length < headerLength) return refused('short');
  const sum = pseudoHeaderSum(source, destination, ipProtocol.icmpv6, payload.length);
  if (finishChecksum(sumWords(payload, 0, payload.length, sum)) !== 0) return refused('checksum');
  const type = payload[0];
  const isSolicitation = type === icmpv6Type.neighbourSolicitation;
  if (!isSolicitation && type !== icmpv6Type.neighbourAdvertisement) return refused('type');
  if (payload[1] !== 0) return refused('code');
  const target = readIpv6(payload, 8);
  if (isMulticastIpv6(target)) return refused('target');
  const option = readLinkLayerOption(payload, isSolicitation ? sourceLinkLayer : targetLinkLayer);
  if (!option.ok) return option;
  const linkLayer = option.value;
  if (isSolicitation) {
    const isProbe = source === unspecifiedIpv6;
    if (isProbe && (linkLayer !== undefined || destination !== solicitedNode(target)))
      return refused('probe');
    return decoded({ kind: 'solicitation', target, linkLayer });
  }
  const flags = payload[4] ?? 0;
  const solicited = (flags & solicitedFlag) !== 0;
  if (solicited && isMulticastIpv6(destination)) return refused('solicitedGroup');
  const router = (flags & routerFlag) !== 0;
  const override = (flags & overrideFlag) !== 0;
  return decoded({ kind: 'advertisement', target, linkLayer, router, solicited, override });
}

/** The first link-layer option of this kind; every option's length is checked, also after it is found. */
function readLinkLayerOption(payload: Uint8Array, kind: number): Decoded<MacAddress | undefined, 'option'> {
  let found: MacAddress | undefined;
  let offset = headerLength;
  while (offset < payload.length) {
    const length = (payload[offset + 1] ?? 0) * optionUnit;
    if (length === 0 || payload.length - offset < length) return refused('option');
    if (payload[offset] === kind) {
      if (length !== optionUnit) return refused('option');
      found ??= readMac(payload, offset + 2);
    }
    offset += length;
  }
  return decoded(found);
}

/** A new ICMPv6 message with its checksum. */
export function encodeNeighbourMessage(
  message: NeighbourMessage,
  source: Ipv6Address,
  destination: Ipv6Address,
): Uint8Array {
  const { linkLayer } = message;
  const isSolicitation = message.kind === 'solicitation';
  const bytes = new Uint8Array(headerLength + (linkLayer === undefined ? 0 : optionUnit));
  bytes[0] = isSolicitation ? icmpv6Type.neighbourSolicitation : icmpv6Type.neighbourAdvertisement;
  if (message.kind === 'advertisement') {
    bytes[4] =
      (message.router ? routerFlag : 0) |
      (message.solicited ? solicitedFlag : 0) |
      (message.override ? overrideFlag : 0);
  }
  writeIpv6(bytes, 8, message.target);
  if (linkLayer !== undefined) {
    bytes[headerLength] = isSolicitation ? sourceLinkLayer : targetLinkLayer;
    bytes[headerLength + 1] = 1;
    writeMac(bytes, headerLength + 2, linkLayer);
  }
  const sum = pseudoHeaderSum(source, destination, ipProtocol.icmpv6, bytes.length);
  writeU16(bytes, 2, finishChecksum(sumWords(bytes, 0, bytes.length, sum)));
  return bytes;
}
