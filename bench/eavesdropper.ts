/**
 * Station in the switch's namespace: when one member's control packets left at the other one's port, as the switch passed
 * them on. What a wall keeps back never leaves there.
 */
import { StationLoop } from '../src/lab/loop.ts';
import type { SocketFilter } from '../src/linux/bpf.ts';
import { PacketSocket } from '../src/linux/packet-socket.ts';

export interface EavesdropperOptions {
  /** Members' ports on every switch, with the MAC address of the machine that is plugged in. */
  readonly ports: readonly { readonly port: string; readonly mac: string }[];
  /** What the members say to each other: any of these in an IPv4 frame. */
  readonly marks: readonly Mark[];
}

/** A byte, or two, of an IPv4 frame. */
export interface Mark {
  readonly at: number;
  readonly bytes: 1 | 2;
  readonly value: number;
}

/** When the first one after `sinceUs` left for a member (CLOCK_MONOTONIC microseconds), or null. */
export interface EavesdropperCommand {
  readonly do: 'first';
  readonly sinceUs: number;
}

/** Classic BPF (Documentation/networking/filter.rst of the kernel). */
const loadHalf = 0x28;
const loadByte = 0x30;
const jumpEqual = 0x15;
const finish = 0x06;
const etherIpv4 = 0x0800;
/** So many are remembered: seconds of them. */
const keptMax = 20_000;

/** Passes IPv4 frames with one of the marks. */
function filter(marks: readonly Mark[]): SocketFilter {
  /** Instructions that follow the two of the EtherType; then "pass", then "drop". */
  const length = marks.length * 2;
  const program = [
    [loadHalf, 0, 0, 12],
    [jumpEqual, 0, length + 1, etherIpv4],
    ...marks.flatMap(({ at, bytes, value }, index) => [
      [bytes === 1 ? loadByte : loadHalf, 0, 0, at],
      [jumpEqual, length - index * 2 - 2, index === marks.length - 1 ? 1 : 0, value],
    ]),
    [finish, 0, 0, 0xffff_ffff],
    [finish, 0, 0, 0],
  ];
  const instructions = Buffer.alloc(program.length * 8);
  for (const [index, [code = 0, ifTrue = 0, ifFalse = 0, value = 0]] of program.entries()) {
    instructions.writeUInt16LE(code, index * 8);
    instructions.writeUInt8(ifTrue, index * 8 + 2);
    instructions.writeUInt8(ifFalse, index * 8 + 3);
    instructions.writeUInt32LE(value, index * 8 + 4);
  }
  return { instructions };
}

const options = JSON.parse(process.argv[2] ?? '{}') as EavesdropperOptions;
const leftUs: number[] = [];

const loop = new StationLoop<EavesdropperCommand>(({ sinceUs }) => {
  const later = leftUs.filter((us) => us > sinceUs);
  return later.length === 0 ? null : Math.min(...later);
});
for (const { port, mac } of options.ports) {
  const own = Buffer.from(mac.replaceAll(':', ''), 'hex');
  const socket = PacketSocket.open({ interface: port, stamped: true, filter: filter(options.marks) });
  loop.watch(socket.fd, () =>
    socket.receive((frame, atUs) => {
      // What the machine itself says enters here; all else leaves.
      if (own.equals(frame.subarray(6, 12))) return;
      leftUs.push(atUs);
      if (leftUs.length > 2 * keptMax) leftUs.splice(0, keptMax);
    }),
  );
}
loop.run(() => undefined);
