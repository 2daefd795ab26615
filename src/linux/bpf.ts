/**
 * Classic BPF programs for sockets: the kernel drops what nobody here wants to see before it wakes anybody.
 * Source: Documentation/networking/filter.rst of the kernel.
 */
import { pinned, writePointer } from './ffi.ts';

export const SO_ATTACH_FILTER = 26;

/** A program as `struct sock_filter` instructions, 8 bytes each. */
export interface SocketFilter {
  readonly instructions: Uint8Array;
}

/** `struct sock_fprog`. */
const programLength = 16;
const loadHalf = 0x28;
const loadByte = 0x30;
const loadWord = 0x20;
const jumpEqual = 0x15;
const finish = 0x06;
/** Questions about the packet instead of its bytes (SKF_AD_OFF). */
const packetType = 0xffff_f000 + 4;
const vlanTagPresent = 0xffff_f000 + 48;
const packetOtherHost = 3;
const etherArp = 0x0806;
const etherIpv6 = 0x86dd;
const icmpv6 = 58;
const solicitation = 135;
const advertisement = 136;

/** Where a comparison leads: on to the next step, or to the end. */
type Way = 'next' | 'pass' | 'drop';
type Step =
  | { readonly load: number; readonly at: number }
  | { readonly equals: number; readonly yes: Way; readonly no: Way };

/**
 * Passes ARP, and ICMPv6 neighbour solicitations and advertisements (types 135, 136) without extension headers; not
 * frames to another host's MAC (a promiscuous interface shows them), and not frames with a VLAN tag, whose network is
 * another interface's.
 */
export function neighbourFilter(): SocketFilter {
  return assemble([
    { load: loadWord, at: vlanTagPresent },
    { equals: 0, yes: 'next', no: 'drop' },
    { load: loadWord, at: packetType },
    { equals: packetOtherHost, yes: 'drop', no: 'next' },
    { load: loadHalf, at: 12 },
    { equals: etherArp, yes: 'pass', no: 'next' },
    { equals: etherIpv6, yes: 'next', no: 'drop' },
    { load: loadByte, at: 14 + 6 },
    { equals: icmpv6, yes: 'next', no: 'drop' },
    { load: loadByte, at: 14 + 40 },
    { equals: solicitation, yes: 'pass', no: 'next' },
    { equals: advertisement, yes: 'pass', no: 'drop' },
  ]);
}

/**
 * Passes every frame but those that a switch itself sends to its neighbours while its port passes nothing yet: spanning
 * tree and all else to 01:80:c2:00:.. (IEEE 802.1D §7.12.6), and 01:00:0c:cc:.. (per-VLAN spanning tree, CDP). Not frames with a
 * VLAN tag: another interface's network.
 */
export function trafficFilter(): SocketFilter {
  return assemble([
    { load: loadWord, at: vlanTagPresent },
    { equals: 0, yes: 'next', no: 'drop' },
    { load: loadWord, at: 0 },
    { equals: 0x0180_c200, yes: 'drop', no: 'next' },
    { equals: 0x0100_0ccc, yes: 'drop', no: 'pass' },
  ]);
}

/**
 * For a netlink socket: passes messages that another netlink socket than `portId` caused (`nl_pid` of the first one, at
 * byte 12, in the machine's order, which is little-endian).
 */
export function foreignMessages(portId: number): SocketFilter {
  const bigEndian = Buffer.alloc(4);
  bigEndian.writeUInt32LE(portId);
  return assemble([
    { load: loadWord, at: 12 },
    { equals: bigEndian.readUInt32BE(), yes: 'drop', no: 'pass' },
  ]);
}

/** What SO_ATTACH_FILTER takes: `struct sock_fprog`, with the instructions it points at behind it in the same memory. */
export function filterProgram({ instructions }: SocketFilter): Uint8Array {
  const program = pinned(programLength + instructions.length);
  program.set(instructions, programLength);
  program.writeUInt16LE(instructions.length / 8, 0);
  writePointer(program, 8, program, programLength);
  return program.subarray(0, programLength);
}

/** The steps, then an instruction that passes the whole frame, then one that drops it. */
function assemble(steps: readonly Step[]): SocketFilter {
  const program = Buffer.alloc((steps.length + 2) * 8);
  const write = (index: number, code: number, ifTrue: number, ifFalse: number, value: number): void => {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(ifTrue, index * 8 + 2);
    program.writeUInt8(ifFalse, index * 8 + 3);
    program.writeUInt32LE(value, index * 8 + 4);
  };
  steps.forEach((step, index) => {
    const left = steps.length - index - 1;
    const distance = { next: 0, pass: left, drop: left + 1 };
    if ('load' in step) write(index, step.load, 0, 0, step.at);
    else write(index, jumpEqual, distance[step.yes], distance[step.no], step.equals);
  });
  write(steps.length, finish, 0, 0, 0xffff_ffff);
  write(steps.length + 1, finish, 0, 0, 0);
  return { instructions: program };
}
