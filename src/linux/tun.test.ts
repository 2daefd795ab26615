import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { inNamespace, ip } from '../../test/namespace.ts';
import { existingInterfaces } from './interfaces.ts';
import { Tun } from './tun.ts';

const holder = 'holder';

if (process.argv[2] === holder) {
  Tun.open({ name: 'us9', kind: 'tun' });
  process.stdout.write('open\n');
  setInterval(() => undefined, 1000);
} else {
  inNamespace(import.meta.filename);

  test('packets sent to the device are read, packets written are received', async (context) => {
    if (!deviceOpens(context)) return;
    const tun = Tun.open({ name: 'us0', kind: 'tun' });
    ip('addr add 192.0.2.10/32 dev us0');
    ip('link set us0 up');
    ip('route add 198.51.100.0/24 dev us0');
    const socket = createSocket('udp4').bind(5000, '192.0.2.10');
    await once(socket, 'listening');
    socket.send('ping', 6000, '198.51.100.7');

    const packet = await nextIpv4(tun, 0);
    assert.equal(packet.subarray(28).toString(), 'ping');
    // Back to the sender: addresses and ports exchanged, which leaves the checksums right.
    for (const [one, two, length] of [
      [12, 16, 4],
      [20, 22, 2],
    ] as const) {
      const kept = Buffer.from(packet.subarray(one, one + length));
      packet.copy(packet, one, two, two + length);
      kept.copy(packet, two);
    }
    const received = once(socket, 'message');
    assert.equal(tun.write(packet, packet.length), 0);
    assert.equal(String((await received)[0]), 'ping');
    socket.close();
    tun.close();
    assert.doesNotMatch(existingInterfaces(), /us0/);
  });

  test('nothing waiting is -1; a device that is down does not take a packet', (context) => {
    if (!deviceOpens(context)) return;
    const tap = Tun.open({ name: 'ush0', kind: 'tap' });
    assert.equal(tap.read(Buffer.alloc(100)), -1);
    assert.notEqual(tap.write(Buffer.alloc(60), 60), 0);
    tap.close();
  });

  test('with a vnet header a TAP frame begins 10 bytes later', async (context) => {
    if (!deviceOpens(context)) return;
    const tap = Tun.open({ name: 'ush0', kind: 'tap', vnetHeader: true });
    ip('addr add 192.0.2.10/24 dev ush0');
    ip('link set ush0 up');
    ip('neigh add 192.0.2.20 lladdr 02:00:5e:00:53:20 dev ush0');
    const socket = createSocket('udp4').bind(5000, '192.0.2.10');
    await once(socket, 'listening');
    socket.send('ping', 6000, '192.0.2.20');
    const frame = await nextIpv4(tap, 10 + 14);
    assert.equal(frame.subarray(10, 16).toString('hex'), '02005e005320');
    assert.equal(frame.subarray(24 + 28).toString(), 'ping');
    socket.close();
    tap.close();
  });

  test('a name that is taken is refused', (context) => {
    if (!deviceOpens(context)) return;
    const tun = Tun.open({ name: 'us0', kind: 'tun' });
    assert.throws(() => Tun.open({ name: 'us0', kind: 'tun' }), { errno: 'EBUSY', remedy: /exists/ });
    tun.close();
    ip('tuntap add dev us0 mode tun');
    assert.throws(() => Tun.open({ name: 'us0', kind: 'tun' }), { errno: 'EBUSY', subject: 'us0' });
    ip('link del us0');
    assert.throws(() => Tun.open({ name: 'lo', kind: 'tun' }), { code: 'operationFailed', remedy: /exists/ });
  });

  test('the device and its address die with a process that is killed', async (context) => {
    if (!deviceOpens(context)) return;
    const child = spawn(process.execPath, [import.meta.filename, holder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    ip('addr add 192.0.2.99/32 dev us9');
    ip('link set us9 up');
    assert.match(ip('route get 192.0.2.99'), /^local/);
    child.kill('SIGKILL');
    assert.equal((await once(child, 'exit'))[1], 'SIGKILL');
    assert.doesNotMatch(existingInterfaces(), /us9/);
    assert.throws(() => ip('route get 192.0.2.99'));
  });
}

/** The next IPv4 packet whose header begins at `offset`; the kernel also sends IPv6 chatter of its own. */
async function nextIpv4(device: Tun, offset: number): Promise<Buffer> {
  const buffer = Buffer.alloc(2048);
  for (;;) {
    const length = device.read(buffer);
    if (length > offset && (buffer[offset] ?? 0) >> 4 === 4) return Buffer.from(buffer.subarray(0, length));
    // The sender needs a turn of this thread's loop: look again after it.
    if (length < 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Skips the test where this user may not open the device at all (its mode is 0666 on most machines). */
function deviceOpens(context: TestContext): boolean {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    context.skip('/dev/net/tun cannot be opened; remedy: run as root, load the module tun, or chmod 0666 it');
    return false;
  }
}
