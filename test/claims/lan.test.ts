/** Claims 1 to 6, in the set-up of fig. 1A: hosts, a primary and a redundant system on one LAN, and a direct link. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { planFig1a } from '../../src/lab/plan.ts';
import { ip } from '../../src/lab/topology.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { inPeer } from '../namespace.ts';
import { unsolicitedAdvertisement, unsolicitedReply, voice } from './capture.ts';
import { enclosed } from './enclosed.ts';
import type { Host } from './host.ts';
import { Stage } from './stage.ts';

await enclosed(import.meta.filename);
const stage = new Stage(planFig1a(2));
after(() => stage.close());
const [hostA, hostB] = stage.hosts as [Host, Host];
const { service4, service6 } = stage.plan;

test('claim 1: the announcement re-maps the hosts’ tables from the primary to the redundant one, and packets follow', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    for (const host of stage.hosts) await host.untilMapped(primary.mac);

    stage.powerOff(primary);

    // The hosts say nothing meanwhile: what their tables learn, they learn from what the redundant one says.
    for (const host of stage.hosts) await host.untilMapped(redundant.mac);
    for (const talk of stage.hosts.flatMap(({ talks }) => talks)) {
      assert.equal(await talk.exchange(), redundant.name, `${talk.name}: the first packet after it`);
    }
  }));

test('claim 2: the announcement is a broadcast unsolicited ARP reply: the shared address, the redundant one’s physical address', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    const reply = unsolicitedReply(redundant.mac, service4);
    const advertisement = unsolicitedAdvertisement(redundant.mac, service6);

    stage.freeze(primary);

    for (const { plan, ears } of stage.hosts) {
      await stage.until(`${plan.name} hears ${reply}`, () => ears.like(reply).length > 0);
      await stage.until(`${plan.name} hears ${advertisement}`, () => ears.like(advertisement).length > 0);
    }
  }));

test('claim 3: the host is an ordinary one, its table its kernel’s; an entry that changed a moment ago moves, too', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    const fresh = freshSettings();
    assert.ok(fresh.includes('/proc/sys/net/ipv4/neigh/eth0/locktime: 100'), 'no second of locktime here');
    for (const { plan } of stage.hosts) {
      assert.deepEqual(settings(plan.name), fresh, `${plan.name} has a setting of its own`);
      assert.equal(ip(['netns', 'pids', plan.name]), '', `something runs on ${plan.name}`);
    }

    const changedUs = await strikeAtAFreshEntry(primary.name);

    // Linux heeds no ordinary reply for an entry that changed within the last second (locktime).
    const leftMs = (changedUs + locktimeUs - monotonicUs()) / 1000;
    await hostA.untilMapped(redundant.mac, [service4], leftMs);
    await hostA.untilMapped(redundant.mac, [service6]);
  }));

test('claim 4: over the direct link alone the redundant one sees that the primary’s process failed, and takes over', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    stage.part();
    const heard = async (): Promise<string> => {
      const { peers } = await stage.status(redundant);
      return peers[0]?.paths.flatMap(({ name, up }) => (up ? name : [])).join() ?? '';
    };
    await stage.until('it hears the primary over the link alone', async () => (await heard()) === 'cable');
    // Through the link it knows that the primary lives: the silent LAN is no reason.
    assert.equal((await stage.status(redundant)).groups[0]?.role, 'standby');

    const struckUs = stage.kill(primary);

    const seen = await stage.reported(redundant, struckUs, 'faultSeen');
    assert.equal(seen.detail['why'], 'processDeath');
    await stage.reported(redundant, struckUs, 'transition', { to: 'active' });
    for (const host of stage.hosts) await host.untilMapped(redundant.mac);
    await stage.talk(redundant);
  }));

test('claim 5: that the primary loses its power is a predetermined state', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();

    const struckUs = stage.powerOff(primary);

    await stage.reported(redundant, struckUs, 'faultSeen');
    await stage.reported(redundant, struckUs, 'transition', { to: 'active' });
    for (const host of stage.hosts) await host.untilMapped(redundant.mac);
    await stage.talk(redundant);
  }));

test('claim 6: that the primary’s processor stands still is a predetermined state; woken again it does not speak', () =>
  stage.steadily(async () => {
    const { primary, redundant } = await stage.settle();
    const mouth = stage.listen(primary.lanPort);

    const frozenUs = stage.freeze(primary);
    await stage.reported(redundant, frozenUs, 'transition', { to: 'active' });
    for (const host of stage.hosts) await host.untilMapped(redundant.mac);
    const lapsedUs = frozenUs + stage.system.lingerMs * 1000;
    await stage.until('its lease has run out', () => monotonicUs() > lapsedUs);
    mouth.forget();

    // Its kernel and its service still work: somebody who has the old entry talks to them.
    for (const shared of hostB.shared) hostB.pin(shared, primary.mac);
    for (const talk of hostB.talks) for (let requests = 0; requests < 10; requests++) talk.say();
    // And these wait in its daemon's socket until it wakes.
    hostA.question();
    for (const talk of hostA.talks) assert.equal(await talk.exchange(), redundant.name);
    stage.thaw(primary);
    const { atUs } = await stage.reported(primary, frozenUs, 'transition', { from: 'active' });
    hostA.question(primary.mac);
    await stage.turn(primary);

    assert.ok(atUs > lapsedUs);
    for (const talk of hostA.talks) assert.equal(await talk.exchange(), redundant.name);
    for (const shared of hostB.shared)
      assert.deepEqual(mouth.like(voice(shared)), [], `it spoke as ${shared}`);
    assert.equal(hostA.answers(primary.mac), 0);
  }));

const locktimeUs = 1_000_000;
const attempts = 5;

/**
 * Freezes the primary just after host-a resolved the addresses anew; resolves, when the redundant one is active, to an
 * instant before that. Again where the machine was so slow that the entries became old meanwhile.
 */
async function strikeAtAFreshEntry(victim: string): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const cast = await stage.settle({ active: victim });
    for (const shared of hostA.shared) hostA.forget(shared);
    const changedUs = monotonicUs();
    await Promise.all(hostA.talks.map((talk) => talk.untilAnsweredBy(victim)));
    const frozenUs = stage.freeze(cast.primary);
    const { atUs } = await stage.reported(cast.redundant, frozenUs, 'transition', { to: 'active' });
    if (atUs - changedUs < locktimeUs / 2) return changedUs;
    assert.ok(attempt < attempts, 'set-up: the machine is too slow for a takeover within half a second');
  }
}

/** How the kernel of a namespace treats neighbours: every setting of its interface, with its value. */
function settings(namespace: string): readonly string[] {
  return inPeer(namespace, () =>
    ['ipv4/conf', 'ipv4/neigh', 'ipv6/conf', 'ipv6/neigh']
      .flatMap((kind) => ['all', 'default', 'eth0'].map((which) => `/proc/sys/net/${kind}/${which}`))
      .filter((directory) => existsSync(directory))
      .flatMap((directory) => readdirSync(directory).map((name) => `${directory}/${name}`))
      // It cannot be read before it was set (IPv6 stable privacy addresses).
      .filter((path) => !path.endsWith('/stable_secret'))
      .map((path) => `${path}: ${readFileSync(path, 'utf8').trim()}`),
  );
}

/** The same of a namespace that was made just now. */
function freshSettings(): readonly string[] {
  ip(['netns', 'add', 'fresh']);
  try {
    ip(['-n', 'fresh', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1']);
    return settings('fresh');
  } finally {
    ip(['netns', 'del', 'fresh']);
  }
}
