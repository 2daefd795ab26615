/**
 * Every way in which a machine can speak for an address, tried at once: what reaches the far end of the cable says
 * which of them the fence lets pass. This namespace has `lan0`, the namespace `peer` the other end, `far0`.
 */
import assert from 'node:assert/strict';
import { monotonicUs } from '../../src/linux/clock.ts';
import { EPOLLIN, Epoll } from '../../src/linux/epoll.ts';
import { ENOBUFS, errnoName } from '../../src/linux/errno.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { UdpSocket } from '../../src/linux/udp-socket.ts';
import {
  type IpAddress,
  type Ipv4Address,
  type Ipv6Address,
  isIpv4,
  type MacAddress,
  parseIp,
  parseMac,
  writeIpv6,
} from '../../src/wire/address.ts';
import {
  arpAnnouncementReply,
  arpAnnouncementRequest,
  arpQuestion,
  neighbourQuestion,
  unsolicitedAdvertisement,
} from '../../src/wire/frame.ts';
import { cable, inPeer, ip } from '../namespace.ts';

export const nearMac: MacAddress = mac('02:00:5e:00:53:01');
export const farMac: MacAddress = mac('02:00:5e:00:53:02');
export const shared4: Ipv4Address = ip4('192.0.2.10');
export const shared6: Ipv6Address = ip6('2001:db8::10');
export const second4: Ipv4Address = ip4('192.0.2.20');
export const second6: Ipv6Address = ip6('2001:db8::20');
export const near4: Ipv4Address = ip4('192.0.2.1');
export const near6: Ipv6Address = ip6('2001:db8::1');
export const far4: Ipv4Address = ip4('192.0.2.2');
export const far6: Ipv6Address = ip6('2001:db8::2');

const port = 7000;
const patienceUs = 5_000_000;

export type Voice = 'udp' | 'raw' | 'announce' | 'announceRequest' | 'ask' | 'targetOnly';

export function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

export function ip4(text: string): Ipv4Address {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined && isIpv4(parsed));
  return parsed;
}

export function ip6(text: string): Ipv6Address {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined && !isIpv4(parsed));
  return parsed;
}

/** The cable, its addresses, and the shared addresses on `lo`. Neighbours are permanent: nobody needs to ask. */
export function lay(): void {
  cable('lan0', 'far0', 'peer');
  ip('link set lan0 address 02:00:5e:00:53:01');
  ip('-n peer link set far0 address 02:00:5e:00:53:02');
  ip('addr add 192.0.2.1/24 dev lan0');
  ip('addr add 2001:db8::1/64 dev lan0 nodad');
  ip('-n peer addr add 192.0.2.2/24 dev far0');
  ip('-n peer addr add 2001:db8::2/64 dev far0 nodad');
  ip('neigh replace 192.0.2.2 lladdr 02:00:5e:00:53:02 dev lan0');
  ip('neigh replace 2001:db8::2 lladdr 02:00:5e:00:53:02 dev lan0');
  for (const address of ['192.0.2.10', '192.0.2.20']) {
    ip(`addr add ${address}/32 dev lo`);
    ip(`-n peer neigh replace ${address} lladdr 02:00:5e:00:53:01 dev far0`);
  }
  for (const address of ['2001:db8::10', '2001:db8::20']) {
    ip(`addr add ${address}/128 dev lo nodad`);
    ip(`-n peer neigh replace ${address} lladdr 02:00:5e:00:53:01 dev far0`);
  }
}

/** Which of all voices for `address` arrive at the other end of the cable. */
export function heard(address: IpAddress, near = 'lan0', far = 'far0'): Voice[] {
  const ear = inPeer('peer', () => PacketSocket.open({ interface: far }));
  const mouth = PacketSocket.open({ interface: near });
  try {
    const frames = framesFor(address);
    const text = `voice of ${String(address)}`;
    if (near === 'lan0') say(address, text);
    const marker = ethernet(0x88b5, Buffer.alloc(46));
    for (const frame of frames.values()) {
      const errno = mouth.sendBurst([frame]);
      assert.ok(errno === 0 || errno === ENOBUFS, errnoName(errno)); // ENOBUFS: dropped on its way out
    }
    assert.equal(mouth.sendBurst([marker]), 0);
    const arrived = collect(ear, (frame) => frame.equals(marker));
    const voices = [...frames].filter(([, frame]) => arrived.some((one) => one.equals(frame)));
    const said: Voice[] = arrived.some((one) => one.includes(text)) ? ['udp'] : [];
    return [...said, ...voices.map(([voice]) => voice)];
  } finally {
    mouth.close();
    ear.close();
  }
}

/** All voices there are for the address. */
export function every(address: IpAddress): Voice[] {
  return ['udp', ...framesFor(address).keys()];
}

/** Frames until one satisfies `last`. */
export function collect(socket: PacketSocket, last: (frame: Buffer) => boolean): Buffer[] {
  const epoll = Epoll.open();
  epoll.add(socket.fd, 0, EPOLLIN);
  const frames: Buffer[] = [];
  let done = false;
  while (!done) {
    awaitReady(epoll, 'the last frame');
    socket.receive((frame) => {
      frames.push(Buffer.from(frame));
      done ||= last(Buffer.from(frame));
    });
  }
  epoll.close();
  return frames;
}

/** Until something is ready. A signal ends a wait early. */
export function awaitReady(epoll: Epoll, what: string): void {
  const untilUs = monotonicUs() + patienceUs;
  while (epoll.wait(patienceUs) === 0) assert.ok(monotonicUs() < untilUs, `${what} did not come`);
}

/** A datagram by an ordinary socket bound to the address. The closed fence says EPERM. */
function say(address: IpAddress, text: string): void {
  const socket = UdpSocket.open({ interface: 'lan0', localAddress: address, port });
  const bytes = Buffer.from(text);
  const errno = socket.send(bytes, bytes.length, isIpv4(address) ? far4 : far6, port);
  socket.close();
  assert.ok(errno === 0 || errnoName(errno) === 'EPERM', errnoName(errno));
}

/** What an AF_PACKET socket can say. */
function framesFor(address: IpAddress): Map<Voice, Buffer> {
  if (isIpv4(address)) {
    return new Map<Voice, Buffer>([
      ['raw', ethernet(0x0800, ipv4Packet(address))],
      ['announce', padded(arpAnnouncementReply(nearMac, address))],
      ['announceRequest', padded(arpAnnouncementRequest(nearMac, address))],
      ['ask', padded(arpQuestion(nearMac, address, farMac, far4))],
    ]);
  }
  const advertisement = Buffer.from(unsolicitedAdvertisement(nearMac, address, false));
  const targetOnly = Buffer.from(advertisement);
  writeIpv6(targetOnly, 22, near6);
  return new Map<Voice, Buffer>([
    ['announce', advertisement],
    ['targetOnly', targetOnly],
    ['ask', Buffer.from(neighbourQuestion(nearMac, address, farMac, far6))],
  ]);
}

export function ethernet(type: number, body: Uint8Array): Buffer {
  const header = Buffer.from('02005e00530202005e0053010000', 'hex');
  header.writeUInt16BE(type, 12);
  return padded(Buffer.concat([header, body]));
}

function padded(frame: Uint8Array): Buffer {
  const bytes = Buffer.alloc(Math.max(60, frame.length));
  bytes.set(frame);
  return bytes;
}

function ipv4Packet(source: Ipv4Address): Buffer {
  const packet = Buffer.from('450000140000000040fd000000000000c0000202', 'hex');
  packet.writeUInt32BE(source, 12);
  return packet;
}
