import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { neighbourFilter } from '../../src/linux/bpf.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { formatIp, formatMac } from '../../src/wire/address.ts';
import { decodeNeighbourFrame } from '../../src/wire/frame.ts';
import { cable, inNamespace, inPeer, ip } from '../namespace.ts';
import { untilReady } from '../readiness.ts';

inNamespace(import.meta.filename);

const cli = join(import.meta.dirname, '../../src/cli/main.ts');
const configuration = `
cluster: test
node: one
key: "${'ab'.repeat(32)}"
stateDir: /run/one
control: /run/one.sock
heartbeat: { intervalMs: 20, misses: 3 }
lease: { leaseMs: 200, renewMs: 20 }
startup: { graceMs: 100, silentPortMs: 0 }
realtime: false
members: { one: { id: 1 }, two: { id: 2 } }
paths:
  lan: { id: 1, kind: lan, port: 7170, members: { one: { interface: lan0, address: 192.0.2.1 }, two: { interface: lan0, address: 192.0.2.2 } } }
groups:
  web:
    interface: lan0
    addresses: [192.0.2.10]
    members: { one: { priority: 200 }, two: { priority: 100 } }
`;

let daemon: ChildProcess;
let host: PacketSocket;

/** The interface on which the daemon speaks, and a host that hears it. */
function plug(mac: string, times: number): void {
  const peer = `host${times}`;
  cable('lan0', 'eth0', peer);
  host = inPeer(peer, () => PacketSocket.open({ interface: 'eth0', filter: neighbourFilter() }));
  ip(`link set lan0 address ${mac}`);
  ip('address add 192.0.2.1/24 dev lan0');
}

/** Waits for an announcement of the shared address with this MAC. */
function untilAnnouncedBy(mac: string): void {
  for (let heard = false; !heard; ) {
    untilReady(host.fd);
    host.receive((bytes) => {
      const frame = decodeNeighbourFrame(bytes);
      if (!frame.ok || frame.value.kind !== 'arp') return;
      const { senderIp, senderMac } = frame.value;
      heard ||= formatIp(senderIp) === '192.0.2.10' && formatMac(senderMac) === mac;
    });
  }
}

before(() => {
  mkdirSync('/run/one');
  writeFileSync('/run/one.yaml', configuration, { mode: 0o600 });
  plug('02:00:5e:00:53:01', 1);
  daemon = spawn(process.execPath, [cli, 'run', '-c', '/run/one.yaml'], { stdio: 'ignore' });
});

after(() => {
  daemon.kill('SIGKILL');
});

test('alone, it becomes active and announces', () => {
  untilAnnouncedBy('02:00:5e:00:53:01');
});

test('with a new MAC it announces that one at once', () => {
  ip('link set lan0 address 02:00:5e:00:53:02');
  untilAnnouncedBy('02:00:5e:00:53:02');
});

test('when the interface is deleted and comes back, it is bound again and announced', () => {
  ip('link del lan0');
  plug('02:00:5e:00:53:03', 2);
  untilAnnouncedBy('02:00:5e:00:53:03');
  assert.equal(daemon.exitCode, null);
});

test('an address that somebody deletes from its device is put back', () => {
  const device = /\d+: (us[0-9a-f]+):/.exec(ip('-o link show'))?.[1];
  assert.ok(device !== undefined);
  ip(`address del 192.0.2.10/32 dev ${device}`);
  for (let present = false; !present; ) present = ip(`-o address show dev ${device}`).includes('192.0.2.10');
  assert.equal(daemon.exitCode, null);
});
