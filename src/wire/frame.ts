/**
 * Whole Ethernet frames that say who has an address: ARP for IPv4, neighbour solicitation and advertisement for IPv6.
 */
import {
  allNodes,
  broadcastMac,
  type Ipv4Address,
  type Ipv6Address,
  ipv6MulticastMac,
  type MacAddress,
  solicitedNode,
  unspecifiedIpv4,
  unspecifiedIpv6,
  zeroMac,
} from './address.ts';
import { type ArpReason, decodeArp, encodeArp } from './arp.ts';
import { decodeEthernet, type EthernetReason, encodeEthernet, etherType } from './ethernet.ts';
import {
  decodeNeighbourMessage,
  encodeNeighbourMessage,
  type NeighbourReason,
  neighbourHopLimit,
} from './icmpv6.ts';
import { ipProtocol } from './ipv4.ts';
import { decodeIpv6, encodeIpv6, type Ipv6Reason } from './ipv6.ts';
import { type Decoded, decoded, refused } from './result.ts';

/** `source` and `destination` are the Ethernet header's; what the packet itself claims stands beside them. */
export type NeighbourFrame =
  | {
      readonly kind: 'arp';
      readonly operation: 'request' | 'reply';
      readonly source: MacAddress;
      readonly destination: MacAddress;
      readonly senderMac: MacAddress;
      readonly senderIp: Ipv4Address;
      readonly targetMac: MacAddress;
      readonly targetIp: Ipv4Address;
    }
  | {
      readonly kind: 'solicitation';
      readonly source: MacAddress;
      readonly destination: MacAddress;
      /** `::` is a duplicate address probe. */
      readonly senderIp: Ipv6Address;
      readonly targetIp: Ipv6Address;
      /** From the option; a probe has none. */
      readonly senderMac: MacAddress | undefined;
    }
  | {
      readonly kind: 'advertisement';
      readonly source: MacAddress;
      readonly destination: MacAddress;
      readonly senderIp: Ipv6Address;
      readonly targetIp: Ipv6Address;
      /** From the option; a solicited one may leave it out. */
      readonly targetMac: MacAddress | undefined;
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
    };

/** `etherType`, `nextHeader`: neither ARP nor ICMPv6 directly after the IPv6 header. */
export type FrameReason =
  | EthernetReason
  | ArpReason
  | Ipv6Reason
  | NeighbourReason
  | 'etherType'
  | 'nextHeader';

export function decodeNeighbourFrame(frame: Uint8Array): Decoded<NeighbourFrame, FrameReason> {
  const ethernet = decodeEthernet(frame);
  if (!ethernet.ok) return ethernet;
  const { source, destination, payload } = ethernet.value;
  switch (ethernet.value.etherType) {
    case etherType.arp: {
      const arp = decodeArp(payload);
      return arp.ok ? decoded({ kind: 'arp', source, destination, ...arp.value }) : arp;
    }
    case etherType.ipv6:
      return decodeNeighbourDiscovery(source, destination, payload);
    default:
      return refused('etherType');
  }
}

function decodeNeighbourDiscovery(
  source: MacAddress,
  destination: MacAddress,
  bytes: Uint8Array,
): Decoded<NeighbourFrame, FrameReason> {
  const packet = decodeIpv6(bytes);
  if (!packet.ok) return packet;
  if (packet.value.nextHeader !== ipProtocol.icmpv6) return refused('nextHeader');
  const decodedMessage = decodeNeighbourMessage(packet.value);
  if (!decodedMessage.ok) return decodedMessage;
  const message = decodedMessage.value;
  const { target: targetIp, linkLayer } = message;
  const common = { source, destination, senderIp: packet.value.source, targetIp };
  if (message.kind === 'solicitation') {
    return decoded({ kind: 'solicitation', ...common, senderMac: linkLayer });
  }
  const { router, solicited, override } = message;
  return decoded({ kind: 'advertisement', ...common, targetMac: linkLayer, router, solicited, override });
}

/** "This address is mine", to all: the patent's unsolicited ARP reply, target = sender in both addresses. */
export function arpAnnouncementReply(mac: MacAddress, ip: Ipv4Address): Uint8Array {
  return arpFrame('reply', broadcastMac, mac, ip, mac, ip);
}

/** The same as a request, target MAC zero: RFC 5227 §2.3, for hosts that heed only requests. */
export function arpAnnouncementRequest(mac: MacAddress, ip: Ipv4Address): Uint8Array {
  return arpFrame('request', broadcastMac, mac, ip, zeroMac, ip);
}

