/**
 * What the watched ports need not be asked about: an IPv4 packet from any other address than the service's. The kernel
 * drops it before it wakes the switch, which else would look at every acknowledgement of a TCP stream.
 */
import type { SocketFilter } from '../linux/bpf.ts';

/** Classic BPF (Documentation/networking/filter.rst of the kernel). */
const loadHalf = 0x28;
const loadWord = 0x20;
const jumpEqual = 0x15;
const finish = 0x06;
const etherIpv4 = 0x0800;
/** Where the EtherType and an IPv4 packet's source stand in a frame. */
const etherTypeAt = 12;
const sourceAt = 26;

/** Passes every frame but IPv4 packets whose source is not `service4` (4 bytes). */
export function voiceFilter(service4: Uint8Array): SocketFilter {
  const source = Buffer.from(service4).readUInt32BE(0);
  /** Code, how many instructions to skip when true and when false, value. */
  const program = [
    [loadHalf, 0, 0, etherTypeAt],
    [jumpEqual, 0, 2, etherIpv4],
    [loadWord, 0, 0, sourceAt],
    [jumpEqual, 0, 1, source],
    [finish, 0, 0, 0xffff_ffff],
    [finish, 0, 0, 0],
  ] as const;
  const instructions = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, value], index) => {
    instructions.writeUInt16LE(code, index * 8);
    instructions.writeUInt8(ifTrue, index * 8 + 2);
    instructions.writeUInt8(ifFalse, index * 8 + 3);
    instructions.writeUInt32LE(value, index * 8 + 4);
  });
  return { instructions };
}
