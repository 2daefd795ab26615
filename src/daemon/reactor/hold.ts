/**
 * The successor's waiting room in a planned switchover. While the old active member still speaks and forwards to us
 * what reaches it, our packets for the group are diverted into a TAP before the kernel sees them, kept in order in a
 * bounded queue, and written back into the same TAP (then the kernel delivers them) once the fence is open.
 */
import type { Fence } from '../../linux/fence/fence.ts';
import { interfaceIndex, interfaceMac } from '../../linux/interfaces.ts';
import { addAddress, setAddrGenModeNone, setLinkUp } from '../../linux/route/requests.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import { writeSysctl } from '../../linux/sysctl.ts';
import { Tun } from '../../linux/tun.ts';
import { type IpAddress, type MacAddress, readIpv4, readIpv6, writeMac } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';

const frameMax = 65_550;
/** The IPv4 dummy address, 192.0.0.8 (RFC 7600 §4.8): never routed, never ours to answer for. */
const dummy = readIpv4(Uint8Array.of(192, 0, 0, 8), 0);
const etherTypeOffset = 12;
const ipv4 = 0x0800;
const ipv6 = 0x86dd;
const ipv4Destination = 14 + 16;
const ipv6Destination = 14 + 24;

export class HoldQueue {
  readonly device: string;
  readonly #fence: Fence;
  readonly #tap: Tun;
  readonly #mac: MacAddress;
  readonly #bytesMax: number;
  readonly #groupOf: (address: IpAddress) => GroupId | undefined;
  readonly #queues: Map<GroupId, Uint8Array[]> = new Map();
  readonly #buffer: Uint8Array = new Uint8Array(frameMax);
  #bytes = 0;
  /** Frames that found the queue full since the start. */
  overflowed = 0;

  constructor(
    instance: string,
    fence: Fence,
    bytesMax: number,
    groupOf: (address: IpAddress) => GroupId | undefined,
  ) {
    this.device = holdDevice(instance);
    this.#fence = fence;
    this.#bytesMax = bytesMax;
    this.#groupOf = groupOf;
    this.#tap = Tun.open({ name: this.device, kind: 'tap' });
    // Replies leave by another interface: a strict reverse path check would drop every frame written back, and a loose
    // one does so too on a device without an address.
    writeSysctl(['net', 'ipv4', 'conf', this.device, 'rp_filter'], '2');
    writeSysctl(['net', 'ipv4', 'conf', this.device, 'arp_ignore'], '8');
    const route = RouteSocket.open();
    const index = interfaceIndex(this.device);
    route.batch([
      setAddrGenModeNone(index),
      addAddress({ index, address: dummy, prefix: 32 }),
      setLinkUp(index),
    ]);
    route.close();
    this.#mac = interfaceMac(this.device);
  }

  get fd(): number {
    return this.#tap.fd;
  }

  begin(group: GroupId): void {
    this.#queues.set(group, this.#queues.get(group) ?? []);
    this.#fence.divertTo(group, this.device);
  }

  /** The TAP is readable: keep, or pass on what a group no longer held left behind in the device. */
  receive(): void {
    for (;;) {
      const length = this.#tap.read(this.#buffer);
      if (length < 14) return;
      const frame = this.#buffer.subarray(0, length);
      const group = this.#groupFor(frame);
      if (group === undefined) continue; // the kernel's own chatter on the TAP
      const queue = this.#queues.get(group);
      writeMac(frame, 0, this.#mac);
      if (queue === undefined) this.#tap.write(frame, length);
      else this.#keep(queue, frame);
    }
  }

  /** In order: what is in the device, what is queued, then the diversion ends, then what came meanwhile. */
  deliver(group: GroupId): void {
    this.receive();
    const queue = this.#queues.get(group);
    if (queue === undefined) return;
    this.#queues.delete(group);
    for (const frame of queue) {
      this.#bytes -= frame.length;
      this.#tap.write(frame, frame.length);
    }
    this.#fence.stopDiverting(group);
    this.receive();
  }

  discard(group: GroupId): void {
    const queue = this.#queues.get(group);
    if (queue === undefined) return;
    this.#queues.delete(group);
    for (const frame of queue) this.#bytes -= frame.length;
    this.#fence.stopDiverting(group);
  }

  close(): void {
    this.#tap.close();
  }

  #keep(queue: Uint8Array[], frame: Uint8Array): void {
    if (this.#bytes + frame.length > this.#bytesMax) {
      this.overflowed++;
      return;
    }
    this.#bytes += frame.length;
    queue.push(frame.slice());
  }

  #groupFor(frame: Uint8Array): GroupId | undefined {
    const type = ((frame[etherTypeOffset] ?? 0) << 8) | (frame[etherTypeOffset + 1] ?? 0);
    if (type === ipv4 && frame.length >= ipv4Destination + 4)
      return this.#groupOf(readIpv4(frame, ipv4Destination));
    if (type === ipv6 && frame.length >= ipv6Destination + 16)
      return this.#groupOf(readIpv6(frame, ipv6Destination));
    return undefined;
  }
}

/** Known before the device exists: the fence exempts it by name. */
export function holdDevice(instance: string): string {
  return `ush${instance}`;
}