/** To one host: "who has HOST, tell me". It updates, even creates, its entry for the asker (RFC 826), and answers. */
export function arpQuestion(
  mac: MacAddress,
  ip: Ipv4Address,
  hostMac: MacAddress,
  hostIp: Ipv4Address,
): Uint8Array {
  return arpFrame('request', hostMac, mac, ip, zeroMac, hostIp);
}

/** "Does anybody have this address?", to all: sender address 0, so that no table changes by it (RFC 5227 §2.1.1). */
export function arpProbe(mac: MacAddress, ip: Ipv4Address): Uint8Array {
  return arpFrame('request', broadcastMac, mac, unspecifiedIpv4, zeroMac, ip);
}

/** The answer to a question from `toIp`. */
export function arpReply(mac: MacAddress, ip: Ipv4Address, toMac: MacAddress, toIp: Ipv4Address): Uint8Array {
  return arpFrame('reply', toMac, mac, ip, toMac, toIp);
}

function arpFrame(
  operation: 'request' | 'reply',
  destination: MacAddress,
  senderMac: MacAddress,
  senderIp: Ipv4Address,
  targetMac: MacAddress,
  targetIp: Ipv4Address,
): Uint8Array {
  const payload = encodeArp({ operation, senderMac, senderIp, targetMac, targetIp });
  return encodeEthernet({ destination, source: senderMac, etherType: etherType.arp, payload });
}

/** "This address is mine", to all nodes: O=1 makes them replace what they had (RFC 4861 §7.2.6). */
export function unsolicitedAdvertisement(mac: MacAddress, ip: Ipv6Address, router: boolean): Uint8Array {
  return advertisementFrame(mac, ip, router, ipv6MulticastMac(allNodes), allNodes);
}

/** The answer to a solicitation from `toIp`; a duplicate address probe (`::`) is answered to all nodes (§7.2.4). */
export function neighbourAdvertisement(
  mac: MacAddress,
  ip: Ipv6Address,
  router: boolean,
  toMac: MacAddress,
  toIp: Ipv6Address,
): Uint8Array {
  if (toIp === unspecifiedIpv6) return unsolicitedAdvertisement(mac, ip, router);
  return advertisementFrame(mac, ip, router, toMac, toIp);
}

function advertisementFrame(
  mac: MacAddress,
  target: Ipv6Address,
  router: boolean,
  toMac: MacAddress,
  toIp: Ipv6Address,
): Uint8Array {
  const solicited = toIp !== allNodes;
  const message = {
    kind: 'advertisement',
    target,
    linkLayer: mac,
    router,
    solicited,
    override: true,
  } as const;
  return discoveryFrame(mac, target, toMac, toIp, encodeNeighbourMessage(message, target, toIp));
}

/** To one host: "who has HOST, tell me", with our link-layer address: the IPv6 form of `arpQuestion`. */
export function neighbourQuestion(
  mac: MacAddress,
  ip: Ipv6Address,
  hostMac: MacAddress,
  hostIp: Ipv6Address,
): Uint8Array {
  const message = { kind: 'solicitation', target: hostIp, linkLayer: mac } as const;
  return discoveryFrame(mac, ip, hostMac, hostIp, encodeNeighbourMessage(message, ip, hostIp));
}

/** "Does anybody have this address?", to its solicited-node group: no source, no link-layer address (RFC 4862 §5.4.2). */
export function neighbourProbe(mac: MacAddress, ip: Ipv6Address): Uint8Array {
  const group = solicitedNode(ip);
  const message = { kind: 'solicitation', target: ip, linkLayer: undefined } as const;
  const icmp = encodeNeighbourMessage(message, unspecifiedIpv6, group);
  return discoveryFrame(mac, unspecifiedIpv6, ipv6MulticastMac(group), group, icmp);
}

function discoveryFrame(
  source: MacAddress,
  senderIp: Ipv6Address,
  destination: MacAddress,
  destinationIp: Ipv6Address,
  icmp: Uint8Array,
): Uint8Array {
  const payload = encodeIpv6({
    trafficClass: 0,
    flowLabel: 0,
    nextHeader: ipProtocol.icmpv6,
    hopLimit: neighbourHopLimit,
    source: senderIp,
    destination: destinationIp,
    payload: icmp,
  });
  return encodeEthernet({ destination, source, etherType: etherType.ipv6, payload });
}
