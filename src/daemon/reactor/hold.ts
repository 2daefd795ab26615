/**
 * The waiting room. Packets for a group are diverted into a TAP before the kernel sees them, kept in order in a bounded
 * queue, and written back into the same TAP: then the kernel delivers them, or on a proxy routes them on. The successor in
 * a planned switchover waits so for its fence, a proxy for the next active member.
 */
import type { Fence } from '../../linux/fence/fence.ts';
import { interfaceIndex, interfaceMac } from '../../linux/interfaces.ts';
import { addAddress, setAddrGenModeNone, setLinkUp } from '../../linux/route/requests.ts';
import { RouteSocket } from '../../linux/route/socket.ts';
import { writeSysctl } from '../../linux/sysctl.ts';
import { Tun } from '../../linux/tun.ts';
import { type IpAddress, type MacAddress, readIpv4, readIpv6, writeMac } from '../../wire/address.ts';
import type { GroupId } from '../../wire/control/message.ts';
import { holdDevice } from '../devices.ts';

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

/** The bounds of what waits, all groups together. */
export interface RoomLimits {
  readonly bytesMax: number;
  /** Microseconds; an older packet is dropped. */
  readonly ageUs: number;
}

interface Held {
  readonly frame: Uint8Array;
  readonly atUs: number;
}

export class HoldQueue {
  readonly device: string;
  readonly #fence: Fence;
  readonly #tap: Tun;
  readonly #mac: MacAddress;
  readonly #limits: RoomLimits;
  readonly #groupOf: (address: IpAddress) => GroupId | undefined;
  readonly #queues: Map<GroupId, Held[]> = new Map();
  /** Groups whose queue is being written back, a slice per turn. */
  readonly #delivering: Set<GroupId> = new Set();
  /** Groups whose last queue was delivered, not discarded: what is left in the device goes the same way. */
  readonly #delivered: Set<GroupId> = new Set();
  readonly #buffer: Uint8Array = new Uint8Array(frameMax);
  #bytes = 0;
  #overflowed = 0;
  #outdated = 0;

  constructor(
    instance: string,
    fence: Fence,
    limits: RoomLimits,
    groupOf: (address: IpAddress) => GroupId | undefined,
  ) {
    this.device = holdDevice(instance);
    this.#fence = fence;
    this.#limits = limits;
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
    fence.rearm();
  }

  get fd(): number {
    return this.#tap.fd;
  }

  /** Packets that wait for the group. */
  waiting(group: GroupId): number {
    return this.#queues.get(group)?.length ?? 0;
  }

  begin(group: GroupId): void {
    this.#delivered.delete(group);
    this.#delivering.delete(group);
    this.#queues.set(group, this.#queues.get(group) ?? []);
    this.#fence.divertTo(group, this.device);
  }

  /** The TAP is readable: keep what is held; pass on what came while a delivery ended. */
  receive(nowUs: number): void {
    for (let frames = 0; frames < framesPerTurn; frames++) {
      const length = this.#tap.read(this.#buffer);
      if (length < 14) return;
      const frame = this.#buffer.subarray(0, length);
      const group = this.#groupFor(frame);
      if (group === undefined) continue; // the kernel's own chatter on the TAP
      const queue = this.#queues.get(group);
      writeMac(frame, 0, this.#mac);
      if (queue !== undefined) this.#keep(queue, frame, nowUs);
      // What a discarded queue left in the device must not be executed here: only the active member's is.
      else if (this.#delivered.has(group)) this.#tap.write(frame, length);
    }
  }

  /** Begins to write back what is held, in order; the diversion ends when there is nothing left. */
  deliver(group: GroupId, nowUs: number): void {
    if (!this.#queues.has(group)) return;
    this.#delivering.add(group);
    this.proceed(nowUs);
  }

  /** There is more to write back. */
  get delivering(): boolean {
    return this.#delivering.size > 0;
  }

  /** Writes the next slice. Frames that arrive meanwhile are kept behind the others. */
  proceed(nowUs: number): void {
    for (const group of this.#delivering) {
      this.receive(nowUs);
      const queue = this.#queues.get(group) ?? [];
      this.#dropOld(queue, nowUs);
      for (const { frame } of queue.splice(0, framesPerTurn)) {
        this.#bytes -= costOf(frame);
        this.#tap.write(frame, frame.length);
      }
      if (queue.length > 0) continue;
      this.#delivered.add(group);
      this.#forget(group);
      this.receive(nowUs);
    }
  }

  discard(group: GroupId): void {
    this.#delivered.delete(group);
    if (this.#queues.has(group)) this.#forget(group);
  }

  close(): void {
    this.#tap.close();
  }

  /** Frames that were dropped since this was asked last: they found the queue full, or had waited too long. */
  takeDropped(): { readonly overflowed: number; readonly outdated: number } {
    const dropped = { overflowed: this.#overflowed, outdated: this.#outdated };
    this.#overflowed = 0;
    this.#outdated = 0;
    return dropped;
  }

  #forget(group: GroupId): void {
    for (const { frame } of this.#queues.get(group) ?? []) this.#bytes -= costOf(frame);
    this.#queues.delete(group);
    this.#delivering.delete(group);
    this.#fence.stopDiverting(group);
  }

  #keep(queue: Held[], frame: Uint8Array, nowUs: number): void {
    this.#dropOld(queue, nowUs);
    if (this.#bytes + costOf(frame) > this.#limits.bytesMax) {
      this.#overflowed++;
      return;
    }
    this.#bytes += costOf(frame);
    queue.push({ frame: frame.slice(), atUs: nowUs });
  }

  /** The oldest are in front. */
  #dropOld(queue: Held[], nowUs: number): void {
    let old = 0;
    for (const { frame, atUs } of queue) {
      if (nowUs - atUs <= this.#limits.ageUs) break;
      this.#bytes -= costOf(frame);
      old++;
    }
    if (old === 0) return;
    queue.splice(0, old);
    this.#outdated += old;
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
