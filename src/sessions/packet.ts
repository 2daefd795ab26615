/**
 * A packet of a mirrored service as the gate meets it: an Ethernet frame that carries TCP, told apart by the two ends of
 * its connection. Frames are kept and passed on as they came, segments of up to 64 KiB included.
 */
import type { IpAddress, MacAddress } from '../wire/address.ts';
import { decodeEthernet, type EthernetReason, encodeEthernet, etherType } from '../wire/ethernet.ts';
import { decodeIpv4, encodeIpv4, type Ipv4Reason, ipProtocol } from '../wire/ipv4.ts';
import { decodeIpv6, encodeIpv6, type Ipv6Reason } from '../wire/ipv6.ts';
import { type Decoded, decoded, refused } from '../wire/result.ts';
import { decodeTcp, encodeTcp, type TcpReason, type TcpSegment, tcpFlag } from '../wire/tcp.ts';

/**
 * `struct virtio_net_hdr`, with which every frame here begins, as devices with offloads give and take them: it says where a
 * checksum is still open and into which segments the frame is to be cut. All zero: a plain frame, complete.
 */
export const offloadHeaderLength = 10;
const nothing = new Uint8Array(0);

/** One end of a connection. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Names a connection among all: both ends. Compares and keys a Map. */
export type FlowKey = string;

export interface Packet {
  readonly flow: FlowKey;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly sourceMac: MacAddress;
  readonly destinationMac: MacAddress;
  readonly segment: TcpSegment;
  /** The sequence number after everything in it; SYN and FIN count one each. */
  readonly end: number;
  /** The whole frame, its offload header included. */
  readonly frame: Uint8Array;
}

export type PacketReason =
  | EthernetReason
  | Ipv4Reason
  | Ipv6Reason
  | TcpReason
  | 'etherType'
  | 'protocol'
  | 'fragment';

export function decodePacket(frame: Uint8Array): Decoded<Packet, PacketReason> {
  const ethernet = decodeEthernet(frame.subarray(offloadHeaderLength));
  if (!ethernet.ok) return ethernet;
  const network = decodeNetwork(ethernet.value.etherType, ethernet.value.payload);
  if (!network.ok) return network;
  const { source, destination, payload } = network.value;
  const tcp = decodeTcp(payload);
  if (!tcp.ok) return tcp;
  const segment = tcp.value;
  const from = { address: source, port: segment.sourcePort };
  const to = { address: destination, port: segment.destinationPort };
  return decoded({
    flow: flowKey(from, to),
    source: from,
    destination: to,
    sourceMac: ethernet.value.source,
    destinationMac: ethernet.value.destination,
    segment,
    end: endOf(segment),
    frame,
  });
}

/** The same packet in bytes of its own, for who keeps one whose frame is a view. */
export function ownPacket(packet: Packet): Packet {
  const own = decodePacket(Uint8Array.from(packet.frame));
  if (!own.ok) throw new RangeError(`a packet is none any more: ${own.reason}`);
  return own.value;
}

/** Where a packet came from and how far it reaches, without what it carries; in bytes of its own. */
export function bareOf(packet: Packet): Packet {
  const { segment } = packet;
  const bare = { ...segment, options: Uint8Array.from(segment.options), payload: nothing };
  return { ...packet, segment: bare, frame: nothing };
}

/** It opens a connection (RFC 9293 §3.5): a SYN that acknowledges nothing. */
export function isFirst({ segment }: Packet): boolean {
  return (segment.flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn;
}

/** A connection seen from its client: requests have this key, answers the one with the ends exchanged. */
export function flowKey(client: Endpoint, server: Endpoint): FlowKey {
  return `${client.address} ${client.port} ${server.address} ${server.port}`;
}

/**
 * The same packet with nothing but an acknowledgment in it, of everything before `acknowledgment`, and a checksum of its
 * own. Options stay: the timestamps must fit the connection.
 */
export function acknowledgmentOnly(
  packet: Packet,
  sequence: number,
  acknowledgment: number,
  window: number = packet.segment.window,
): Uint8Array {
  const { source, destination, segment } = packet;
  const bytes = encodeTcp(
    {
      ...segment,
      sequence,
      acknowledgment,
      window,
      flags: tcpFlag.ack,
      urgentPointer: 0,
      payload: new Uint8Array(0),
    },
    source.address,
    destination.address,
  );
  return enclose(packet, bytes);
}

/** A segment without data in answer to the packet, in a frame from `mac` to where that came from. */
export function answerFrame(
  packet: Packet,
  mac: MacAddress,
  answer: { readonly sequence: number; readonly acknowledgment: number; readonly flags: number },
): Uint8Array {
  const { source, destination, segment } = packet;
  const bytes = encodeTcp(
    {
      ...segment,
      ...answer,
      sourcePort: segment.destinationPort,
      destinationPort: segment.sourcePort,
      window: 0,
      urgentPointer: 0,
      options: new Uint8Array(0),
      payload: new Uint8Array(0),
    },
    destination.address,
    source.address,
  );
  const ends = { source: destination, destination: source };
  return enclose({ ...ends, sourceMac: mac, destinationMac: packet.sourceMac }, bytes);
}

type Ends = Pick<Packet, 'source' | 'destination' | 'sourceMac' | 'destinationMac'>;

/** A frame from the packet's source to its destination that carries `payload` as TCP. */
function enclose(packet: Ends, payload: Uint8Array): Uint8Array {
  const source = packet.source.address;
  const destination = packet.destination.address;
  const common = { trafficClass: 0, payload };
  const network =
    typeof source === 'number' && typeof destination === 'number'
      ? encodeIpv4({
          ...common,
          source,
          destination,
          identification: 0,
          dontFragment: true,
          moreFragments: false,
          fragmentOffset: 0,
          ttl: 64,
          protocol: ipProtocol.tcp,
          options: new Uint8Array(0),
        })
      : typeof source === 'bigint' && typeof destination === 'bigint'
        ? encodeIpv6({
            ...common,
            source,
            destination,
            flowLabel: 0,
            nextHeader: ipProtocol.tcp,
            hopLimit: 64,
          })
        : new Uint8Array(0);
  const type = typeof source === 'number' ? etherType.ipv4 : etherType.ipv6;
  const { sourceMac, destinationMac } = packet;
  const frame = encodeEthernet({
    destination: destinationMac,
    source: sourceMac,
    etherType: type,
    payload: network,
  });
  const bytes = new Uint8Array(offloadHeaderLength + frame.length);
  bytes.set(frame, offloadHeaderLength);
  return bytes;
}

interface Network {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly payload: Uint8Array;
}

function decodeNetwork(type: number, payload: Uint8Array): Decoded<Network, PacketReason> {
  if (type === etherType.ipv4) {
    const packet = decodeIpv4(payload);
    if (!packet.ok) return packet;
    const { protocol, moreFragments, fragmentOffset } = packet.value;
    if (moreFragments || fragmentOffset !== 0) return refused('fragment');
    return protocol === ipProtocol.tcp ? packet : refused('protocol');
  }
  if (type !== etherType.ipv6) return refused('etherType');
  const packet = decodeIpv6(payload);
  if (!packet.ok) return packet;
  return packet.value.nextHeader === ipProtocol.tcp ? packet : refused('protocol');
}

function endOf({ sequence, flags, payload }: TcpSegment): number {
  const marks = ((flags & tcpFlag.syn) === 0 ? 0 : 1) + ((flags & tcpFlag.fin) === 0 ? 0 : 1);
  return (sequence + payload.length + marks) >>> 0;
}
