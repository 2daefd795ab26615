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
/** So many frames are read or written in one go: some 300 µs. */
const framesPerTurn = 128;
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
  readonly #serves: (group: GroupId) => boolean;
  readonly #queues: Map<GroupId, Uint8Array[]> = new Map();
  /** Groups whose queue is being written back, a slice per turn. */
  readonly #delivering: Set<GroupId> = new Set();
  readonly #buffer: Uint8Array = new Uint8Array(frameMax);
  #bytes = 0;
  #overflowed = 0;

  constructor(
    instance: string,
    fence: Fence,
    bytesMax: number,
    groupOf: (address: IpAddress) => GroupId | undefined,
    serves: (group: GroupId) => boolean,
  ) {
    this.device = holdDevice(instance);
    this.#fence = fence;
    this.#bytesMax = bytesMax;
    this.#groupOf = groupOf;
    this.#serves = serves;
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

  /** The TAP is readable: keep what is held; pass on what came while a delivery ended. */
  receive(): void {
    for (let frames = 0; frames < framesPerTurn; frames++) {
      const length = this.#tap.read(this.#buffer);
      if (length < 14) return;
      const frame = this.#buffer.subarray(0, length);
      const group = this.#groupFor(frame);
      if (group === undefined) continue; // the kernel's own chatter on the TAP
      const queue = this.#queues.get(group);
      writeMac(frame, 0, this.#mac);
      if (queue !== undefined) this.#keep(queue, frame);
      // What a discarded queue left in the device must not be executed here: only the active member's is.
      else if (this.#serves(group)) this.#tap.write(frame, length);
    }
  }

  /** Begins to write back what is held, in order; the diversion ends when there is nothing left. */
  deliver(group: GroupId): void {
    if (!this.#queues.has(group)) return;
    this.#delivering.add(group);
    this.proceed();
  }

  /** There is more to write back. */
  get delivering(): boolean {
    return this.#delivering.size > 0;
  }

  /** Writes the next slice. Frames that arrive meanwhile are kept behind the others. */
  proceed(): void {
    for (const group of this.#delivering) {
      this.receive();
      const queue = this.#queues.get(group) ?? [];
      for (const frame of queue.splice(0, framesPerTurn)) {
        this.#bytes -= costOf(frame);
        this.#tap.write(frame, frame.length);
      }
      if (queue.length > 0) continue;
      this.#forget(group);
      this.receive();
    }
  }

  discard(group: GroupId): void {
    if (this.#queues.has(group)) this.#forget(group);
  }

  close(): void {
    this.#tap.close();
  }

  #forget(group: GroupId): void {
    for (const frame of this.#queues.get(group) ?? []) this.#bytes -= costOf(frame);
    this.#queues.delete(group);
    this.#delivering.delete(group);
    this.#fence.stopDiverting(group);
  }

  #keep(queue: Uint8Array[], frame: Uint8Array): void {
    if (this.#bytes + costOf(frame) > this.#bytesMax) {
      this.#overflowed++;
      return;
    }
    this.#bytes += costOf(frame);
    queue.push(frame.slice());
  }

  /** Frames that found the queue full since this was asked last. */
  takeOverflow(): number {
    const overflowed = this.#overflowed;
    this.#overflowed = 0;
    return overflowed;
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

/** A frame's share of the bound: its bytes, and what an array of them costs. */
function costOf(frame: Uint8Array): number {
  return frame.length + 128;
}

/** Known before the device exists: the fence exempts it by name. */
export function holdDevice(instance: string): string {
  return `ush${instance}`;
}
