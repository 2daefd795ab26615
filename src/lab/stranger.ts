/**
 * A machine on the hosts' LAN that has no part in the group. It claims the addresses for itself (a misconfigured machine,
 * an attacker), and asks every member for them whether it has them or not: one that would speak is made to. Runs as a
 * station (loop.ts).
 */
import { interfaceMac } from '../linux/interfaces.ts';
import { PacketSocket } from '../linux/packet-socket.ts';
import { setFifo } from '../linux/sched.ts';
import { UdpSocket } from '../linux/udp-socket.ts';
import {
  broadcastMac,
  type Ipv4Address,
  type Ipv6Address,
  ipv6MulticastMac,
  isIpv4,
  type MacAddress,
  parseIp,
  parseMac,
  solicitedNode,
} from '../wire/address.ts';
import { encodeEthernet, etherType } from '../wire/ethernet.ts';
import {
  arpAnnouncementReply,
  arpAnnouncementRequest,
  arpQuestion,
  neighbourQuestion,
  unsolicitedAdvertisement,
} from '../wire/frame.ts';
import { encodeIpv4, ipProtocol } from '../wire/ipv4.ts';
import { encodeIpv6 } from '../wire/ipv6.ts';
import { encodeUdp } from '../wire/udp.ts';
import { StationLoop } from './loop.ts';

export interface StrangerOptions {
  readonly interface: string;
  readonly address4: string;
  readonly address6: string;
  readonly service4: string;
  readonly service6: string;
  /** UDP port of the service. */
  readonly port: number;
  /** The members' MAC addresses. */
  readonly members: readonly string[];
  readonly fifoPriority: number;
}

export type StrangerCommand =
  /** Claims both addresses by every broadcast form, `times` times in a row. */
  | { readonly do: 'claim'; readonly times: number }
  /** From now on: a datagram a millisecond to the members in turn, and to all the question who has the address. */
  | { readonly do: 'ask'; readonly on: boolean };

const tickUs = 1000;
/** Ticks between two questions who has the address. */
const resolutionTicks = 10;
/** Where answers come to; nobody reads them. */
const ownPort = 41_000;

const options = JSON.parse(process.argv[2] ?? '{}') as StrangerOptions;
const own = { mac: interfaceMac(options.interface), v4: v4(options.address4), v6: v6(options.address6) };
const shared = { v4: v4(options.service4), v6: v6(options.service6) };

function v4(text: string): Ipv4Address {
  const address = parseIp(text);
  if (address === undefined || !isIpv4(address)) throw new Error(`${text} is no IPv4 address`);
  return address;
}

function v6(text: string): Ipv6Address {
  const address = parseIp(text);
  if (address === undefined || isIpv4(address)) throw new Error(`${text} is no IPv6 address`);
  return address;
}

function mac(text: string): MacAddress {
  const address = parseMac(text);
  if (address === undefined) throw new Error(`${text} is no MAC address`);
  return address;
}

/** What a probe asks, to this MAC address, whatever it stands for. */
function datagrams(destination: MacAddress): Uint8Array[] {
  const udp = { sourcePort: ownPort, destinationPort: options.port, payload: new Uint8Array(8) };
  const packet4 = encodeIpv4({
    ...{ trafficClass: 0, identification: 0, dontFragment: true, moreFragments: false, fragmentOffset: 0 },
    ...{ ttl: 64, protocol: ipProtocol.udp, source: own.v4, destination: shared.v4 },
    options: new Uint8Array(0),
    payload: encodeUdp(udp, own.v4, shared.v4),
  });
  const packet6 = encodeIpv6({
    ...{ trafficClass: 0, flowLabel: 0, nextHeader: ipProtocol.udp, hopLimit: 64 },
    ...{ source: own.v6, destination: shared.v6 },
    payload: encodeUdp(udp, own.v6, shared.v6),
  });
  const source = own.mac;
  return [
    encodeEthernet({ destination, source, etherType: etherType.ipv4, payload: packet4 }),
    encodeEthernet({ destination, source, etherType: etherType.ipv6, payload: packet6 }),
  ];
}

const claims = [
  arpAnnouncementReply(own.mac, shared.v4),
  arpAnnouncementRequest(own.mac, shared.v4),
  unsolicitedAdvertisement(own.mac, shared.v6, false),
];
const questions = [
  arpQuestion(own.mac, own.v4, broadcastMac, shared.v4),
  neighbourQuestion(own.mac, own.v6, ipv6MulticastMac(solicitedNode(shared.v6)), shared.v6),
];
const byMember = options.members.map((member) => datagrams(mac(member)));
const turns = [0, 1].flatMap((family) => byMember.map((frames) => frames.slice(family, family + 1)));
const socket = PacketSocket.open({ interface: options.interface, ignoreOutgoing: true, filter: nothing() });
// So that this kernel does not answer each answer with "port unreachable".
for (const localAddress of [own.v4, own.v6]) {
  UdpSocket.open({ interface: options.interface, localAddress, port: ownPort });
}

/** A program that passes nothing: this socket only sends. */
function nothing(): { readonly instructions: Uint8Array } {
  const finish = Buffer.alloc(8);
  finish.writeUInt16LE(0x06, 0);
  return { instructions: finish };
}

let asking = false;
let dueUs = 0;
let tick = 0;

function ask(nowUs: number): number | undefined {
  if (!asking) return undefined;
  if (nowUs < dueUs) return dueUs;
  dueUs = Math.max(dueUs + tickUs, nowUs + tickUs / 2);
  socket.sendBurst(turns[tick % turns.length] ?? []);
  if (tick % resolutionTicks === 0) socket.sendBurst(questions);
  tick++;
  return dueUs;
}

if (options.fifoPriority > 0) setFifo(options.fifoPriority);
new StationLoop<StrangerCommand>((command) => {
  if (command.do === 'ask') asking = command.on;
  else for (let time = 0; time < command.times; time++) socket.sendBurst(claims);
}).run(ask);
