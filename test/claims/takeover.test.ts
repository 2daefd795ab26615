/** Claims 10 to 13 and 17, in the set-up of fig. 1B: the second proxy client takes over (steps 535 to 555). */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { planFig1b } from '../../src/lab/plan-fig1b.ts';
import { monotonicUs } from '../../src/linux/clock.ts';
import { claim, unsolicitedAdvertisement, unsolicitedReply } from './capture.ts';
import { enclosed } from './enclosed.ts';
import type { Host } from './host.ts';
import { Stage } from './stage.ts';

await enclosed(import.meta.filename);
const stage = new Stage(planFig1b({ topology: 'both', link: true }));
after(() => stage.close());
const [hostA] = stage.hosts as [Host, Host];
const { service4, service6 } = stage.plan;

test('claim 10: on the change in status the second client registers with its own proxy as active', () =>
  stage.steadily(async () => {
    const { primary, redundant, second } = await stage.settle();

    const struckUs = stage.kill(primary);

    const seen = await stage.reported(redundant, struckUs, 'faultSeen');
    const registered = await stage.reported(second, struckUs, 'registered', { state: 'active' });
    assert.equal(registered.peer, redundant.name);
    assert.ok(seen.atUs <= registered.atUs);
    const { proxied } = await stage.status(second);
    const entry = proxied[0]?.registrations.find(({ member }) => member === redundant.name);
    assert.equal(entry?.state, 'active');
  }));

test('claim 11: then the second proxy broadcasts the unsolicited ARP reply with its own physical address', () =>
  stage.steadily(async () => {
    const { primary, second } = await stage.settle();
    const mouth = stage.listen(second.lanPort);
    const reply = unsolicitedReply(second.mac, service4);
    const advertisement = unsolicitedAdvertisement(second.mac, service6);

    const struckUs = stage.kill(primary);

    await stage.reported(second, struckUs, 'registered', { state: 'active' });
    for (const shape of [reply, advertisement]) {
      await stage.until(`the second proxy says ${shape}`, () => mouth.like(shape).length > 0);
      for (const { plan, ears } of stage.hosts) {
        await stage.until(`${plan.name} hears ${shape}`, () => ears.like(shape).length > 0);
      }
    }
  }));

test('claim 12: the first proxy, alive, then answers neither ARP nor neighbour discovery for the address', () =>
  stage.steadily(async () => {
    const { primary, first, second } = await stage.settle();
    const mouth = stage.listen(first.lanPort);
    hostA.question(first.mac);
    await stage.until('the first proxy answers so far', () => hostA.answers(first.mac) === 2);

    const struckUs = stage.kill(primary);
    await stage.reported(second, struckUs, 'announced');
    for (const host of stage.hosts) await host.untilMapped(second.mac);
    await stage.until('it reads what the second one says', async () => {
      await stage.turn(first);
      return stage.report(first, struckUs, 'proxyTransition') !== undefined;
    });
    mouth.forget();
    hostA.ears.forget();

    hostA.question();
    hostA.question(first.mac);
    await stage.turn(first);
    await stage.turn(second);

    for (const shared of hostA.shared)
      assert.deepEqual(mouth.like(claim(shared)), [], 'the first proxy speaks');
    assert.equal(hostA.answers(first.mac), 0, 'the first proxy still answers');
    await stage.until('the second proxy answers', () => hostA.answers(second.mac) >= 2);
  }));

test('claim 13: the hosts’ tables map to the second proxy, and a conversation goes on with the redundant client', () =>
  stage.steadily(async () => {
    const { primary, redundant, first, second } = await stage.settle();
    for (const host of stage.hosts) await host.untilMapped(first.mac);

    stage.kill(primary);

    // Each goes on from the socket it has: to the host the other end is the same.
    await stage.talk(redundant);
    for (const host of stage.hosts) await host.untilMapped(second.mac);
    for (const talk of stage.hosts.flatMap(({ talks }) => talks)) {
      assert.equal(await talk.exchange(), redundant.name, talk.name);
    }
  }));

test('claim 17: the repaired primary stands by, registered, and takes over again when the second one fails', () =>
  stage.steadily(async () => {
    const { primary, redundant, first, second } = await stage.settle();
    const struckUs = stage.kill(primary);
    await stage.reported(second, struckUs, 'announced');
    await stage.talk(redundant);

    const repairedUs = monotonicUs();
    await stage.start(primary);

    const registered = await stage.reported(first, repairedUs, 'registered', { state: 'standby' });
    assert.equal(registered.peer, primary.name);
    await stage.until('it is ready', async () => {
      const [group] = (await stage.status(primary)).groups;
      return group?.role === 'standby' && group.healthy && group.proxy?.registered === true;
    });
    assert.equal(
      (await stage.status(redundant)).groups[0]?.role,
      'active',
      'the redundant one was disturbed',
    );
    assert.equal(
      stage.report(primary, repairedUs, 'transition', { to: 'active' }),
      undefined,
      'it took over',
    );

    stage.kill(redundant);

    for (const host of stage.hosts) await host.untilMapped(first.mac);
    await stage.talk(primary);
  }));
