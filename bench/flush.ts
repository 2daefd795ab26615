/**
 * Somebody flushes the rule set, and a program on a standby's machine says the address all the time: for how long it is
 * heard until the fence stands again. On kernels before Linux 6.9, or as on those; from then on the fence is not touched.
 * In a network namespace of its own; needs the tools ip and nft.
 *
 *   node bench/flush.ts [--rounds 50] [--own]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { monotonicUs } from '../src/linux/clock.ts';
import { Epoll } from '../src/linux/epoll.ts';
import { Fence } from '../src/linux/fence/fence.ts';
import { interfaceMac } from '../src/linux/interfaces.ts';
import { PacketSocket } from '../src/linux/packet-socket.ts';
import { setFifo, setOther } from '../src/linux/sched.ts';
import { readIpv4 } from '../src/wire/address.ts';
import { arpAnnouncementReply } from '../src/wire/frame.ts';
import { enclose } from './enclose.ts';
import { formatSpread } from './statistics.ts';

const address = readIpv4(Uint8Array.of(192, 0, 2, 10), 0);
const [near, far] = ['near0', 'far0'];
const etherArp = 0x0806;
const timeOffset = 44;
/** Between two frames, milliseconds. */
const pauseMs = 0.05;
/** For so long the fence is looked after in each round, microseconds. */
const watchUs = 200_000;

/** The program on the standby's machine. */
function speak(stop: Int32Array): void {
  const socket = PacketSocket.open({ interface: near });
  const frame = Buffer.alloc(60);
  frame.set(arpAnnouncementReply(interfaceMac(near), address));
  while (Atomics.load(stop, 0) === 0) {
    frame.writeBigUInt64BE(BigInt(monotonicUs()), timeOffset);
    socket.sendBurst([frame]);
    Atomics.wait(stop, 0, 0, pauseMs);
  }
}

/** As the reactor does, under SCHED_FIFO, until the time is over. */
function lookAfter(fence: Fence, epoll: Epoll): void {
  setFifo(10);
  for (const began = monotonicUs(); monotonicUs() - began < watchUs; ) {
    epoll.wait(10_000);
    if (fence.changedBy() !== undefined)
      fence.mend(
        () => false,
        () => undefined,
      );
  }
  setOther();
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '50' }, own: { type: 'boolean', default: false } },
  });
  for (const words of [
    `link add ${near} type veth peer name ${far}`,
    `link set ${near} up`,
    `link set ${far} up`,
  ])
    execFileSync('ip', words.split(' '));
  const groups = [{ id: 1, interface: near, addresses: [address] }];
  const fence = Fence.arm({ instance: 'bench', leaseMs: 24, groups, ownDevices: [], own: values.own });
  const epoll = Epoll.open();
  if (fence.descriptor !== undefined) epoll.add(fence.descriptor, 0);
  const ear = PacketSocket.open({ interface: far });
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: stop });
  await once(worker, 'online');
  const windowsUs: number[] = [];
  const frames: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const flushed = once(spawn('nft', ['flush', 'ruleset'], { stdio: 'inherit' }), 'exit');
    lookAfter(fence, epoll);
    await flushed;
    const times: number[] = [];
    while (
      ear.receive((bytes) => {
        const frame = Buffer.from(bytes);
        if (frame.readUInt16BE(12) === etherArp) times.push(Number(frame.readBigUInt64BE(timeOffset)));
      }) > 0
    );
    frames.push(times.length);
    windowsUs.push(times.length === 0 ? 0 : Math.max(...times) - Math.min(...times));
  }
  Atomics.store(stop, 0, 1);
  await once(worker, 'exit');
  fence.remove();
  process.stdout.write(
    `flush: ${values.rounds} times, ${fence.offer.own ? 'tables of our own' : 'tables that others may change'}: heard for ` +
      `${formatSpread(windowsUs, 0)} µs, ${formatSpread(frames, 0)} frames (min / median / p99 / max)\n`,
  );
}

if (isMainThread) {
  enclose(import.meta.filename);
  await run();
} else speak(workerData);
