/**
 * A program on a machine that says a shared address without end, by a packet socket: a thread of its own, so that nothing
 * the test waits for makes it pause. Each frame carries its number and the time at which it was sent.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { monotonicUs } from '../../src/linux/clock.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { type Ipv4Address, type MacAddress, parseIp, parseMac } from '../../src/wire/address.ts';
import { arpAnnouncementReply } from '../../src/wire/frame.ts';
import { inPeer } from '../namespace.ts';

export interface MouthOptions {
  readonly machine: string;
  readonly device: string;
  readonly mac: string;
  readonly address: string;
}

/** Behind the 42 bytes of Ethernet and ARP, in the padding. */
const timeOffset = 44;
const frameLength = 60;
const pauseMs = 0.1;

/** When the frame was sent, microseconds. */
export function sentUs(frame: Uint8Array): number {
  return Number(Buffer.from(frame).readBigUInt64BE(timeOffset));
}

export class Mouth {
  readonly #worker: Worker;
  /** 0: how many frames were said; 1: whether it is to stop. */
  readonly #state: Int32Array;

  private constructor(worker: Worker, state: Int32Array) {
    this.#worker = worker;
    this.#state = state;
  }

  static open(options: MouthOptions): Mouth {
    const state = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL(import.meta.url), { workerData: { options, state } });
    // A test that failed leaves it open; the file ends all the same.
    worker.unref();
    return new Mouth(worker, state);
  }

  get said(): number {
    return Atomics.load(this.#state, 0);
  }

  async close(): Promise<void> {
    Atomics.store(this.#state, 1, 1);
    this.#worker.ref();
    await new Promise((resolve) => this.#worker.once('exit', resolve));
  }
}

function speak({ machine, device, mac, address }: MouthOptions, state: Int32Array): void {
  const socket = inPeer(machine, () => PacketSocket.open({ interface: device }));
  const frame = Buffer.alloc(frameLength);
  frame.set(arpAnnouncementReply(parseMac(mac) as MacAddress, parseIp(address) as Ipv4Address));
  while (Atomics.load(state, 1) === 0) {
    frame.writeBigUInt64BE(BigInt(monotonicUs()), timeOffset);
    socket.sendBurst([frame]);
    Atomics.add(state, 0, 1);
    Atomics.wait(state, 1, 0, pauseMs);
  }
  socket.close();
}

if (!isMainThread) speak(workerData.options, workerData.state);
