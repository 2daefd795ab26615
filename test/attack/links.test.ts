/** Interfaces that come, go, change their name and move, under a running daemon, and under one that stands still. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { until } from '../../src/lab/until.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { errnoName } from '../../src/linux/errno.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { UdpSocket } from '../../src/linux/udp-socket.ts';
import { formatIp, type Ipv4Address, type MacAddress, parseIp, parseMac } from '../../src/wire/address.ts';
import { arpAnnouncementReply, arpQuestion, decodeNeighbourFrame } from '../../src/wire/frame.ts';
import { inNamespace, inPeer, ip } from '../namespace.ts';
import { configuration, Daemon, Ear, laySwitch, machine, macOf, plug, shared } from './lan.ts';

inNamespace(import.meta.filename);

let daemon: Daemon;

before(async () => {
  laySwitch();
  machine('primary', 1);
  ip('netns add elsewhere');
  daemon = Daemon.start({
    machine: 'primary',
    name: 'primary',
    text: configuration({ node: 'primary', name: 'primary' }),
  });
  await daemon.becomes('active');
});

/** Resolves when the daemon has noticed that its interface is gone. */
async function untilGone(work: () => void): Promise<void> {
  const since = daemon.events.length;
  work();
  await until('the daemon has noticed', () =>
    daemon.said('carrier', since).some(({ detail }) => detail['up'] === false),
  );
}

/** Resolves when the host has heard an announcement from this machine. */
async function untilAnnounced(last: number, work: () => void): Promise<void> {
  const ear = new Ear();
  work();
  await until('the host hears it announced', () => ear.hear().includes(macOf(last)));
  ear.close();
  await daemon.becomes('active');
}

test('an interface that was renamed and has its name again is served again', async () => {
  await untilGone(() => {
    ip('-n primary link set lan0 down');
    ip('-n primary link set lan0 name away0');
  });
  await untilAnnounced(1, () => {
    ip('-n primary link set away0 name lan0');
    ip('-n primary link set lan0 up');
  });
});

test('one that moved to another namespace and came back is served again', async () => {
  await untilGone(() => ip('-n primary link set lan0 netns elsewhere'));
  await untilAnnounced(1, () => {
    ip('-n elsewhere link set lan0 netns primary');
    ip('-n primary address add 192.0.2.1/24 dev lan0');
    ip('-n primary link set lan0 up');
  });
});

test('one that was deleted and made anew, with another index, is served again', async () => {
  await untilGone(() => ip('-n primary link del lan0'));
  await untilAnnounced(4, () => plug('primary', 4));
});

const address = parseIp(shared) as Ipv4Address;
const stranger = parseIp('192.0.2.77') as Ipv4Address;
const strangersMac = parseMac('02:00:5e:00:53:77') as MacAddress;

/** A new interface of a machine, up from its first moment, whose other end asks for the shared address at once. */
class NewLink {
  readonly #socket: PacketSocket;
  readonly #name: string;
  readonly #machine: string;
  answers = 0;
  claims = 0;

  constructor(machine: string, name: string) {
    this.#machine = machine;
    this.#name = name;
    ip(`netns add ${name}`);
    ip(`-n ${name} link add far type veth peer name near netns ${name}`);
    ip(`-n ${name} link set far up`);
    this.#socket = inPeer(name, () => PacketSocket.open({ interface: 'far' }));
    ip(`-n ${name} link set near name ${name}`);
    ip(`-n ${name} link set ${name} netns ${machine} up`);
  }

  ask(): void {
    this.#socket.sendBurst([arpQuestion(strangersMac, stranger, 0xffff_ffff_ffff as MacAddress, address)]);
    this.#socket.receive((bytes) => {
      const frame = decodeNeighbourFrame(bytes);
      if (!frame.ok || frame.value.kind !== 'arp' || formatIp(frame.value.senderIp) !== shared) return;
      if (frame.value.operation === 'reply' && frame.value.targetIp === stranger) this.answers++;
      else this.claims++;
    });
  }

  /** A program on the machine says the address by a packet socket, and by an ordinary one; the latter's error. */
  claim(): string {
    inPeer(this.#machine, () => {
      const mouth = PacketSocket.open({ interface: this.#name });
      mouth.sendBurst([arpAnnouncementReply(strangersMac, address)]);
      mouth.close();
    });
    const socket = inPeer(this.#machine, () =>
      UdpSocket.open({ interface: this.#name, localAddress: address, port: 7 }),
    );
    const errno = socket.send(Buffer.from('hello'), 5, stranger, 7);
    socket.close();
    return errno === 0 ? 'sent' : errnoName(errno);
  }

  close(): void {
    this.#socket.close();
    ip(`netns del ${this.#name}`);
  }
}

/** For so long the other end asks, microseconds. */
const askingUs = 300_000;

test('without a fence the kernel answers there: the measure of what follows', async () => {
  machine('plain', 5);
  ip(`-n plain address add ${shared}/32 dev lo`);
  const link = new NewLink('plain', 'new3');
  await until('it answers', () => {
    link.ask();
    return link.answers > 0;
  });
  link.close();
});

test('on an interface that appears the kernel never answers for the address, whether the daemon runs or not', () => {
  for (const frozen of [false, true]) {
    if (frozen) daemon.process.kill('SIGSTOP');
    const link = new NewLink('primary', frozen ? 'new1' : 'new0');
    for (const began = monotonicUs(); monotonicUs() - began < askingUs; ) link.ask();
    assert.equal(link.answers, 0);
    link.close();
  }
  daemon.process.kill('SIGCONT');
});

test('what a standby says of it on an interface that appears is stopped: IP at once, other frames soon', async (context) => {
  // Of the primary it hears, and is a standby.
  ip('-n primary link del lan0');
  plug('primary', 1);
  await untilAnnounced(1, () => undefined);
  machine('redundant', 2);
  const text = configuration({ node: 'redundant', name: 'redundant' });
  const standby = Daemon.start({ machine: 'redundant', name: 'redundant', text });
  await standby.becomes('standby');
  const link = new NewLink('redundant', 'new2');
  const beganUs = monotonicUs();
  assert.equal(link.claim(), 'EPERM');
  await until('the fence covers it', () => {
    const before = link.claims;
    assert.equal(link.claim(), 'EPERM');
    link.ask();
    return link.claims === before;
  });
  context.diagnostic(`covered after ${monotonicUs() - beganUs} µs at most`);
  link.close();
  await standby.kill();
});
