/**
 * Somebody else has the address, or says so, on a real LAN with real daemons: strangers, and a member that is not heard.
 * The hosts are ordinary ones; their frames are written on the wire by hand where a kernel would not say them at will.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Occurrence } from '../../src/api/types.ts';
import { groupName } from '../../src/lab/configuration.ts';
import { askSwitchover } from '../../src/lab/control-client.ts';
import { type NodePlan, planFig1a, switchNamespace } from '../../src/lab/plan.ts';
import { inNamespace, ip } from '../../src/lab/topology.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { PacketSocket } from '../../src/linux/packet-socket.ts';
import { type Ipv4Address, type Ipv6Address, parseIp, parseMac } from '../../src/wire/address.ts';
import { arpAnnouncementReply, arpProbe, unsolicitedAdvertisement } from '../../src/wire/frame.ts';
import { claim, unsolicitedReply } from '../claims/capture.ts';
import { enclosed } from '../claims/enclosed.ts';
import type { Host } from '../claims/host.ts';
import { Stage } from '../claims/stage.ts';
import { inPeer } from '../namespace.ts';

await enclosed(import.meta.filename);
const stage = new Stage(planFig1a(2));
after(() => stage.close());
const [hostA, hostB] = stage.hosts as [Host, Host];
const { service4, service6, members } = stage.plan;
const [primary, redundant] = members as [(typeof members)[0], (typeof members)[0]];
const stranger = hostB.plan;
const strangersMac = parseMac(stranger.mac) ?? assert.fail();
const mouth = inPeer(stranger.name, () => PacketSocket.open({ interface: stranger.interface }));
const [shared4, shared6] = [parseIp(service4) as Ipv4Address, parseIp(service6) as Ipv6Address];

const claims = {
  [service4]: arpAnnouncementReply(strangersMac, shared4),
  [service6]: unsolicitedAdvertisement(strangersMac, shared6, false),
};

/** All reports of a machine since then with this code. */
function reports(node: NodePlan, sinceUs: number, code: string): readonly Occurrence[] {
  return stage.system.occurrences(node).filter((one) => one.atUs > sinceUs && one.code === code);
}

/** Everything that was planned to be announced after the takeover has been. */
async function announced(node: NodePlan): Promise<void> {
  await stage.reported(node, 0, 'announced', { round: 4 });
}

/** Nothing that the daemons say to each other passes the switch; everything else does. */
function cutControl(): void {
  const ports = members.flatMap(({ lanPort, cable }) => [
    lanPort,
    ...(cable === undefined ? [] : [cable.port]),
  ]);
  const chain = (port: string): string => `chain ${port} {
    type filter hook ingress device ${port} priority 0;
    ip protocol { udp, tcp } th dport 7169-7170 drop
    ip protocol tcp th sport 7169-7170 drop
  }`;
  const rules = `table netdev cut {\n${ports.map(chain).join('\n')}\n}`;
  inNamespace(switchNamespace, ['nft', rules]);
}

function mendControl(): void {
  inNamespace(switchNamespace, ['nft', 'delete', 'table', 'netdev', 'cut']);
}

async function roleOf(node: NodePlan): Promise<string | undefined> {
  return (await stage.status(node)).groups[0]?.role;
}

test('a stranger is named by his first frame, on the active machine and on the standby; the hosts get the address back', () =>
  stage.steadily(async () => {
    const cast = await stage.settle();
    await announced(cast.primary);
    for (const [address, frame] of Object.entries(claims)) {
      const sinceUs = monotonicUs();
      mouth.sendBurst([frame]);
      const wanted = { address, mac: stranger.mac, interface: 'lan0', how: 'announcement', count: 1 };
      for (const node of members) await stage.reported(node, sinceUs, 'foreignClaim', wanted);
      await hostA.untilMapped(cast.primary.mac, [address]);
    }
    for (const node of members) {
      const conflict = (await stage.status(node)).groups[0]?.conflict;
      assert.deepEqual([conflict?.mac, conflict?.member], [stranger.mac, null]);
    }
    assert.equal(await roleOf(cast.primary), 'active');
  }));

test('who only asks whether anybody has it is told so by the active machine, and named', () =>
  stage.steadily(async () => {
    const cast = await stage.settle();
    const sinceUs = monotonicUs();
    mouth.sendBurst([arpProbe(strangersMac, shared4)]);
    const report = await stage.reported(cast.primary, sinceUs, 'foreignClaim', { how: 'probe' });
    assert.deepEqual([report.level, report.detail['mac']], ['info', stranger.mac]);
    await stage.turn(cast.redundant);
    assert.deepEqual(reports(cast.redundant, sinceUs, 'foreignClaim'), []);
  }));

test('an announcement of the members themselves is no stranger’s', () =>
  stage.steadily(async () => {
    const sinceUs = monotonicUs();
    const before = await stage.settle();
    await stage.system.switchover(before.primary);
    await stage.reported(before.redundant, sinceUs, 'announced', { round: 0 });
    for (const node of members) await stage.turn(node);
    for (const node of members) assert.deepEqual(reports(node, sinceUs, 'foreignClaim'), []);
  }));

test('a storm of claims is neither answered nor reported at its own rate', () =>
  stage.steadily(async () => {
    const cast = await stage.settle();
    await announced(cast.primary);
    const sinceUs = monotonicUs();
    const wire = stage.listen(cast.primary.lanPort);
    let sent = 0;
    await stage.until('the storm is over', () => {
      mouth.sendBurst([claims[service4] ?? assert.fail()]);
      return ++sent >= 400;
    });
    for (const node of members) await stage.turn(node);
    const seconds = (monotonicUs() - sinceUs) / 1e6;
    assert.ok(seconds > 1.5, `${sent} claims in ${seconds} s`);
    const answers = wire.like(unsolicitedReply(cast.primary.mac, service4)).length;
    assert.ok(answers >= 1 && answers <= 2 + Math.log2(seconds), `${answers} answers in ${seconds} s`);
    for (const node of members) {
      const said = reports(node, sinceUs, 'foreignClaim').length;
      assert.ok(said >= 1 && said <= 2 + Math.log2(seconds), `${said} reports in ${seconds} s`);
    }
    assert.equal(await roleOf(cast.primary), 'active');
  }));

