/**
 * A cable between the two machines that delays every frame, and loses some: a TAP device at either end, and this process
 * between them, for kernels without netem. It lives until it is killed, and prints what it carried whenever it is asked.
 */
import { readSync } from 'node:fs';
import { monotonicUs } from '../../src/linux/clock.ts';
import { EPOLLIN, Epoll } from '../../src/linux/epoll.ts';
import { Tun } from '../../src/linux/tun.ts';
import { inPeer } from '../namespace.ts';

const [delayMs = 0, lossPercent = 0] = process.argv.slice(2).map(Number);
const frameBytesMax = 65_536;
const stdin = 0;
const carried = { frames: 0, lost: 0 };

const ends = ['active', 'standby'].map((host) =>
  inPeer(host, () => Tun.open({ name: 'link0', kind: 'tap' })),
);
const epoll = Epoll.open();
for (const { fd } of ends) epoll.add(fd, fd, EPOLLIN);
epoll.add(stdin, stdin, EPOLLIN);
process.stdout.write('{"ready":true}\n');

/** On their way, the oldest first. */
const under: { readonly dueUs: number; readonly to: Tun; readonly frame: Uint8Array }[] = [];
const buffer = Buffer.alloc(frameBytesMax);

function take(from: Tun, to: Tun): void {
  for (;;) {
    const length = from.read(buffer);
    if (length < 0) return;
    carried.frames++;
    if (Math.random() * 100 < lossPercent) carried.lost++;
    else
      under.push({
        dueUs: monotonicUs() + delayMs * 1000,
        to,
        frame: Uint8Array.from(buffer.subarray(0, length)),
      });
  }
}

for (;;) {
  const nextUs = under[0] === undefined ? 1_000_000 : Math.max(under[0].dueUs - monotonicUs(), 0);
  const count = epoll.wait(nextUs);
  for (let index = 0; index < count; index++) {
    if (epoll.token(index) !== stdin) continue;
    if (readSync(stdin, buffer) === 0) process.exit();
    process.stdout.write(`${JSON.stringify(carried)}\n`);
  }
  const [one, other] = ends;
  if (one === undefined || other === undefined) break;
  take(one, other);
  take(other, one);
  // One that is down takes nothing: so it is with cables.
  while (under[0] !== undefined && under[0].dueUs <= monotonicUs()) {
    const { to, frame } = under[0];
    under.shift();
    to.write(frame, frame.length);
  }
}
