/** One machine of the test, as a process: devices, relay, ARP. Commands come on stdin, reports go to stdout. */
import { execFileSync } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import { nodeCrypto } from '../../src/link/crypto.ts';
import { neighbourFilter } from '../../src/linux/bpf.ts';
import { interfaceMac } from '../../src/linux/interfaces.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import type { ServerPlace } from '../../src/linux/service-socket.ts';
import { writeSysctl } from '../../src/linux/sysctl.ts';
import { Tun } from '../../src/linux/tun.ts';
import { backend } from '../../src/relay/backend.ts';
import { Feed } from '../../src/relay/feed/feed.ts';
import { Machine, type MachineConfig } from '../../src/relay/machine.ts';
import { ipv6MulticastMac, isIpv4, parseIp, solicitedNode } from '../../src/wire/address.ts';
import {
  arpAnnouncementReply,
  arpAnnouncementRequest,
  arpReply,
  decodeNeighbourFrame,
  neighbourAdvertisement,
  unsolicitedAdvertisement,
} from '../../src/wire/frame.ts';
import { program } from './programs.ts';

const [role = '', addressText = '', localText = '', remoteText = '', place = '', patienceMs = '1000'] =
  process.argv.slice(2);
const address = parseIp(addressText);
const [local, remote] = [parseIp(localText), parseIp(remoteText)];
if ((role !== 'active' && role !== 'standby') || !address || !local || !remote) {
  throw new Error('usage: relay.ts active|standby ADDRESS LOCAL REMOTE [PATH|ADDRESS PORT [PATIENCE_MS]]');
}
const lan = 'lan0';
const [server = '', serverPort = ''] = place.split(' ');
const serverAddress = parseIp(server);
const serverPlace: ServerPlace =
  serverAddress === undefined ? { path: server } : { address: serverAddress, port: Number(serverPort) };
/** What became of connections, to be told with the counts. */
const notices: object[] = [];
const port = 7000;
const report = (value: object): void => void writeSync(1, `${JSON.stringify(value)}\n`);
const ip = (words: string): void =>
  void execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });

/** What answers: the programs of the test, a backend, or a mirrored program that connects. */
function service(): Pick<MachineConfig, 'program' | 'feed'> {
  if (place === '') return { program };
  if (!place.startsWith('feed ')) return { program: backend(serverPlace) };
  const feed = new Feed(place.slice(5));
  return { program: feed.programs, feed };
}

for (const device of ['all', 'default', lan]) writeSysctl(['net', 'ipv4', 'conf', device, 'rp_filter'], 0);
writeSysctl(['net', 'ipv4', 'conf', lan, 'arp_ignore'], 1);
writeSysctl(['net', 'ipv4', 'conf', lan, 'arp_announce'], 2);
// The address lives and dies with this process.
Tun.open({ name: 'uss0', kind: 'tun' });
ip(`addr add ${addressText} dev uss0${isIpv4(address) ? '' : ' nodad'}`);
ip('link set uss0 up');
const machine = new Machine({
  names: { table: 'understudy-test-relay', gate: 'ussgate' },
  interfaces: [lan],
  addresses: [address],
  port,
  partner: {
    peering: {
      identity: {
        crypto: nodeCrypto,
        scope: 'lab/web/sessions',
        name: role === 'active' ? 'first' : 'second',
        keys: [Buffer.alloc(32, 7)],
        protection: 'sign',
      },
      peer: role === 'active' ? 'second' : 'first',
      listens: role === 'active',
      routes: [{ local, remote }],
      port: 7001,
    },
    policy: 'degrade',
    patienceUs: Number(patienceMs) * 1000,
    bytesMax: 64 << 20,
  },
  ...service(),
  farewellPatienceMs: 1500,
  report: (event) => {
    if ('flow' in event) notices.push({ kind: event.event, flow: event.flow, offset: event.offset });
  },
});
if (role === 'active') machine.takeOver();
const mac = interfaceMac(lan);
const neighbours = PacketSocket.open({ interface: lan, ignoreOutgoing: true, filter: neighbourFilter() });
let speaks = role === 'active';
const announcements = (): Uint8Array[] =>
  isIpv4(address)
    ? [arpAnnouncementRequest(mac, address), arpAnnouncementReply(mac, address)]
    : [unsolicitedAdvertisement(mac, address, false)];
if (!isIpv4(address)) neighbours.joinMulticast(ipv6MulticastMac(solicitedNode(address)));

machine.watch(neighbours.fd, () => {
  neighbours.receive((bytes) => {
    const frame = decodeNeighbourFrame(bytes);
    if (!speaks || !frame.ok || frame.value.targetIp !== address) return;
    const { value } = frame;
    if (value.kind === 'arp' && value.operation === 'request')
      neighbours.sendBurst([arpReply(mac, value.targetIp, value.senderMac, value.senderIp)]);
    else if (value.kind === 'solicitation')
      neighbours.sendBurst([
        neighbourAdvertisement(mac, value.targetIp, false, value.source, value.senderIp),
      ]);
  });
});
const line = Buffer.alloc(100);
machine.watch(0, () => {
  const length = readSync(0, line);
  if (length === 0) process.exit(0);
  const command = line.toString('latin1', 0, length).trim();
  if (command === 'takeover') {
    const began = process.hrtime.bigint();
    speaks = true;
    neighbours.sendBurst(announcements());
    machine.takeOver();
    report({ tookOver: true, ms: Number(process.hrtime.bigint() - began) / 1e6, ...machine.counts });
  } else if (command === 'yield') {
    speaks = false;
    machine.becomeStandby();
    report(machine.counts);
  } else if (command === 'leave') {
    machine.stop(false);
    report({ left: true });
  } else report({ ...machine.counts, notices, residentBytes: process.memoryUsage.rss() });
});
report({ ready: true });
machine.run();