test('a machine that starts with its paths cut, but not its LAN, takes no live address; the member that has it is named', () =>
  stage.steadily(async () => {
    await stage.begin([primary]);
    await stage.until('it is active', async () => (await roleOf(primary)) === 'active');
    cutControl();
    try {
      const sinceUs = monotonicUs();
      const wire = stage.listen(redundant.lanPort);
      await stage.start(redundant);
      const found = await stage.reported(redundant, sinceUs, 'addressInUse');
      assert.deepEqual([found.detail['mac'], found.detail['by']], [primary.mac, primary.name]);
      const { role, waitsFor } = (await stage.status(redundant)).groups[0] ?? assert.fail();
      assert.deepEqual([role, waitsFor], ['starting', 'address']);
      assert.deepEqual(reports(primary, sinceUs, 'foreignClaim'), [], 'its questions are no stranger’s');
      // It asks again, and for as long as it is answered nothing leaves it that claims the address.
      const asked = wire.frames.length;
      await stage.until('it asks again', () => wire.frames.slice(asked).some((frame) => isProbe(frame)));
      assert.deepEqual([...wire.like(claim(service4)), ...wire.like(claim(service6))], []);
      stage.kill(primary);
      await stage.reported(redundant, sinceUs, 'transition', { to: 'active' });
      await stage.talk(redundant);
    } finally {
      mendControl();
    }
  }));

test('once it hears the other one, it stands by', () =>
  stage.steadily(async () => {
    await stage.begin([primary]);
    await stage.until('it is active', async () => (await roleOf(primary)) === 'active');
    cutControl();
    const sinceUs = monotonicUs();
    try {
      await stage.start(redundant);
      await stage.reported(redundant, sinceUs, 'addressInUse');
    } finally {
      mendControl();
    }
    await stage.reported(redundant, sinceUs, 'transition', { from: 'starting', to: 'standby' });
    assert.deepEqual(reports(primary, sinceUs, 'transition'), []);
  }));

for (const address of [service4, service6]) {
  test(`a stranger who has ${address} keeps a machine that starts waiting, and is named, until he gives it up`, () =>
    stage.steadily(async () => {
      await stage.begin([]);
      const prefix = address.includes(':') ? 128 : 32;
      const has = (what: 'add' | 'del'): void =>
        void ip([
          ...['-n', stranger.name, 'address', what, `${address}/${prefix}`, 'dev', stranger.interface],
          // As long as a kernel asks itself whether it is alone with it, it does not answer.
          ...(prefix === 128 && what === 'add' ? ['nodad'] : []),
        ]);
      const sinceUs = monotonicUs();
      has('add');
      try {
        await stage.start(primary);
        const found = await stage.reported(primary, sinceUs, 'addressInUse');
        assert.deepEqual(
          [found.detail['address'], found.detail['mac'], found.detail['by']],
          [address, stranger.mac, null],
        );
        assert.equal(await roleOf(primary), 'starting');
      } finally {
        has('del');
      }
      await stage.until('it is active', async () => (await roleOf(primary)) === 'active');
      assert.equal(reports(primary, sinceUs, 'addressInUse').length, 1);
    }));
}

test('an operator who moves the role here takes the address from a stranger', () =>
  stage.steadily(async () => {
    await stage.begin([]);
    ip(['-n', stranger.name, 'address', 'add', `${service4}/32`, 'dev', stranger.interface]);
    try {
      const sinceUs = monotonicUs();
      await stage.start(primary);
      await stage.reported(primary, sinceUs, 'addressInUse');
      await askSwitchover(stage.system.controlSocket(primary), groupName, primary.name);
      await stage.reported(primary, sinceUs, 'transition', { to: 'active' });
      await hostA.untilMapped(primary.mac, [service4]);
    } finally {
      ip(['-n', stranger.name, 'address', 'del', `${service4}/32`, 'dev', stranger.interface]);
    }
  }));

test('a port that has carrier and passes nothing yet is waited for', () =>
  stage.steadily(async () => {
    await stage.begin([]);
    const port = (state: 'listening' | 'forwarding'): void =>
      void ip([
        ...['-n', switchNamespace, 'link', 'set', primary.lanPort, 'type', 'bridge_slave'],
        ...['state', state === 'listening' ? '1' : '3'],
      ]);
    port('listening');
    const sinceUs = monotonicUs();
    try {
      await stage.start(primary);
      await stage.reported(primary, sinceUs, 'waitsForPort');
      const { role, waitsFor } = (await stage.status(primary)).groups[0] ?? assert.fail();
      assert.deepEqual([role, waitsFor], ['starting', 'port']);
      assert.equal(reports(primary, sinceUs, 'carrier').filter(({ detail }) => detail['up']).length, 2);
    } finally {
      port('forwarding');
    }
    // The other machine's kernel answers what it is asked: nobody else needs to speak.
    await stage.reported(primary, sinceUs, 'transition', { to: 'active' });
    await stage.talk(primary);
  }));

/** ARP for the address from nobody. */
function isProbe(frame: string): boolean {
  return /^f{12}.{12}0806.{12}0001.{12}0{8}.{12}c000020a/.test(frame);
}
