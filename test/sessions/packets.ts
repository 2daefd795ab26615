/** Packets of a client to the service, as frames of a device with offload headers. */
import { decodePacket, offloadHeaderLength, type Packet } from '../../src/sessions/packet.ts';
import {
  type Ipv4Address,
  type Ipv6Address,
  type MacAddress,
  parseIp,
  parseMac,
} from '../../src/wire/address.ts';
import { encodeEthernet, etherType } from '../../src/wire/ethernet.ts';
import { encodeIpv4, ipProtocol } from '../../src/wire/ipv4.ts';
import { encodeIpv6 } from '../../src/wire/ipv6.ts';
import { encodeTcp, type TcpSegment, tcpFlag } from '../../src/wire/tcp.ts';
import { value } from '../wire/properties.ts';

export const clientMac = parseMac('02:00:00:00:00:01') as MacAddress;
export const serverMac = parseMac('02:00:00:00:00:02') as MacAddress;
export const client4 = parseIp('192.0.2.1') as Ipv4Address;
export const server4 = parseIp('192.0.2.10') as Ipv4Address;
export const client6 = parseIp('2001:db8::1') as Ipv6Address;
export const server6 = parseIp('2001:db8::10') as Ipv6Address;

export const plain: TcpSegment = {
  sourcePort: 50_000,
  destinationPort: 7000,
  sequence: 0,
  acknowledgment: 0,
  flags: tcpFlag.ack,
  window: 500,
  urgentPointer: 0,
  options: new Uint8Array(0),
  payload: new Uint8Array(0),
};

export function frame(fields: Partial<TcpSegment>, family: 'ipv4' | 'ipv6' = 'ipv4'): Uint8Array {
  const segment = { ...plain, ...fields };
  const network =
    family === 'ipv4'
      ? encodeIpv4({
          trafficClass: 0,
          identification: 0,
          dontFragment: true,
          moreFragments: false,
          fragmentOffset: 0,
          ttl: 64,
          protocol: ipProtocol.tcp,
          source: client4,
          destination: server4,
          options: new Uint8Array(0),
          payload: encodeTcp(segment, client4, server4),
        })
      : encodeIpv6({
          trafficClass: 0,
          flowLabel: 0,
          nextHeader: ipProtocol.tcp,
          hopLimit: 64,
          source: client6,
          destination: server6,
          payload: encodeTcp(segment, client6, server6),
        });
  const bytes = encodeEthernet({
    destination: serverMac,
    source: clientMac,
    etherType: family === 'ipv4' ? etherType.ipv4 : etherType.ipv6,
    payload: network,
  });
  return Uint8Array.from([...new Uint8Array(offloadHeaderLength), ...bytes]);
}

export function packet(fields: Partial<TcpSegment>, family: 'ipv4' | 'ipv6' = 'ipv4'): Packet {
  return value(decodePacket(frame(fields, family)));
}
