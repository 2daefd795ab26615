/**
 * Station in the switch's namespace that throws packets at a member's interfaces: well-formed, mutated and random
 * ARP, neighbour discovery and control datagrams. Seeded: the same seed throws the same packets.
 */
import { StationLoop } from '../src/lab/loop.ts';
import { PacketSocket } from '../src/linux/packet-socket.ts';

export interface FuzzerOptions {
  readonly ports: readonly string[];
  readonly seed: number;
}

/** Throws `count` packets at every port in turn; answers with how many the kernel took. */
export interface FuzzerCommand {
  readonly do: 'throw';
  readonly count: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as FuzzerOptions;
let state = options.seed >>> 0;

/** xorshift32: 0 .. bound-1. */
function random(bound: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % bound;
}

const v6prefix = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];

function bytes(length: number): number[] {
  return Array.from({ length }, () => random(256));
}

function sum16(data: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) sum += ((data[i] ?? 0) << 8) | (data[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const ethernet = (type: number): number[] => {
  const to = random(2) === 0 ? [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] : [2, 0, 0, 0, random(2), 1 + random(2)];
  return [...to, 2, 0, 0, 0, 0xee, random(256), type >> 8, type & 0xff];
};

/** Never a claim of a service address by a stranger that all could mistake for the owner: those change hosts. */
function arp(): number[] {
  const sender = [192, 0, 2, 50 + random(40)];
  const target = [192, 0, 2, random(4) === 0 ? 10 : random(256)];
  return [
    ...ethernet(0x0806),
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    1 + random(2),
    ...bytes(6),
    ...sender,
    ...bytes(6),
    ...target,
  ];
}

function neighbourDiscovery(): number[] {
  const source = [...v6prefix, 0x80 + random(64)];
  const destination = [...v6prefix, random(4) === 0 ? 0x10 : random(4)];
  const body = [135, 0, 0, 0, 0, 0, 0, 0, ...v6prefix, random(2) === 0 ? 0x10 : random(256)];
  body.push(1 + random(2), random(3), ...bytes(6));
  const sum = sum16([...source, ...destination, 0, 0, 0, body.length, 0, 0, 0, 58, ...body]);
  if (random(8) !== 0) body.splice(2, 2, sum >> 8, sum & 0xff);
  return [...ethernet(0x86dd), 0x60, 0, 0, 0, 0, body.length, 58, 255, ...source, ...destination, ...body];
}

function control(lan: boolean): number[] {
  const payload = bytes(random(300));
  const udpLength = payload.length + 8;
  const port = lan ? 7170 : 7169;
  const network = lan ? [192, 0, 2] : [198, 51, 100];
  const [from, to] = random(2) === 0 ? [1, 2] : [2, 1];
  const total = udpLength + 20;
  const header = [0x45, 0, total >> 8, total & 0xff, 0, 0, 0x40, 0, random(8) === 0 ? 64 : 255, 17, 0, 0];
  header.push(...network, from ?? 1, ...network, to ?? 2);
  const sum = sum16(header);
  header.splice(10, 2, sum >> 8, sum & 0xff);
  const udp = [port >> 8, port & 0xff, port >> 8, port & 0xff, udpLength >> 8, udpLength & 0xff, 0, 0];
  return [...ethernet(0x0800), ...header, ...udp, ...payload];
}

function packet(lan: boolean): Uint8Array {
  const kind = lan ? random(3) : 2;
  const frame = Uint8Array.from(kind === 0 ? arp() : kind === 1 ? neighbourDiscovery() : control(lan));
  const mutations = random(4) === 0 ? 1 + random(4) : 0;
  for (let i = 0; i < mutations; i++) frame[14 + random(frame.length - 14)] = random(256);
  return random(16) === 0 ? frame.subarray(0, 14 + random(frame.length - 14)) : frame;
}

const burstLength = 32;
const sockets = options.ports.map((name) => ({
  lan: name.startsWith('lan-'),
  socket: PacketSocket.open({ interface: name }),
}));

new StationLoop<FuzzerCommand>(({ count }) => {
  let sent = 0;
  while (sent < count) {
    for (const { lan, socket } of sockets) {
      socket.sendBurst(Array.from({ length: burstLength }, () => packet(lan)));
      sent += burstLength;
    }
  }
  return sent;
}).run(() => undefined);
