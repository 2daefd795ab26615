/**
 * What passes a point of the network, byte by byte, and how frames look there: written down here as hexadecimal digits,
 * without our own codecs, so that an error in those shows.
 */
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { isIpv4, parseIp, writeIpv4, writeIpv6 } from '../../src/wire/address.ts';
import { inPeer } from '../namespace.ts';

/** Hexadecimal digits in a regular expression: a dot is any digit. */
export type Shape = string;

export class Capture {
  readonly #socket: PacketSocket;
  readonly #frames: string[] = [];

  /** Everything that arrives at an interface of a namespace from now on. */
  constructor(namespace: string, device: string) {
    this.#socket = inPeer(namespace, () => PacketSocket.open({ interface: device, ignoreOutgoing: true }));
  }

  /** Every frame so far, each as one string of hexadecimal digits. */
  get frames(): readonly string[] {
    while (this.#socket.receive((frame) => this.#frames.push(Buffer.from(frame).toString('hex'))) > 0);
    return this.#frames;
  }

  /** The frames so far that look like this from the first to the last byte. */
  like(shape: Shape): readonly string[] {
    const pattern = new RegExp(`^(?:${shape.replaceAll(' ', '')})$`);
    return this.frames.filter((frame) => pattern.test(frame));
  }

  /** What was captured so far counts no more. */
  forget(): void {
    if (this.frames.length > 0) this.#frames.length = 0;
  }

  close(): void {
    this.#socket.close();
  }
}

/** The digits of a physical address. */
export function mac(text: string): string {
  return text.replaceAll(':', '');
}

/** The digits of an IPv4 or IPv6 address. */
export function ip(text: string): string {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is no IP address`);
  const bytes = new Uint8Array(isIpv4(address) ? 4 : 16);
  if (isIpv4(address)) writeIpv4(bytes, 0, address);
  else writeIpv6(bytes, 0, address);
  return Buffer.from(bytes).toString('hex');
}

const broadcast = 'ffffffffffff';
const allNodesMac = '333300000001';
const allNodes = 'ff020000000000000000000000000001';
/** Ethernet, IPv4, addresses of 6 and 4 bytes; operation 2 (RFC 826). */
const arpReply = '0806 0001 0800 06 04 0002';
/** Version 6, 32 bytes of payload, ICMPv6, hop limit 255 (RFC 4861 §4.4). */
const advertisementPacket = '86dd 6....... 0020 3a ff';
/** Type 136, code 0, any checksum. */
const advertisementMessage = '88 00 ....';

/** The patent's unsolicited ARP reply: to everybody, "`address` is at `at`". */
export function unsolicitedReply(at: string, address: string): Shape {
  const pair = `${mac(at)} ${ip(address)}`;
  return `${broadcast} ${mac(at)} ${arpReply} ${pair} ${pair}`;
}

/** Its counterpart in IPv6: to all nodes, not solicited, override; the sender may be a router. */
export function unsolicitedAdvertisement(at: string, address: string): Shape {
  const packet = `${advertisementPacket} ${ip(address)} ${allNodes}`;
  const message = `${advertisementMessage} [2a]0 000000 ${ip(address)} 02 01 ${mac(at)}`;
  return `${allNodesMac} ${mac(at)} ${packet} ${message}`;
}

/** Any frame whose sender says that it has `address`, or sends with it: ARP, neighbour advertisement, data. */
export function voice(address: string): Shape {
  const any = '.*';
  return address.includes(':')
    ? `.{24} 86dd (?: .{16} ${ip(address)} ${any} | .{12} 3a ff .{64} 88 .{14} ${ip(address)} ${any})`
    : `.{24} (?: 0806 .{28} ${ip(address)} ${any} | 0800 .{24} ${ip(address)} ${any})`;
}

/** Any frame that makes a host believe that `address` is at its sender: ARP by it, an advertisement, a solicitation by it. */
export function claim(address: string): Shape {
  return address.includes(':')
    ? `.{24} 86dd .{12} 3a ff (?: .{64} 88 .{14} ${ip(address)} .* | ${ip(address)} .{32} 87 .*)`
    : `.{24} 0806 .{28} ${ip(address)} .*`;
}

/** The answer to one host's question: "`address` is at `at`". */
export function answer(at: string, address: string, host: { mac: string; address: string }): Shape {
  const to = `${mac(host.mac)} ${mac(at)}`;
  if (!address.includes(':'))
    return `${to} ${arpReply} ${mac(at)} ${ip(address)} ${mac(host.mac)} ${ip(host.address)}`;
  const packet = `${advertisementPacket} ${ip(address)} ${ip(host.address)}`;
  return `${to} ${packet} ${advertisementMessage} [6e]0 000000 ${ip(address)} 02 01 ${mac(at)}`;
}

/** A UDP datagram that was routed once: its hop count, 64 when it was sent, is 63. */
export function routedOnce(way: { from: string; to: string }, source: string, destination: string): Shape {
  const ethernet = `${mac(way.to)} ${mac(way.from)}`;
  const addresses = `${ip(source)} ${ip(destination)}`;
  return source.includes(':')
    ? `${ethernet} 86dd 6....... .... 11 3f ${addresses} .*`
    : `${ethernet} 0800 45 .. .... .... .... 3f 11 .... ${addresses} .*`;
}
