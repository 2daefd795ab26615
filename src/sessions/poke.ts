/**
 * What makes a client that waits for its retransmission timer send again at once: ICMP "host unreachable" (IPv6: "no route")
 * that quotes the segment it waits for. It takes one doubling of its timer back for each (RFC 6069), and sends when the
 * time that is left has passed already.
 */

import type { MacAddress } from '../wire/address.ts';
import { writeU16, writeU32 } from '../wire/big-endian.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from '../wire/checksum.ts';
import { encodeEthernet, etherType } from '../wire/ethernet.ts';
import { encodeIpv4, ipProtocol } from '../wire/ipv4.ts';
import { encodeIpv6 } from '../wire/ipv6.ts';
import type { Packet } from './packet.ts';

const unreachable = { ipv4: { type: 3, code: 1 }, ipv6: { type: 1, code: 0 } } as const;
const icmpHeaderLength = 8;
/** Ports and sequence number: all that is needed of TCP to know the connection. */
const quotedLength = 8;
/** As the kernel's ICMPv6 input wants it: a whole TCP header. */
const quotedLengthV6 = 20;

/** An Ethernet frame from `mac` to the client of `packet`; `sequence`: the oldest number that we lack. */
export function pokeFrame(packet: Packet, mac: MacAddress, sequence: number): Uint8Array {
  const client = packet.source;
  const server = packet.destination;
  const ipv4 = typeof client.address === 'number';
  const quoted = new Uint8Array(ipv4 ? quotedLength : quotedLengthV6);
  writeU16(quoted, 0, client.port);
  writeU16(quoted, 2, server.port);
  writeU32(quoted, 4, sequence);
  if (!ipv4) quoted[12] = 0x50;
  const inner = network(packet, 'toServer', ipProtocol.tcp, quoted);
  const { type, code } = ipv4 ? unreachable.ipv4 : unreachable.ipv6;
  const icmp = new Uint8Array(icmpHeaderLength + inner.length);
  icmp[0] = type;
  icmp[1] = code;
  icmp.set(inner, icmpHeaderLength);
  const pseudo = ipv4 ? 0 : pseudoHeaderSum(server.address, client.address, ipProtocol.icmpv6, icmp.length);
  writeU16(icmp, 2, finishChecksum(sumWords(icmp, 0, icmp.length, pseudo)));
  const protocol = ipv4 ? ipProtocol.icmp : ipProtocol.icmpv6;
  return encodeEthernet({
    destination: packet.sourceMac,
    source: mac,
    etherType: ipv4 ? etherType.ipv4 : etherType.ipv6,
    payload: network(packet, 'toClient', protocol, icmp),
  });
}

function network(
  packet: Packet,
  direction: 'toServer' | 'toClient',
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const source = direction === 'toServer' ? packet.source.address : packet.destination.address;
  const destination = direction === 'toServer' ? packet.destination.address : packet.source.address;
  if (typeof source === 'number' && typeof destination === 'number')
    return encodeIpv4({
      trafficClass: 0,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol,
      source,
      destination,
      options: new Uint8Array(0),
      payload,
    });
  if (typeof source === 'bigint' && typeof destination === 'bigint')
    return encodeIpv6({
      trafficClass: 0,
      flowLabel: 0,
      nextHeader: protocol,
      hopLimit: 64,
      source,
      destination,
      payload,
    });
  throw new RangeError('the two ends of a connection are of one family');
}
